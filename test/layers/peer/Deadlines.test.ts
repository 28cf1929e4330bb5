/** Time limits that share their waiting. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { Deadlines } from "../../../src/layers/peer/Deadlines.ts"

const making = Effect.gen(function* () {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const fibers: Array<Fiber.Fiber<void>> = []
  const deadlines = new Deadlines(yield* Clock.Clock, (effect) => void fibers.push(run(effect)))
  return { deadlines, fibers, waiting: () => fibers.filter((fiber) => fiber.pollUnsafe() === undefined).length }
})

describe("deadlines", () => {
  it.effect("come each in its time, whatever their order, and wait in one fibre for each duration", () =>
    Effect.gen(function* () {
      const { deadlines, fibers, waiting } = yield* making
      const late: Array<string> = []
      const at = (name: string, milliseconds: number) => deadlines.after(milliseconds, () => late.push(name))
      at("a", 1000)
      at("b", 300)
      yield* TestClock.adjust(200)
      at("c", 1000)
      at("d", 300)
      assert.strictEqual(fibers.length, 2)
      for (const [milliseconds, names] of [
        [99, ""],
        [1, "b"],
        [199, "b"],
        [1, "bd"],
        [500, "bda"],
        [199, "bda"],
        [1, "bdac"]
      ] as const) {
        yield* TestClock.adjust(milliseconds)
        assert.strictEqual(late.join(""), names)
      }
      assert.strictEqual(waiting(), 0)
      at("e", 300)
      yield* TestClock.adjust(300)
      assert.strictEqual(late.join(""), "bdace")
    })
  )

  it.effect("that are kept are forgotten, also by who sets others meanwhile", () =>
    Effect.gen(function* () {
      const { deadlines, waiting } = yield* making
      const late: Array<number> = []
      const set = (number: number) => deadlines.after(100, () => late.push(number))
      for (let number = 0; number < 100; number++) {
        const kept = set(number)
        if (number === 50) set(-1)
        yield* TestClock.adjust(7)
        kept()
      }
      assert.deepStrictEqual(late, [-1])
      yield* TestClock.adjust(100)
      assert.strictEqual(waiting(), 0)
    })
  )

  it.effect("stop what is limited, and say what it failed of", () =>
    Effect.gen(function* () {
      const { deadlines } = yield* making
      let stop = () => {}
      const stoppable = Effect.callback<never, string>((resume) => {
        stop = () => resume(Effect.fail("stopped"))
      })
      const limited = deadlines.limit(
        stoppable,
        50,
        Effect.sync(() => stop()),
        () => "late"
      )
      const fiber = yield* Effect.forkChild(Effect.flip(limited), { startImmediately: true })
      yield* TestClock.adjust(50)
      assert.strictEqual(yield* Fiber.join(fiber), "late")
      const early = yield* Effect.forkChild(Effect.flip(limited), { startImmediately: true })
      stop()
      assert.strictEqual(yield* Fiber.join(early), "stopped")
    })
  )
})
