/**
 * How long a link takes in virtual time: round trips and nothing else.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LinkSecurity } from "../../src/services/LinkSecurity.ts"
import { dial, inWorld, lines, serve } from "../layers/simulated/kit.ts"
import { identityOf, ids, type Name, type Security } from "./linkKit.ts"
import { bytes, read } from "./tcpHelpers.ts"
import { failureOf } from "./World.ts"

/** One way between the two: 20 ms. */
const description = { link: { latency: 10 }, hosts: { alice: {}, bob: {} } } as const

export const linkTimeTests = (security: Security): void => {
  // With the world's own luck.
  const secures = (name: Name) =>
    Effect.map(
      Layer.build(Layer.fresh(security.layer).pipe(Layer.provide(identityOf(name)))),
      Context.get(LinkSecurity)
    )

  const run = (seed: number) =>
    inWorld(
      description,
      {
        alice: Effect.gen(function* () {
          const link = yield* secures("alice")
          const dialled = yield* dial("11.0.0.2:80")
          const open = yield* Clock.currentTimeMillis
          const { connection } = yield* link.client(dialled, { expect: ids.bob })
          const secured = yield* Clock.currentTimeMillis
          yield* connection.write(bytes("ping"))
          yield* read(connection, 4)
          return [secured - open, (yield* Clock.currentTimeMillis) - open]
        }).pipe(Effect.scoped),
        bob: serve(80, (accepted) =>
          Effect.gen(function* () {
            const link = yield* secures("bob")
            const open = yield* Clock.currentTimeMillis
            const { connection } = yield* link.server(accepted)
            const secured = yield* Clock.currentTimeMillis
            yield* connection.writeAll([yield* Effect.as(read(connection, 4), bytes("pong"))])
            return [secured - open]
          })
        )
      },
      { seed, trace: true }
    )

  describe(`the time of a link, ${security.protection}`, () => {
    it.effect("a client is done in one round trip, a server in one, and the first answer takes two", () =>
      Effect.gen(function* () {
        const { outcomes, world } = yield* run(1)
        assert.deepStrictEqual(outcomes.alice, [40, 80])
        // From when it hears of the connection, half a round trip after the client.
        assert.deepStrictEqual(outcomes.bob, [40])
        assert.strictEqual(world.openSockets("alice") + world.openSockets("bob"), 0)
      })
    )

    it.effect("silence is over after ten seconds", () =>
      Effect.gen(function* () {
        const { outcomes } = yield* inWorld(description, {
          alice: Effect.gen(function* () {
            const link = yield* secures("alice")
            const dialled = yield* dial("11.0.0.2:80")
            const open = yield* Clock.currentTimeMillis
            const { kind } = yield* failureOf(link.client(dialled, { expect: ids.bob }))
            return [kind, (yield* Clock.currentTimeMillis) - open]
          }).pipe(Effect.scoped),
          bob: serve(80, (accepted) => Effect.ignore(Effect.forever(accepted.pull)))
        })
        assert.deepStrictEqual(outcomes.alice, ["TimedOut", 10_000])
      })
    )

    // OpenSSL has luck of its own.
    if (security.protection === "plain") {
      it.effect("the same seed gives the same packets", () =>
        Effect.gen(function* () {
          const [one, again, another] = yield* Effect.forEach([1, 1, 2], (seed) =>
            Effect.map(run(seed), ({ world }) => lines(world.trace))
          )
          assert.strictEqual(again, one)
          assert.notStrictEqual(another, one)
        })
      )
    }
  })
}
