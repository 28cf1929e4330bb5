/**
 * Options and destinations that cannot be: refused before anything is opened, by name.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as NodeTcp from "../../../src/layers/node/Tcp.ts"
import * as NodeUdp from "../../../src/layers/node/Udp.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { type BindOptions, Udp } from "../../../src/services/Udp.ts"
import { failureOf } from "../../shared/World.ts"
import { openSockets } from "../../support/realWorld.ts"

const layer = Layer.mergeAll(NodeTcp.layer, NodeUdp.layer)
const address = NetAddress.ipFromStringUnsafe("127.0.0.1")
const privateOne = NetAddress.ipFromStringUnsafe("10.0.0.1")
const bind = (options: BindOptions) => Udp.use((udp) => udp.bind({ address, ...options }))

describe("what a UDP socket is told", () => {
  it.live("names the option that is wrong", () =>
    Effect.gen(function* () {
      const before = openSockets()
      const wrong: ReadonlyArray<readonly [BindOptions, string]> = [
        [{ ttl: 999 }, "`ttl` is 999: use 1 to 255"],
        [{ ttl: 1.5 }, "`ttl` is 1.5: use 1 to 255"],
        [{ multicast: { ttl: 256 } }, "`multicast.ttl` is 256: use 0 to 255"],
        [{ multicast: { groups: [privateOne] } }, "multicast.groups: 10.0.0.1 is not a multicast address"]
      ]
      for (const [options, says] of wrong) {
        const error = yield* failureOf(bind(options))
        assert.strictEqual(`${error.reason.op} ${error.reason.kind}`, "bind InvalidInput")
        assert.include(error.message, says)
        assert.isAtMost(openSockets(), before)
      }
      const socket = yield* bind({ ttl: 255, multicast: { ttl: 0 } })
      assert.include((yield* failureOf(socket.setTtl(0))).message, "the hop limit is 0: use 1 to 255")
      const joined = yield* failureOf(socket.join(privateOne))
      assert.strictEqual(`${joined.reason.op} ${joined.reason.kind}`, "join InvalidInput")
      assert.include(joined.message, "10.0.0.1 is not a multicast address")
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.live("a group of the other family is an error that names it", () =>
    Effect.gen(function* () {
      const group = NetAddress.ipFromStringUnsafe("ff15::1")
      const error = yield* failureOf(bind({ multicast: { groups: [group] } }))
      assert.strictEqual(error.reason.op, "bind")
      assert.include(error.message, "`multicast.groups: ff15::1`")
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
})

describe("a link-local destination", () => {
  const without = NetAddress.inetAddressFromStringUnsafe("[fe80::1]:9")
  const zoned = NetAddress.inetAddressFromStringUnsafe("[fe80::1%1]:9")

  it.live("must say on which link", () =>
    Effect.gen(function* () {
      const any = NetAddress.ipFromStringUnsafe("::")
      const errors = [
        yield* failureOf(Tcp.use((tcp) => tcp.dial({ remote: without }))),
        yield* failureOf(Udp.use((udp) => udp.bind({ remote: without }))),
        yield* failureOf(
          Effect.flatMap(
            Udp.use((udp) => udp.bind({ address: any })),
            (socket) => socket.send(new Uint8Array(1), without)
          )
        )
      ]
      for (const error of errors) {
        assert.strictEqual(error.reason.kind, "InvalidInput")
        assert.include(
          error.message,
          "[fe80::1]:9: the input is not valid; every link has such addresses: write the zone"
        )
      }
      // With a zone it is tried: whatever comes of it is about the network.
      const tried = yield* failureOf(Tcp.use((tcp) => tcp.dial({ remote: zoned, timeout: "20 millis" })))
      assert.notInclude(tried.message, "write the zone")
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
})
