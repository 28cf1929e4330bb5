/** Connects that end in an unusual way: the peer is closed, or what a strategy gave is broken. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as IdentityLayer from "../../../src/layers/Identity.ts"
import * as CryptographyLayer from "../../../src/layers/node/Cryptography.ts"
import * as SimulatedPeer from "../../../src/layers/simulated/SimulatedPeer.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { Peer, type Strategy } from "../../../src/services/Peer.ts"
import { Tcp, type TcpConnection } from "../../../src/services/Tcp.ts"
import { call, echoing, mouth, signedAddress, withPeer } from "./kit.ts"

const cryptography = CryptographyLayer.layer

describe("a connect", () => {
  it.effect("under way ends when its peer is closed, and none begins after that", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ link: { latency: 10 }, hosts: { alice: {}, bob: {} } })
      const done = mouth<void>()
      yield* world.run({
        alice: Effect.gen(function* () {
          const scope = yield* Scope.make()
          const made = Layer.build(SimulatedPeer.layer({}).pipe(Layer.provideMerge(cryptography)))
          const peer = Context.get(yield* Scope.provide(made, scope), Peer)
          const to = yield* signedAddress(["11.0.0.2:7777"])
          const connecting = Effect.scoped(Effect.flip(peer.connect(to, { deadline: "30 seconds" })))
          const fiber = yield* Effect.forkChild(connecting, { startImmediately: true })
          yield* Effect.sleep(500)
          const closing = yield* Clock.currentTimeMillis
          yield* Scope.close(scope, Exit.void)
          for (const error of [yield* Fiber.join(fiber), yield* connecting]) {
            assert.include(error.message, "this peer has closed")
          }
          assert.isAtMost((yield* Clock.currentTimeMillis) - closing, 1)
          yield* Effect.sleep("1 second")
          assert.strictEqual(world.openSockets("alice"), 0)
        }).pipe(
          Effect.scoped,
          Effect.ensuring(done.say(undefined)),
          Effect.provide(Layer.fresh(IdentityLayer.layerMemory).pipe(Layer.provideMerge(cryptography)))
        ),
        // Takes a connection and says nothing.
        bob: Effect.gen(function* () {
          const listener = yield* Tcp.use((tcp) => tcp.listen({ port: 7777 }))
          yield* listener.accept
          yield* done.hear
        }).pipe(Effect.scoped)
      })
    })
  )

  it.effect("by a strategy whose link is broken fails at once, and harms no later one", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ link: { latency: 10 }, hosts: { alice: {}, bob: {} } })
      const address = mouth<string>()
      const done = mouth<void>()
      const endpoint = NetAddress.inetAddressFromStringUnsafe("11.0.0.2:1")
      const giving = (write: TcpConnection["write"]): Strategy => ({
        run: ({ peer }) => {
          const whole = { pull: Effect.never, writeAll: () => Effect.void, closed: Effect.never }
          const leaving = { end: Effect.void, reset: Effect.void, close: Effect.void }
          const at = { local: endpoint, remote: endpoint, binding: "none" } as const
          return Effect.succeed({
            secured: { peer, protection: "plain", connection: { ...at, ...whole, ...leaving, write } } as const
          })
        }
      })
      const broken = {
        dies: giving(() => Effect.die("a bug")),
        throws: giving(() => {
          throw new Error("a bug")
        })
      }
      yield* world.run({
        alice: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            const to = yield* address.hear
            const began = yield* Clock.currentTimeMillis
            for (const [name, strategy] of Object.entries(broken)) {
              const error = yield* Effect.flip(Effect.scoped(peer.connect(to, { strategies: { [name]: strategy } })))
              assert.deepStrictEqual(
                error.attempts.map(({ outcome, reason }) => [outcome, reason]),
                [["failed", "Defect"]],
                name
              )
            }
            assert.strictEqual(yield* Clock.currentTimeMillis, began)
            assert.strictEqual((yield* Effect.scoped(call(to))).strategy, "direct")
          })
        ).pipe(Effect.ensuring(done.say(undefined))),
        bob: echoing({}, address, done)
      })
    })
  )
})
