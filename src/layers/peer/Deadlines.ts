/**
 * The time limits of links. There are few durations and many links, and limits of one duration pass in the order in which they
 * began: so one fibre waits for all of them, and a link that is done in time costs an entry.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

interface Limit {
  readonly at: number
  readonly late: () => void
}

export class Deadlines {
  /** By duration, oldest first. */
  private readonly limits = new Map<number, Set<Limit>>()
  private readonly clock: Clock.Clock
  private readonly run: (effect: Effect.Effect<void>) => void

  /** `run`: what goes on by itself. */
  constructor(clock: Clock.Clock, run: (effect: Effect.Effect<void>) => void) {
    this.clock = clock
    this.run = run
  }

  /** Calls `late` after so many milliseconds, unless what it gives back is called before. */
  after(milliseconds: number, late: () => void): () => void {
    const limit = { at: this.clock.currentTimeMillisUnsafe() + milliseconds, late }
    const others = this.limits.get(milliseconds)
    const limits = others ?? new Set<Limit>()
    limits.add(limit)
    if (others === undefined) {
      this.limits.set(milliseconds, limits)
      this.run(this.watch(milliseconds, limits))
    }
    return () => limits.delete(limit)
  }

  private watch(milliseconds: number, limits: Set<Limit>): Effect.Effect<void> {
    const now = () => this.clock.currentTimeMillisUnsafe()
    return Effect.whileLoop({
      while: () => limits.size > 0 || !this.limits.delete(milliseconds),
      body: () => Effect.suspend(() => Effect.sleep(limits.values().next().value!.at - now())),
      step: () => {
        for (const limit of limits) {
          if (limit.at > now()) return
          limits.delete(limit)
          limit.late()
        }
      }
    })
  }

  /** For an effect that ends by itself once `stop` is run. What it fails with after that is `late` instead. */
  limit<A, E, E2, R>(
    effect: Effect.Effect<A, E, R>,
    milliseconds: number,
    stop: Effect.Effect<void>,
    late: () => E2
  ): Effect.Effect<A, E | E2, R> {
    return Effect.suspend(() => {
      let isLate = false
      const done = this.after(milliseconds, () => {
        isLate = true
        this.run(stop)
      })
      return effect.pipe(
        Effect.mapError((error) => (isLate ? late() : error)),
        Effect.onExit(() => {
          done()
          return Effect.void
        })
      )
    })
  }
}
