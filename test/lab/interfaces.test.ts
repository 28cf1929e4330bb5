/**
 * Choosing an interface really uses it: a namespace with two uplinks, the default route by the first. Who answers tells by
 * which the packets left, since both uplinks lead to a machine that calls itself by the same address.
 *
 * Needs root and `ip netns`; elsewhere skipped.
 */
import { assert, describe, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { fileURLToPath } from "node:url"
import { type Child, child } from "../support/childProcess.ts"
import { cable, ip, namespace, unavailable } from "../support/namespace.ts"

const why = unavailable()
if (why !== undefined) console.log(`skipped: choosing an interface, in network namespaces (${why})`)

const script = fileURLToPath(new URL("../support/uplinks.ts", import.meta.url))
const inside = (name: string) => child("ip", ["netns", "exec", name, process.execPath, script])

class Network extends Context.Service<Network, { readonly host: Child; readonly left: Child; readonly right: Child }>()(
  "test/Network"
) {}

/** A host, and left and right of it a machine each, which both have 203.0.113.1 and 2001:db8:3::1. */
const network = Effect.gen(function* () {
  const host = yield* namespace
  const left = yield* namespace
  const right = yield* namespace
  yield* cable([host, "up0"], [left, "down0"])
  yield* cable([host, "up1"], [right, "down0"])
  yield* ip(
    host,
    `link set lo up
     addr add 192.0.2.10/24 dev up0
     addr add 198.51.100.10/24 dev up1
     addr add 2001:db8:1::10/64 dev up0 nodad
     addr add 2001:db8:2::10/64 dev up1 nodad
     route add default via 192.0.2.1 dev up0 metric 100
     route add default via 198.51.100.1 dev up1 metric 200
     -6 route add default via 2001:db8:1::1 dev up0 metric 100
     -6 route add default via 2001:db8:2::1 dev up1 metric 200`
  )
  const machine = (name: string, v4: string, v6: string) =>
    ip(
      name,
      `link set lo up
       addr add 203.0.113.1/32 dev lo
       addr add 2001:db8:3::1/128 dev lo nodad
       addr add ${v4}.1/24 dev down0
       addr add ${v6}::1/64 dev down0 nodad
       route add default via ${v4}.10
       -6 route add default via ${v6}::10`
    )
  yield* machine(left, "192.0.2", "2001:db8:1")
  yield* machine(right, "198.51.100", "2001:db8:2")
  const [atHost, atLeft, atRight] = yield* Effect.all([inside(host), inside(left), inside(right)], {
    concurrency: "unbounded"
  })
  return { host: atHost, left: atLeft, right: atRight }
})

const ways = ["dial", "reserve", "udp", "udp-connected", "pipe-tcp", "pipe-udp"] as const
const addresses = {
  up0: { IPv4: "192.0.2.10", IPv6: "2001:db8:1::10" },
  up1: { IPv4: "198.51.100.10", IPv6: "2001:db8:2::10" }
}

describe.skipIf(why !== undefined)("two uplinks, the default route by the first", () => {
  layer(Layer.effect(Network, network), { excludeTestServices: true })((it) => {
    it.effect("traffic leaves by the interface that was chosen, and the socket says how sure that is", () =>
      Effect.gen(function* () {
        const { host, left, right } = yield* Network
        assert.deepStrictEqual(yield* left.ask("answer left"), { ready: "left" })
        assert.deepStrictEqual(yield* right.ask("answer right"), { ready: "right" })

        for (const family of ["IPv4", "IPv6"] as const) {
          const { up0, up1 } = { up0: addresses.up0[family], up1: addresses.up1[family] }
          for (const way of ways) {
            const asked = { family, way }
            const report = (answer: object) => ({ ...asked, ...answer })
            assert.deepStrictEqual(
              report(yield* host.ask(`ask native ${family} ${way} -`)),
              report({ binding: "none", heard: `left ${up0}` })
            )
            assert.deepStrictEqual(
              report(yield* host.ask(`ask native ${family} ${way} up1`)),
              report({ binding: "device", heard: `right ${up1}` })
            )
            assert.deepStrictEqual(
              report(yield* host.ask(`ask native ${family} ${way} up0`)),
              report({ binding: "device", heard: `left ${up0}` })
            )
            // Without native options it has the interface's address, but the routes still decide; and it does not claim more.
            assert.deepStrictEqual(
              report(yield* host.ask(`ask plain ${family} ${way} up1`)),
              report({ binding: "address", heard: `left ${up1}` })
            )
          }
        }
      })
    )

    it.effect("a server on an interface is reached by that one alone where it is tied to the device", () =>
      Effect.gen(function* () {
        const { host, left, right } = yield* Network
        for (const family of ["IPv4", "IPv6"] as const) {
          const tied = yield* host.ask(`listen native ${family} up1`)
          assert.strictEqual(tied.binding, "device")
          assert.deepStrictEqual(yield* right.ask(`connect ${tied.local}`), { connected: true })
          assert.deepStrictEqual(yield* left.ask(`connect ${tied.local}`), { kind: "Refused" })

          const addressed = yield* host.ask(`listen plain ${family} up1`)
          assert.strictEqual(addressed.binding, "address")
          assert.deepStrictEqual(yield* right.ask(`connect ${addressed.local}`), { connected: true })
          assert.deepStrictEqual(yield* left.ask(`connect ${addressed.local}`), { connected: true })
        }
      })
    )
  })
})
