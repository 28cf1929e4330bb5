/** When planned steps start, and how many run side by side. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { race } from "../../../src/layers/peer/race.ts"

/** Steps with a delay, each of which takes a while; gives when each began, and how many ran at once at most. */
const raced = (steps: ReadonlyArray<readonly [delay: number, takes: number]>, atOnce: number, stopAt = 100_000) =>
  Effect.gen(function* () {
    const began: Array<number> = []
    let running = 0
    let most = 0
    const runnables = steps.map(([delay, takes]) => ({
      delay,
      run: Effect.gen(function* () {
        began.push(yield* Clock.currentTimeMillis)
        running++
        most = Math.max(most, running)
        yield* Effect.sleep(takes)
      }).pipe(Effect.ensuring(Effect.sync(() => running--)))
    }))
    const all = yield* Effect.forkChild(race(runnables, atOnce), { startImmediately: true })
    yield* TestClock.adjust(stopAt)
    const isOver = all.pollUnsafe() !== undefined
    yield* Fiber.interrupt(all)
    assert.strictEqual(running, 0)
    return { began, isOver, most }
  })

describe("a race", () => {
  it.effect("starts each step in its time", () =>
    Effect.gen(function* () {
      const { began, isOver } = yield* raced(
        [0, 250, 500].map((delay) => [delay, 1000] as const),
        8
      )
      assert.deepStrictEqual([began, isOver], [[0, 250, 500], true])
    })
  )

  it.effect("does not wait where nothing else is under way", () =>
    Effect.gen(function* () {
      const { began } = yield* raced(
        [
          [0, 30],
          [250, 30],
          [5000, 30]
        ],
        8
      )
      assert.deepStrictEqual(began, [0, 30, 60])
    })
  )

  it.effect("never has more under way than it may, and goes on as they end", () =>
    Effect.gen(function* () {
      const { began, isOver, most } = yield* raced(
        Array.from({ length: 20 }, () => [0, 100] as const),
        8
      )
      assert.strictEqual(most, 8)
      assert.deepStrictEqual(began, [...Array<number>(8).fill(0), ...Array<number>(8).fill(100), 200, 200, 200, 200])
      assert.isTrue(isOver)
    })
  )

  it.effect("interrupted by what a step does as it begins, it stops that one too", () =>
    Effect.gen(function* () {
      let running = 0
      const all: Fiber.Fiber<void> = yield* Effect.forkChild(
        race(
          [
            { delay: 0, run: Effect.never },
            {
              delay: 5,
              run: Effect.suspend(() => {
                running++
                all.interruptUnsafe()
                return Effect.ensuring(
                  Effect.never,
                  Effect.sync(() => running--)
                )
              })
            }
          ],
          8
        ),
        { startImmediately: true }
      )
      yield* TestClock.adjust(5)
      yield* Fiber.await(all)
      yield* TestClock.adjust(0)
      assert.strictEqual(running, 0)
    })
  )

  it.effect("waits in one place, also behind steps that end as they begin", () =>
    Effect.gen(function* () {
      const { began, isOver } = yield* raced(
        [
          [0, 1000],
          [0, 0],
          [0, 0],
          [300, 0]
        ],
        8
      )
      assert.deepStrictEqual([began, isOver], [[0, 0, 0, 300], true])
    })
  )

  it.effect("that is interrupted leaves nothing running", () =>
    Effect.gen(function* () {
      const { isOver, most } = yield* raced(
        Array.from({ length: 5 }, () => [0, 10_000] as const),
        3,
        50
      )
      assert.deepStrictEqual([isOver, most], [false, 3])
    })
  )
})
