/** A program that does not come to its sockets for a while. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as NodeP2P from "../../../src/layers/node/NodeP2P.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { busyFor } from "../../support/busy.ts"

describe("a dial in a busy program", () => {
  it.live("has connected if it did so in time, however late that is seen", () =>
    Effect.gen(function* () {
      const tcp = yield* Tcp
      const listener = yield* tcp.listen({ address: NetAddress.ipFromStringUnsafe("127.0.0.1") })
      for (let round = 0; round < 20; round++) {
        const dialling = yield* Effect.forkChild(tcp.dial({ remote: listener.local, timeout: 20 }), {
          startImmediately: true
        })
        busyFor(30)
        const { remote } = yield* Fiber.join(dialling)
        assert.strictEqual(remote.port, listener.local.port)
      }
    }).pipe(Effect.scoped, Effect.provide(NodeP2P.layerSockets))
  )
})
