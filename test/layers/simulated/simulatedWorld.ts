/**
 * The simulated internet as a world for the shared tests: two hosts, half a millisecond apart, in virtual time.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as NodeTls from "../../../src/layers/node/Tls.ts"
import * as PipesLayer from "../../../src/layers/Pipes.ts"
import * as Outside from "../../../src/layers/simulated/Outside.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import type { Host, Services, World } from "../../shared/World.ts"

const description = { ipv6: true, link: { latency: 0.25 }, hosts: { server: {}, client: {} } } as const

const addresses = {
  server: { IPv4: NetAddress.ipFromStringUnsafe("11.0.0.1"), IPv6: NetAddress.ipFromStringUnsafe("2a10::1") },
  client: { IPv4: NetAddress.ipFromStringUnsafe("11.0.0.2"), IPv6: NetAddress.ipFromStringUnsafe("2a10::2") }
}

type Name = keyof typeof addresses

const worldOf = (name: string, before: Effect.Effect<void, never, Scope.Scope>): World => ({
  name,
  families: ["IPv4", "IPv6"],
  virtualTime: true,
  run: (body, signal) =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(description)
      const hostOf = (name: Name, services: Context.Context<Services>): Host => ({
        name,
        address: (family) => addresses[name][family],
        on: Effect.provide(services)
      })
      const servicesOf = (name: Name) =>
        Effect.map(
          Layer.build(
            Layer.fresh(PipesLayer.layer).pipe(
              Layer.provideMerge(Layer.mergeAll(Layer.succeedContext(world.context(name)), NodeTls.layer))
            )
          ),
          (services) => Context.merge(world.context(name), services)
        )
      const program = Effect.gen(function* () {
        yield* before
        const server = hostOf("server", yield* servicesOf("server"))
        const client = hostOf("client", yield* servicesOf("client"))
        return yield* body({
          server,
          client,
          openSockets: () => world.openSockets("server") + world.openSockets("client")
        })
      })
      return yield* world.run(Effect.scoped(program))
    }).pipe((effect) => Effect.runPromise(effect, { signal }))
})

export const simulatedWorld: World = worldOf("simulated", Effect.void)

/** For TLS, which is Node's own and has events of its own: slower, as the machine's event loop turns before time goes on. */
export const simulatedWorldWithGuests: World = worldOf("simulated", Outside.guest)
