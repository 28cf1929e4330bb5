/** A connect, or a whole peer, interrupted at any moment leaves nothing open on either side. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import type { World } from "../../../src/schemas/World.ts"
import { Peer } from "../../../src/services/Peer.ts"
import { mouth, oneBroker, withPeer } from "./kit.ts"

/** Sockets each has open long after Alice gave up, while both peers are still there; and when those are gone. */
const interruptedAfter = (description: World, millis: number, what: "connect" | "peer") =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make(description)
    const brokers = oneBroker()
    const address = mouth<string>()
    const done = mouth<void>()
    const open = { before: [0, 0], after: [0, 0] }
    const sockets = () => [world.openSockets("alice"), world.openSockets("bob")]
    const connecting = Effect.gen(function* () {
      const peer = yield* Peer
      const pipe = yield* peer.connect(yield* address.hear)
      return yield* pipe.closed
    }).pipe(Effect.scoped)
    yield* world.run({
      alice: Effect.gen(function* () {
        if (what === "peer") {
          const fiber = yield* Effect.forkChild(withPeer(brokers, connecting))
          yield* address.hear
          yield* Effect.sleep(millis)
          yield* Fiber.interrupt(fiber)
          yield* Effect.sleep("40 seconds")
          assert.strictEqual(world.openSockets("alice"), 0, `${millis} ms`)
          return
        }
        yield* withPeer(
          brokers,
          Effect.gen(function* () {
            yield* address.hear
            open.before = sockets()
            const fiber = yield* Effect.forkChild(connecting)
            yield* Effect.sleep(millis)
            yield* Fiber.interrupt(fiber)
            yield* Effect.sleep("40 seconds")
            open.after = sockets()
          })
        )
      }).pipe(Effect.ensuring(done.say(undefined))),
      bob: withPeer(
        brokers,
        Effect.gen(function* () {
          const peer = yield* Peer
          yield* peer.onPipe((pipe) => pipe.closed)
          yield* address.say(yield* peer.addressText)
          yield* done.hear
        })
      )
    })
    assert.deepStrictEqual(open.after, open.before, `interrupted after ${millis} ms`)
    assert.deepStrictEqual(sockets(), [0, 0], `${millis} ms`)
  })

describe("an interrupted connect", () => {
  const worlds: ReadonlyArray<readonly [string, World]> = [
    ["direct", { link: { latency: 10 }, hosts: { alice: {}, bob: {} } }],
    ["reverse", { link: { latency: 10 }, hosts: { alice: {}, bob: { behind: "symmetric-random" } } }]
  ]
  for (const [name, world] of worlds) {
    it.effect(`leaves nothing open, at any moment (${name})`, () =>
      Effect.gen(function* () {
        for (let millis = 0; millis <= 200; millis += 5) yield* interruptedAfter(world, millis, "connect")
      })
    )
    it.effect(`nor does a peer that goes (${name})`, () =>
      Effect.gen(function* () {
        for (let millis = 0; millis <= 200; millis += 10) yield* interruptedAfter(world, millis, "peer")
      })
    )
  }
})
