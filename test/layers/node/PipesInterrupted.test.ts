/**
 * Opens interrupted at every point they pass through: whatever they had begun is gone after.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import type * as Scope from "effect/Scope"
import * as PipesLayer from "../../../src/layers/Pipes.ts"
import { Pipes } from "../../../src/services/Pipes.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { Udp } from "../../../src/services/Udp.ts"
import * as certificates from "../../fixtures/tls/certificates.ts"
import { listen, open } from "../../shared/pairs.ts"
import { type Hosts, leavingNothing, testIn, type World } from "../../shared/World.ts"
import { plainWorld, realWorld, unsharedWorld } from "../../support/realWorld.ts"

type Opening = Effect.Effect<unknown, unknown, Scope.Scope>

const tcp = { transport: "tcp", family: "IPv4" } as const

/** One microtask, and one turn of the event loop: the two kinds of step between which an interruption can fall. */
const steps = {
  microtask: Effect.promise(() => Promise.resolve()),
  turn: Effect.yieldNow
}

/** Every way to open something. `server` is there to be reached. */
const ways = (hosts: Hosts): Effect.Effect<Record<string, Opening>, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const ignore = { onMessage: () => Effect.void }
    const plain = yield* listen(hosts.server, tcp, ignore)
    const secure = yield* listen(hosts.server, tcp, { ...ignore, tls: certificates.server })
    const silent = yield* listen(hosts.server, tcp, { ...ignore, framing: "raw" })
    const udp = yield* listen(hosts.server, { transport: "udp", family: "IPv4" }, ignore)
    const address = hosts.client.address("IPv4")
    const trusted = { ca: certificates.authority, serverName: "server.test" }
    const named = PipesLayer.layer.pipe(
      Layer.provide(Layer.orDie(Dns.layerStatic({ hosts: { "server.test": ["::1", address] } })))
    )
    const byName = Effect.provide(
      Pipes.use((pipes) => pipes.open({ transport: "tcp", destination: `server.test:${plain.local.port}` })),
      Layer.fresh(named)
    )
    return {
      "TCP dial": hosts.client.on(Tcp.use((tcp) => tcp.dial({ remote: plain.local }))),
      "TCP dial on an interface": hosts.client.on(
        Tcp.use((tcp) => tcp.dial({ remote: plain.local, local: { interface: "lo" } }))
      ),
      "TCP listen": hosts.client.on(Tcp.use((tcp) => tcp.listen({ address }))),
      "TCP listen on an interface": hosts.client.on(Tcp.use((tcp) => tcp.listen({ address, interface: "lo" }))),
      "TCP reserve, dial and listen": hosts.client.on(
        Tcp.use((tcp) =>
          Effect.gen(function* () {
            const reservation = yield* tcp.reserve({ address })
            yield* reservation.dial({ remote: plain.local })
            yield* reservation.listen()
          })
        )
      ),
      "UDP bind": hosts.client.on(Udp.use((udp) => udp.bind({ address }))),
      "UDP connected, on an interface": hosts.client.on(
        Udp.use((sockets) => sockets.bind({ remote: udp.local, interface: "lo" }))
      ),
      "a TCP pipe": open(hosts.client, tcp, plain.local),
      "a TCP pipe by name": hosts.client.on(byName),
      "a TLS pipe": open(hosts.client, tcp, secure.local, { tls: trusted }),
      "a TLS pipe nobody answers": open(hosts.client, tcp, silent.local, { tls: trusted }),
      "a UDP pipe": open(hosts.client, { transport: "udp", family: "IPv4" }, udp.local),
      "a server": listen(hosts.client, tcp, { tls: certificates.server })
    }
  })

const interruptedTests = (world: World) => {
  const test = testIn(world)
  describe(`interrupted opens (${world.name})`, () => {
    test("leave nothing open, wherever the interruption falls", (hosts) =>
      Effect.gen(function* () {
        for (const [name, opening] of Object.entries(yield* ways(hosts))) {
          let opened = 0
          const whole = Effect.scoped(
            Effect.andThen(
              Effect.tap(opening, () => Effect.sync(() => opened++)),
              Effect.never
            )
          )
          yield* Effect.gen(function* () {
            for (const step of Object.values(steps)) {
              for (let count = 0; count <= 50; count++) {
                const fiber = yield* Effect.forkChild(whole, { startImmediately: true })
                for (let at = 0; at < count; at++) yield* step
                yield* Fiber.interrupt(fiber)
              }
            }
          }).pipe(leavingNothing(hosts))
          // Else all the interruptions fell before it was done.
          if (!name.includes("nobody answers")) assert.isAbove(opened, 0, name)
        }
      }))
  })
}

interruptedTests(realWorld)
interruptedTests(plainWorld)
interruptedTests(unsharedWorld)
