/**
 * Running programs to their end in virtual time.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { Deadlock, SimulationError, TimeLimit, TimeStandsStill, type Wait } from "./SimulationError.ts"
import type { Goal, Stop, Timeline } from "./time/Timeline.ts"

export interface Program {
  readonly effect: Effect.Effect<unknown, unknown, unknown>
  readonly context: Context.Context<never>
  /** Whether it is waited for; those that are not are interrupted once the others are done. */
  readonly awaited: boolean
}

type Outcomes = { readonly [name: string]: unknown }

class Run implements Goal {
  readonly until: number
  private readonly timeline: Timeline
  private readonly waits: () => ReadonlyArray<Wait>
  private readonly finish: (exit: Exit.Exit<Outcomes, unknown>) => void
  private readonly fibers = new Map<string, Fiber.Fiber<unknown, unknown>>()
  private readonly outcomes: { [name: string]: unknown } = {}
  private awaited = 0
  private failure: Exit.Exit<Outcomes, unknown> | undefined = undefined
  private ended = false

  constructor(
    timeline: Timeline,
    limit: number,
    waits: () => ReadonlyArray<Wait>,
    finish: (exit: Exit.Exit<Outcomes, unknown>) => void
  ) {
    this.timeline = timeline
    this.until = timeline.now + limit
    this.waits = waits
    this.finish = finish
  }

  start(programs: ReadonlyMap<string, Program>, outer: Context.Context<never>): void {
    for (const [name, { awaited }] of programs) {
      if (!awaited) continue
      this.awaited++
      // In the order of the programs, whichever is done first.
      this.outcomes[name] = undefined
    }
    for (const [name, { awaited, context, effect }] of programs) {
      const fiber = Effect.runForkWith(Context.merge(outer, context))(effect as Effect.Effect<unknown, unknown>)
      this.fibers.set(name, fiber)
      fiber.addObserver((exit) => this.done(name, exit, awaited))
      if (this.failure !== undefined) this.interrupt()
    }
    if (this.awaited === 0) this.interrupt()
    this.timeline.run(this)
  }

  private done(name: string, exit: Exit.Exit<unknown, unknown>, awaited: boolean): void {
    this.fibers.delete(name)
    const left = awaited ? --this.awaited : this.awaited
    if (Exit.isSuccess(exit)) {
      if (awaited) this.outcomes[name] = exit.value
      if (awaited && left === 0) this.interrupt()
    } else if (left === 0 && !awaited && Cause.hasInterruptsOnly(exit.cause)) return
    else if (this.failure === undefined) {
      this.failure = Exit.failCause(exit.cause)
      this.interrupt()
    }
  }

  interrupt(): void {
    for (const fiber of this.fibers.values()) fiber.interruptUnsafe()
  }

  readonly over = (): boolean => {
    if (this.fibers.size > 0) return false
    this.end()
    return true
  }

  private end(): void {
    if (this.ended) return
    this.ended = true
    this.finish(this.failure ?? Exit.succeed(this.outcomes))
  }

  readonly stopped = (why: Stop): void => {
    // A second stop, after the first one's interruption: some finalizer will never be done.
    const again = this.failure !== undefined
    this.failure ??= Exit.fail(this.error(why))
    if (again) return this.end()
    this.interrupt()
    // Finalizers may need time of their own.
    if (this.fibers.size === 0) this.end()
    else this.timeline.run({ over: this.over, until: this.until + CLEANUP, stopped: this.stopped })
  }

  private error(why: Stop): SimulationError {
    const at = this.timeline.now
    const programs = [...this.fibers.keys()]
    switch (why) {
      case "idle":
        return new SimulationError({ reason: new Deadlock({ at, programs, waits: this.waits() }) })
      case "late":
        return new SimulationError({ reason: new TimeLimit({ at: this.until, programs, waits: this.waits() }) })
      case "stuck":
        return new SimulationError({ reason: new TimeStandsStill({ at, programs }) })
    }
  }
}

/** Virtual milliseconds finalizers may take after the programs were stopped. */
const CLEANUP = 600_000

/** Runs all programs; gives what each gave, by name. */
export const run = (
  timeline: Timeline,
  programs: ReadonlyMap<string, Program>,
  limit: number,
  waits: () => ReadonlyArray<Wait>
): Effect.Effect<Outcomes, unknown> =>
  Effect.contextWith((outer: Context.Context<never>) =>
    Effect.callback<Outcomes, unknown>((resume) => {
      const run = new Run(timeline, limit, waits, resume)
      run.start(programs, outer)
      return Effect.callback<void>((over) => {
        run.interrupt()
        timeline.run({
          over: () => {
            if (!run.over()) return false
            over(Effect.void)
            return true
          },
          until: Infinity,
          stopped: () => over(Effect.void)
        })
      })
    })
  )
