/** Simulated brokers: exact trips, counted faults, and nothing left behind. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Memory from "../../../src/layers/signalling/Memory.ts"
import * as Simulated from "../../../src/layers/signalling/Simulated.ts"
import { Identity } from "../../../src/services/Identity.ts"
import { Signalling } from "../../../src/services/Signalling.ts"
import { inWorld } from "../simulated/kit.ts"
import { identityOf } from "../messages/kit.ts"

const A = "mqtt://a"
const B = "mqtt://b"
const [ALICE, BOB] = [1, 2]
const bob = identityOf(BOB).peerId
const letter = (mark: number, size = 512): Uint8Array => new Uint8Array(size).fill(mark)

const at = (brokers: Simulated.SimulatedBrokers, seed: number, own: ReadonlyArray<string>) =>
  Effect.provideService(Simulated.make(brokers, own), Identity, identityOf(seed))

/** The marks that come to Bob, with the milliseconds since the start, until nothing more comes. */
const listen = (brokers: Simulated.SimulatedBrokers, seconds: number, own: ReadonlyArray<string> = [A]) =>
  Effect.gen(function* () {
    const { envelopes } = yield* at(brokers, BOB, own)
    const start = yield* Clock.currentTimeMillis
    const heard: Array<readonly [mark: number, at: number]> = []
    yield* Stream.runForEach(envelopes, (envelope) =>
      Effect.map(Clock.currentTimeMillis, (now) => void heard.push([envelope[0]!, now - start]))
    ).pipe(Effect.timeoutOption(`${seconds} seconds`))
    return heard
  }).pipe(Effect.scoped)

const speak = <A, E>(
  brokers: Simulated.SimulatedBrokers,
  program: (signalling: Signalling["Service"]) => Effect.Effect<A, E>,
  own: ReadonlyArray<string> = [A]
) => Effect.scoped(Effect.flatMap(at(brokers, ALICE, own), program))

