/**
 * What `StunClient` promises on any network: over UDP and TCP, from sockets of its own and of others, and nothing left open
 * wherever it is interrupted.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { make as makeRandom, SecureRandom } from "effect/crypto/SecureRandom"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as StunClientLayer from "../../src/layers/StunClient.ts"
import { type Binding, type QueryOptions, StunClient } from "../../src/services/StunClient.ts"
import { Tcp } from "../../src/services/Tcp.ts"
import { Udp } from "../../src/services/Udp.ts"
import { answer, serveTcp, serveUdp } from "../support/stunResponder.ts"
import { deadEnd } from "./freePort.ts"
import { at, failureOf, type Host, type Hosts, leavingNothing, testIn, type World } from "./World.ts"

const layer = Layer.fresh(StunClientLayer.layer).pipe(
  Layer.provide(
    Layer.succeed(
      SecureRandom,
      makeRandom((size) => Uint8Array.from(randomBytes(size)))
    )
  )
)

const stun = <A, E, R>(host: Host, use: (stun: StunClient["Service"]) => Effect.Effect<A, E, R>) =>
  host.on(Effect.provide(StunClient.use(use), layer))

/** A server on both transports, by the ports it has. */
const serving = Effect.fnUntraced(function* (hosts: Hosts, family: NetAddress.IpFamily) {
  const address = hosts.server.address(family)
  const socket = yield* hosts.server.on(Udp.use((udp) => udp.bind({ address })))
  const listener = yield* hosts.server.on(Tcp.use((tcp) => tcp.listen({ address })))
  yield* Effect.forkScoped(hosts.server.on(serveUdp(socket, (asked) => [answer(asked)])))
  yield* Effect.forkScoped(hosts.server.on(serveTcp(listener, (asked) => [answer(asked)])))
  return { udp: socket.local, tcp: listener.local }
})

/** Every way to ask. */
const ways = (
  hosts: Hosts,
  family: NetAddress.IpFamily,
  servers: Record<"udp" | "tcp", NetAddress.InetAddress>
): Record<string, Effect.Effect<Binding, unknown, Scope.Scope>> => {
  const address = hosts.client.address(family)
  const local = { address }
  const change = { address: false, port: true }
  const ask = (options: Omit<QueryOptions, "local">) => stun(hosts.client, (stun) => stun.query({ ...options, local }))
  return {
    "from a UDP socket of its own": ask({ server: servers.udp, transport: "udp" }),
    "over a TCP connection of its own": ask({ server: servers.tcp, transport: "tcp" }),
    "from elsewhere, which nobody answers": ask({ server: servers.udp, transport: "udp", change, timeout: "1 second" }),
    "over a connection of a reservation": stun(hosts.client, (stun) =>
      Effect.gen(function* () {
        const reservation = yield* hosts.client.on(Tcp.use((tcp) => tcp.reserve(local)))
        const connection = yield* reservation.dial({ remote: servers.tcp })
        const { binding } = yield* stun.connect({ connection })
        return yield* binding()
      })
    ),
    "from a UDP socket that others use": stun(hosts.client, (stun) =>
      Effect.gen(function* () {
        const socket = yield* hosts.client.on(Udp.use((udp) => udp.bind(local)))
        const { binding, take } = yield* stun.onSocket(socket)
        const reading = Effect.forever(
          Effect.map(socket.pull, (all) => {
            for (const { bytes, from } of all) take(bytes, from)
          })
        )
        return yield* Effect.raceFirst(binding(servers.udp), reading)
      })
    )
  }
}

/** Of real sockets: one microtask, and one turn of the event loop, the two kinds of step between which an interruption can fall. */
const realSteps = [Effect.promise(() => Promise.resolve()), Effect.yieldNow]

export const stunClientTests = (world: World, steps: ReadonlyArray<Effect.Effect<void>> = realSteps): void => {
  const test = testIn(world)
  for (const family of world.families) {
    describe(`STUN over ${family} (${world.name})`, () => {
      test("says what the server saw, whatever the socket", (hosts) =>
        Effect.gen(function* () {
          const servers = yield* serving(hosts, family)
          for (const [name, way] of Object.entries(ways(hosts, family, servers))) {
            const asked = leavingNothing(hosts)(way)
            if (name.includes("nobody answers")) {
              assert.deepInclude(yield* failureOf(asked), { _tag: "StunClientError", reason: "BadAnswer" }, name)
              continue
            }
            const { local, mapped, roundTrip, transmissions } = yield* asked
            assert.strictEqual(at(mapped), at(local), name)
            assert.isAtLeast(roundTrip, 0, name)
            if (world.virtualTime) assert.isTrue(transmissions === 1 && roundTrip < 500, name)
          }
        }))

      test("hears of a refusal at once", (hosts) =>
        Effect.gen(function* () {
          const server = yield* deadEnd(world, hosts.server, family)
          for (const transport of ["udp", "tcp"] as const) {
            const error = yield* failureOf(
              stun(hosts.client, (stun) => stun.query({ server, transport, timeout: "10 seconds" }))
            )
            assert.deepInclude(error, { reason: "Network", kind: "Refused", transport })
          }
        }))

      test("leaves nothing open, wherever it is interrupted", (hosts) =>
        Effect.gen(function* () {
          const servers = yield* serving(hosts, family)
          for (const [name, way] of Object.entries(ways(hosts, family, servers))) {
            let done = 0
            yield* leavingNothing(hosts)(
              Effect.gen(function* () {
                const whole = Effect.scoped(Effect.tap(way, () => Effect.sync(() => done++)))
                for (const step of steps) {
                  for (let count = 0; count <= 40; count++) {
                    const fiber = yield* Effect.forkChild(whole, { startImmediately: true })
                    for (let at = 0; at < count; at++) yield* step
                    yield* Fiber.interrupt(fiber)
                  }
                }
              })
            )
            // Else all the interruptions fell before it was done.
            if (!name.includes("nobody answers")) assert.isAbove(done, 0, name)
          }
        }))
    })
  }
}
