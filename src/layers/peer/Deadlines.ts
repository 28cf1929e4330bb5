/**
 * The time limits of links and connects. Hardly one of them is ever reached, so they share one alarm, set for the earliest; a
 * limit that is kept costs an entry. By the monotonic clock: that of the wall may be set back.
 */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

interface Limit {
  readonly at: number
  readonly late: () => void
}

export class Deadlines {
  private readonly limits = new Set<Limit>()
  private readonly clock: Clock.Clock
  private readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private alarm: { readonly at: number; readonly fiber: Fiber.Fiber<void> } | undefined = undefined
  private closed = false

  private constructor(clock: Clock.Clock, context: Context.Context<never>) {
    this.clock = clock
    this.run = Effect.runForkWith(context)
  }

  /** When the scope closes, time is up for everything. */
  static readonly make: Effect.Effect<Deadlines, never, Scope.Scope> = Effect.contextWith(
    (context: Context.Context<Scope.Scope>) =>
      Effect.clockWith((clock) => {
        const deadlines = new Deadlines(clock, context)
        return Effect.as(
          Effect.addFinalizer(() => Effect.sync(() => deadlines.close())),
          deadlines
        )
      })
  )

  get isClosed(): boolean {
    return this.closed
  }

  /** Calls `late` after so many milliseconds, unless what it gives back is called before. */
  after(milliseconds: number, late: () => void): () => void {
    const limit = { at: this.closed ? -Infinity : this.now + milliseconds, late }
    this.limits.add(limit)
    if (limit.at < this.nextAt) this.set(limit.at)
    return () => this.limits.delete(limit)
  }

  private get now(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6
  }

  private get nextAt(): number {
    return this.alarm?.at ?? Infinity
  }

  private set(at: number): void {
    this.alarm?.fiber.interruptUnsafe()
    const wait = Effect.suspend(() => (at > this.now ? Effect.sleep(at - this.now) : Effect.yieldNow))
    this.alarm = {
      at,
      fiber: this.run(
        Effect.andThen(
          wait,
          Effect.sync(() => this.ring())
        )
      )
    }
  }

  private ring(): void {
    this.alarm = undefined
    const { now } = this
    let next = Infinity
    for (const limit of this.limits) {
      if (limit.at > now && !this.closed) next = Math.min(next, limit.at)
      else this.run(this.closed ? this.end(limit) : Effect.andThen(Effect.yieldNow, this.end(limit)))
    }
    if (next < this.nextAt) this.set(next)
  }

  // By itself: what goes on from here is the program's. And a turn later: where this process was busy, timers come first, and
  // what came in time is still to be heard.
  private end(limit: Limit): Effect.Effect<void> {
    return Effect.sync(() => {
      if (this.limits.delete(limit)) limit.late()
    })
  }

  private close(): void {
    this.closed = true
    this.alarm?.fiber.interruptUnsafe()
    this.ring()
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