describe("simulated brokers", () => {
  it.effect("take a trip to deliver, and as long to acknowledge", () =>
    Effect.gen(function* () {
      const brokers = new Simulated.SimulatedBrokers({ [A]: { latency: "50 millis" } })
      const { outcomes } = yield* inWorld(
        { hosts: { alice: {}, bob: {} } },
        {
          alice: speak(brokers, ({ send }) =>
            Effect.gen(function* () {
              const start = yield* Clock.currentTimeMillis
              yield* send(bob, letter(1), { expiry: 1000 })
              const taken = (yield* Clock.currentTimeMillis) - start
              yield* send(bob, letter(2), { expiry: 1000 })
              return taken
            })
          ),
          bob: listen(brokers, 1)
        }
      )
      assert.strictEqual(outcomes.alice, 50)
      assert.deepStrictEqual(outcomes.bob, [
        [1, 50],
        [2, 100]
      ])
    })
  )

  it.effect("lose, duplicate and reorder as often as they are told", () =>
    Effect.gen(function* () {
      const faults = { latency: "10 millis", jitter: "100 millis", loss: 0.25, duplication: 0.5 } as const
      const brokers = new Simulated.SimulatedBrokers({ [A]: faults })
      const marks = Array.from({ length: 200 }, (_, n) => n)
      const { outcomes } = yield* inWorld(
        { hosts: { alice: {}, bob: {} } },
        {
          alice: speak(brokers, ({ send }) =>
            Effect.forEach(marks, (mark) => send(bob, letter(mark), { expiry: 1000 }))
          ),
          bob: listen(brokers, 10)
        }
      )
      const heard = outcomes.bob.map(([mark]) => mark)
      const different = new Set(heard).size
      assert.approximately(different / 200, 0.75, 0.08)
      assert.approximately(heard.length / different, 1.5, 0.1)
      assert.notDeepEqual(
        heard,
        heard.toSorted((a, b) => a - b)
      )
    })
  )

  it.effect("lose what is under way when they go down, refuse while they are, and are ready when they are up", () =>
    Effect.gen(function* () {
      const brokers = new Simulated.SimulatedBrokers({ [A]: { latency: "100 millis" } })
      const { outcomes } = yield* inWorld(
        { hosts: { alice: {}, bob: {} } },
        {
          alice: speak(brokers, ({ ready, send, states }) =>
            Effect.gen(function* () {
              yield* ready
              const sending = yield* Effect.forkChild(send(bob, letter(1), { expiry: 1000 }))
              yield* Effect.sleep("70 millis")
              brokers.set(A, "down")
              yield* Fiber.join(sending)
              const failed = yield* Effect.flip(send(bob, letter(2), { expiry: 1000 }))
              assert.strictEqual(failed.message, "signalling send: no broker took it (mqtt://a: it is down)")
              assert.deepStrictEqual(yield* states, [{ uri: A, state: "waiting", problem: "it is down" }])
              const start = yield* Clock.currentTimeMillis
              yield* Effect.forkChild(
                Effect.andThen(
                  Effect.sleep("5 seconds"),
                  Effect.sync(() => brokers.set(A, "up"))
                )
              )
              yield* ready
              yield* send(bob, letter(3), { expiry: 1000 })
              return (yield* Clock.currentTimeMillis) - start
            })
          ),
          bob: listen(brokers, 10)
        }
      )
      assert.strictEqual(outcomes.alice, 5100)
      assert.deepStrictEqual(
        outcomes.bob.map(([mark]) => mark),
        [3]
      )
    })
  )

  it.effect("are there or not: unknown ones, none at all, and too large an envelope", () =>
    Effect.gen(function* () {
      const brokers = new Simulated.SimulatedBrokers({ [A]: {} })
      const failed = (options: { readonly via?: ReadonlyArray<string>; readonly size?: number }) =>
        speak(brokers, ({ send }) =>
          Effect.map(
            Effect.flip(send(bob, letter(1, options.size), { expiry: 1, via: options.via })),
            ({ message }) => message
          )
        )
      assert.include(yield* failed({ via: [B] }), "mqtt://b: nobody answers there")
      assert.include(yield* failed({ via: [] }), "there is no broker to send it by")
      assert.include(yield* failed({ size: 16_385 }), "16385 bytes are no envelope")
      assert.throws(() => brokers.set(B, "up"), /no broker is called mqtt:\/\/b/)
      const none = yield* Effect.flip(speak(brokers, ({ ready }) => ready, []))
      assert.include(none.message, "no broker is configured")
    })
  )

  it.effect("hold a bounded number of messages, and forget who left", () =>
    Effect.gen(function* () {
      const brokers = new Simulated.SimulatedBrokers({ [A]: { latency: "1 second" } })
      yield* inWorld(
        { hosts: { alice: {}, bob: {} } },
        {
          bob: listen(brokers, 1),
          alice: speak(brokers, ({ send }) =>
            Effect.gen(function* () {
              yield* Effect.sleep("2 seconds")
              const all = Array.from({ length: 5000 }, () => Effect.exit(send(bob, letter(1), { expiry: 1000 })))
              const exits = yield* Effect.all(all, { concurrency: "unbounded" })
              assert.strictEqual(exits.filter(({ _tag }) => _tag === "Success").length, 4096)
            })
          )
        }
      )
    })
  )

  it.effect("in memory deliver at once and in order", () =>
    Effect.gen(function* () {
      const hub = Memory.hub()
      const of = (seed: number) =>
        Layer.build(Layer.fresh(Memory.layer(hub))).pipe(
          Effect.flatMap((context) => Effect.provide(Signalling, context)),
          Effect.provideService(Identity, identityOf(seed))
        )
      const { envelopes } = yield* of(BOB)
      const { brokers, send } = yield* of(ALICE)
      assert.deepStrictEqual(brokers, ["memory:"])
      for (const mark of [1, 2, 3]) yield* send(bob, letter(mark), { expiry: 1 })
      const heard = yield* Stream.runCollect(Stream.take(envelopes, 3))
      assert.deepStrictEqual(
        heard.map((envelope) => envelope[0]),
        [1, 2, 3]
      )
    })
  )
})
