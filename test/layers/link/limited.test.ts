import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { limited } from "../../../src/layers/link/limited.ts"

/** Something that only ends when it is stopped, and how often it was. */
const stoppable = () => {
  const ended = Deferred.makeUnsafe<string, string>()
  const seen = { stops: 0 }
  const stop = Effect.suspend(() => {
    seen.stops++
    return Effect.asVoid(Deferred.fail(ended, "stopped"))
  })
  return { ended, seen, wait: limited({ duration: "2 seconds", stop, late: () => "late" })(Deferred.await(ended)) }
}

describe("a time limit for what can be stopped", () => {
  it.effect("stops it once the time has passed, and says that it was late", () =>
    Effect.gen(function* () {
      const { seen, wait } = stoppable()
      const fiber = yield* Effect.forkChild(Effect.exit(wait), { startImmediately: true })
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual(seen.stops, 0)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail("late"))
      assert.strictEqual(seen.stops, 1)
    })
  )

  it.effect("leaves alone what ends in time, well or not, or is interrupted", () =>
    Effect.gen(function* () {
      const ends = [
        ["well", (it: ReturnType<typeof stoppable>) => Deferred.succeed(it.ended, "well")],
        ["badly", (it: ReturnType<typeof stoppable>) => Deferred.fail(it.ended, "badly")],
        ["interrupted", () => Effect.void]
      ] as const
      for (const [how, end] of ends) {
        const one = stoppable()
        const fiber = yield* Effect.forkChild(one.wait, { startImmediately: true })
        yield* TestClock.adjust("1 second")
        yield* end(one)
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust("1 hour")
        const exit = yield* Fiber.await(fiber)
        if (how === "interrupted") assert.isTrue(Exit.hasInterrupts(exit))
        else assert.deepStrictEqual(exit, how === "well" ? Exit.succeed("well") : Exit.fail("badly"))
        assert.strictEqual(one.seen.stops, 0, how)
      }
    })
  )

  it.effect("what ends well in spite of being stopped has ended well", () =>
    Effect.gen(function* () {
      const ended = Deferred.makeUnsafe<string>()
      const stop = Effect.asVoid(Deferred.succeed(ended, "done all the same"))
      const wait = limited({ duration: "2 seconds", stop, late: () => "late" })(Deferred.await(ended))
      const fiber = yield* Effect.forkChild(wait, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "done all the same")
    })
  )
})
