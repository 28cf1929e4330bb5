/**
 * The race of Happy Eyeballs, in virtual time.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { staggered } from "../../../src/layers/pipes/staggered.ts"

const DELAY = 250

/** An attempt that notes what happens to it, and ends as it is told. */
const recorder = () => {
  const log: Array<string> = []
  const attempt = (name: string, ends: Effect.Effect<string, string>) =>
    Effect.gen(function* () {
      log.push(`${name} starts`)
      yield* Effect.addFinalizer(() => Effect.sync(() => log.push(`${name} closed`)))
      return yield* ends
    }).pipe(Effect.onInterrupt(() => Effect.sync(() => log.push(`${name} interrupted`))))
  return { log, attempt }
}

const after = (millis: number, effect: Effect.Effect<string, string>) => Effect.delay(effect, millis)

/** Runs a race in a scope of its own; gives the fibre and a way to close the scope. */
const race = Effect.fnUntraced(function* (attempts: ReadonlyArray<Effect.Effect<string, string, Scope.Scope>>) {
  const scope = yield* Scope.make()
  const fiber = yield* Effect.forkChild(Effect.exit(Scope.provide(staggered(attempts, DELAY), scope)), {
    startImmediately: true
  })
  return { fiber, close: Scope.close(scope, Exit.void) }
})

describe("staggered attempts", () => {
  it.effect("the next one starts after the delay, not before", () =>
    Effect.gen(function* () {
      const { attempt, log } = recorder()
      const { fiber } = yield* race(["a", "b", "c"].map((name) => attempt(name, Effect.never)))
      yield* TestClock.adjust(DELAY - 1)
      assert.deepStrictEqual(log, ["a starts"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(log, ["a starts", "b starts"])
      yield* TestClock.adjust(DELAY)
      assert.deepStrictEqual(log, ["a starts", "b starts", "c starts"])
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("or at once when the one before fails", () =>
    Effect.gen(function* () {
      const { attempt, log } = recorder()
      const { close, fiber } = yield* race([
        attempt("a", Effect.fail("refused")),
        attempt("b", after(10, Effect.fail("refused"))),
        attempt("c", Effect.succeed("won"))
      ])
      yield* TestClock.adjust(9)
      assert.deepStrictEqual(log, ["a starts", "a closed", "b starts"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.succeed("won"))
      assert.deepStrictEqual(log, ["a starts", "a closed", "b starts", "b closed", "c starts"])
      yield* close
      assert.strictEqual(log.at(-1), "c closed")
    })
  )

  it.effect("a first success interrupts the others, closes what they opened, and starts no more", () =>
    Effect.gen(function* () {
      const { attempt, log } = recorder()
      const { close, fiber } = yield* race([
        attempt("a", Effect.never),
        attempt("b", after(100, Effect.succeed("won"))),
        attempt("c", Effect.succeed("too late"))
      ])
      yield* TestClock.adjust(DELAY)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.succeed("won"))
      yield* TestClock.adjust(10 * DELAY)
      assert.deepStrictEqual(log, ["a starts", "b starts", "a interrupted", "a closed"])
      yield* close
      assert.deepStrictEqual(log.at(-1), "b closed")
    })
  )

  it.effect("an attempt that was overtaken may still win", () =>
    Effect.gen(function* () {
      const { attempt, log } = recorder()
      const { fiber } = yield* race([
        attempt("a", after(DELAY + 50, Effect.succeed("the first"))),
        attempt("b", after(100, Effect.succeed("the second")))
      ])
      yield* TestClock.adjust(DELAY + 50)
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.succeed("the first"))
      assert.deepStrictEqual(log, ["a starts", "b starts", "b interrupted", "b closed"])
    })
  )

  it.effect("of two successes in the same turn one wins and the other is closed", () =>
    Effect.gen(function* () {
      for (const order of [
        [0, 1],
        [1, 0]
      ]) {
        const { attempt, log } = recorder()
        const gates = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        // Uninterruptible, so that losing cannot stop it before it succeeds.
        const gated = (name: string, at: number) =>
          attempt(name, Effect.uninterruptible(Effect.as(Deferred.await(gates[at]!), name)))
        const { close, fiber } = yield* race([gated("a", 0), gated("b", 1)])
        yield* TestClock.adjust(DELAY)
        for (const at of order) Deferred.doneUnsafe(gates[at]!, Effect.void)
        const winner = order[0] === 0 ? "a" : "b"
        const loser = order[0] === 0 ? "b" : "a"
        assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.succeed(winner))
        assert.include(log, `${loser} closed`)
        assert.notInclude(log, `${winner} closed`)
        yield* close
        assert.strictEqual(log.at(-1), `${winner} closed`)
      }
    })
  )

  it.effect("where all fail, the errors come in the order of the attempts", () =>
    Effect.gen(function* () {
      const { attempt, log } = recorder()
      const { fiber } = yield* race([
        attempt("a", after(DELAY + 100, Effect.fail("a failed"))),
        attempt("b", after(20, Effect.fail("b failed"))),
        attempt("c", Effect.fail("c failed"))
      ])
      yield* TestClock.adjust(2 * DELAY)
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail(["a failed", "b failed", "c failed"]))
      assert.strictEqual(log.filter((line) => line.endsWith("closed")).length, 3)
    })
  )

  it.effect("interrupted, it interrupts and closes whatever runs", () =>
    Effect.gen(function* () {
      const { attempt, log } = recorder()
      const { fiber } = yield* race([
        attempt("a", Effect.never),
        attempt("b", Effect.never),
        attempt("c", Effect.never)
      ])
      yield* TestClock.adjust(DELAY)
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust(10 * DELAY)
      assert.deepStrictEqual(log.toSorted(), [
        "a closed",
        "a interrupted",
        "a starts",
        "b closed",
        "b interrupted",
        "b starts"
      ])
    })
  )

  it.effect("one attempt is just that attempt", () =>
    Effect.gen(function* () {
      const { attempt } = recorder()
      const won = yield* race([attempt("a", Effect.succeed("won"))])
      assert.deepStrictEqual(yield* Fiber.join(won.fiber), Exit.succeed("won"))
      const lost = yield* race([attempt("a", Effect.fail("lost"))])
      assert.deepStrictEqual(yield* Fiber.join(lost.fiber), Exit.fail(["lost"]))
    })
  )

  it.effect("no attempts at all fail at once", () =>
    Effect.gen(function* () {
      const { fiber } = yield* race([])
      yield* TestClock.adjust(10 * DELAY)
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(Exit.fail([])))
    })
  )
})
