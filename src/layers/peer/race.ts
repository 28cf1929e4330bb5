/**
 * Runs planned steps side by side, each when its time has come, or as soon as nothing else is under way.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"

export interface Runnable<R = never> {
  /** Milliseconds after the start of the race. */
  readonly delay: number
  readonly run: Effect.Effect<void, never, R>
}

/** Completes when all have ended; interrupting it ends those under way. In the order of their delays. */
export const race = <R>(steps: ReadonlyArray<Runnable<R>>, atOnce: number): Effect.Effect<void, never, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      const fibers = yield* FiberSet.make<void>()
      const began = yield* Clock.currentTimeMillis
      let running = 0
      let ended = Deferred.makeUnsafe<void>()
      const start = (step: Runnable<R>) => {
        running++
        const over = Effect.sync(() => {
          running--
          Deferred.doneUnsafe(ended, Effect.void)
        })
        return FiberSet.run(fibers, Effect.ensuring(step.run, over), { startImmediately: true })
      }
      for (const step of steps) {
        while (true) {
          const wait = running === 0 ? 0 : began + step.delay - (yield* Clock.currentTimeMillis)
          if (running < atOnce && wait <= 0) break
          ended = Deferred.makeUnsafe()
          const slot = Deferred.await(ended)
          yield* running < atOnce ? Effect.timeoutOption(slot, wait) : slot
        }
        yield* start(step)
      }
      while (running > 0) {
        ended = Deferred.makeUnsafe()
        yield* Deferred.await(ended)
      }
    })
  )
