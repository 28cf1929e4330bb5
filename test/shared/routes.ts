/**
 * What `Routes` promises on any network: what servers see of the interface that leads to them, and nothing left open wherever
 * the discovery is interrupted.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { make as makeRandom, SecureRandom } from "effect/crypto/SecureRandom"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { randomBytes } from "node:crypto"
import * as RoutesLayer from "../../src/layers/Routes.ts"
import * as StunClientLayer from "../../src/layers/StunClient.ts"
import { Interfaces } from "../../src/services/Interfaces.ts"
import { type DiscoverOptions, Routes } from "../../src/services/Routes.ts"
import { Udp } from "../../src/services/Udp.ts"
import { answer, serveUdp } from "../support/stunResponder.ts"
import { type Host, type Hosts, leavingNothing, testIn, type World } from "./World.ts"

const layer = Layer.fresh(RoutesLayer.layer.pipe(Layer.provide(StunClientLayer.layer))).pipe(
  Layer.provide(
    Layer.succeed(
      SecureRandom,
      makeRandom((size) => Uint8Array.from(randomBytes(size)))
    )
  )
)

const discover = (host: Host, options: DiscoverOptions) =>
  host.on(
    Effect.provide(
      Routes.use((routes) => routes.discover(options)),
      layer
    )
  )

/** Two servers that answer and one that does not, and how to ask them by the interface of the client's address. */
const asking = Effect.fnUntraced(function* (hosts: Hosts, family: NetAddress.IpFamily) {
  const address = hosts.server.address(family)
  const bind = hosts.server.on(Udp.use((udp) => udp.bind({ address })))
  const sockets = [yield* bind, yield* bind, yield* bind]
  for (const socket of sockets.slice(0, 2)) yield* Effect.forkScoped(serveUdp(socket, (asked) => [answer(asked)]))
  const { name } = yield* hosts.client.on(
    Interfaces.use((interfaces) => interfaces.byAddress(hosts.client.address(family)))
  )
  const servers = sockets.map(({ local }, at) => ({ id: `s${at}`, endpoint: local, udp: true, tcp: false }))
  return { interfaces: [name], families: [family], servers } satisfies DiscoverOptions
})

/** Of real sockets: one microtask, and one turn of the event loop, the two kinds of step between which an interruption can fall. */
const realSteps = [Effect.promise(() => Promise.resolve()), Effect.yieldNow]

export const routesTests = (world: World, steps: ReadonlyArray<Effect.Effect<void>> = realSteps): void => {
  const test = testIn(world)
  for (const family of world.families) {
    describe(`routes over ${family} (${world.name})`, () => {
      test("are what the servers see, whatever is dead", (hosts) =>
        Effect.gen(function* () {
          const options = yield* asking(hosts, family)
          const { pool } = yield* leavingNothing(hosts)(discover(hosts.client, options))
          const own = NetAddress.formatIp(hosts.client.address(family))
          const route = pool.routes.find(({ local }) =>
            local.some(({ address }) => NetAddress.formatIp(address) === own)
          )
          assert.strictEqual(NetAddress.formatIp(route!.external.first), own)
          assert.sameMembers([...route!.agreed], ["s0", "s1"])
        }))

      test("leave nothing open, wherever their discovery is interrupted", (hosts) =>
        Effect.gen(function* () {
          const options = yield* asking(hosts, family)
          let done = 0
          yield* leavingNothing(hosts)(
            Effect.gen(function* () {
              const whole = Effect.tap(discover(hosts.client, options), () => Effect.sync(() => done++))
              for (const step of steps) {
                for (let count = 0; count <= 60; count++) {
                  const fiber = yield* Effect.forkChild(whole, { startImmediately: true })
                  for (let at = 0; at < count; at++) yield* step
                  yield* Fiber.interrupt(fiber)
                }
              }
            })
          )
          // Else all the interruptions fell before it was done.
          assert.isAbove(done, 0)
        }))
    })
  }
}
