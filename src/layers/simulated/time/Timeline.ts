/**
 * Virtual time: one synchronous loop that runs every fibre until none can go on, then jumps to the next event.
 *
 * It is the fibres' `Scheduler`, and what their `Clock` counts by. No timer of the machine is ever set. What completes
 * outside (a promise, a native call) is counted: time stands still while such a call is under way.
 *
 * Two ways to be driven. `run` drives until a goal is reached and says why it stopped if it is not. After `driveItself`,
 * whatever appears without a `run` is driven by the default scheduler, a slice at a time.
 */
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import { Call, type Event, EventQueue } from "./events.ts"
import { OutsideCalls } from "./OutsideCalls.ts"

/** Why driving stopped before its goal was reached. */
export type Stop =
  /** Nothing can ever happen again. */
  | "idle"
  /** Virtual time would pass the limit. */
  | "late"
  /** So many steps were taken at one instant that time will never go on. */
  | "stuck"

/** Something driven to its end. `over` is asked often. */
export interface Goal {
  readonly over: () => boolean
  /** In milliseconds of virtual time. */
  readonly until: number
  readonly stopped: (stop: Stop) => void
}

/** Steps (fibre turns and events) at one instant before time is said to stand still. */
const STEPS_AT_ONE_INSTANT = 5_000_000

/** Events a slice handles before the machine's own event loop gets a turn, where no `run` drives. */
const SLICE = 10_000

type Task = () => void

export class Timeline implements Scheduler.Scheduler, Scheduler.SchedulerDispatcher {
  readonly executionMode = "async"
  /** Milliseconds since the world began. */
  now = 0
  readonly outside: OutsideCalls = new OutsideCalls(() => this.wake())

  private readonly events = new EventQueue()
  private tasks: Array<Task> = []
  private next = 0
  private ranked: Array<{ readonly task: Task; readonly priority: number }> = []
  private readonly goals = new Set<Goal>()
  private driving = false
  private selfDriven = false
  private pumping = false
  private steps = 0
  private host: Scheduler.SchedulerDispatcher | undefined = undefined

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this
  }

  shouldYield: Scheduler.Scheduler["shouldYield"] = (fiber) => fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield

  scheduleTask(task: Task, priority: number): void {
    if (priority === 0) this.tasks.push(task)
    else this.ranked.push({ task, priority })
    this.wake()
  }

  flush(): void {
    this.runTasks()
  }

  /** Fires an event after `delay` milliseconds (at once if negative), after everything already set for that time. */
  after(delay: number, event: Event): void {
    this.events.push(event, this.now + (delay > 0 ? delay : 0))
    this.wake()
  }

  /** The same at a point of time. */
  at(time: number, event: Event): void {
    this.events.push(event, time > this.now ? time : this.now)
    this.wake()
  }

  /** The same for a function. Set `dead` on what is returned to cancel it. */
  call(delay: number, run: () => void): Event {
    const event = new Call(run)
    this.after(delay, event)
    return event
  }

  /** Drives until the goal is over; returns early while calls outside are under way, and goes on when they end. */
  run(goal: Goal): void {
    this.goals.add(goal)
    if (!this.driving) this.drive(Infinity)
  }

  /** From now on, drives whatever appears while no `run` does: for programs that were started by themselves. */
  driveItself(): void {
    if (this.driving || this.selfDriven) return
    this.selfDriven = true
    this.wake()
  }

  // Work that appears while nobody drives comes from outside: it is taken up in a turn of its own.
  private wake(): void {
    if (this.driving || this.pumping || !(this.selfDriven || this.goals.size > 0)) return
    this.pumping = true
    this.host ??= new Scheduler.MixedScheduler().makeDispatcher()
    this.host.scheduleTask(this.pump, 0)
  }

  private readonly pump = (): void => {
    this.pumping = false
    if (!this.driving) this.drive(SLICE)
  }

  private drive(slice: number): void {
    this.driving = true
    let again = false
    try {
      again = this.loop(slice)
    } finally {
      this.driving = false
    }
    if (again) this.wake()
  }

  // Returns whether to go on in another turn.
  private loop(slice: number): boolean {
    let left = this.goals.size > 0 ? Infinity : slice
    for (;;) {
      this.runTasks()
      if (this.reachGoals()) return false
      if (this.outside.pending) return false
      if (this.outside.mustSettle()) return true
      const event = this.events.peek()
      if (event === undefined) {
        if (this.stop("idle", this.now)) continue
        return this.hasTasks
      }
      if (event.time > this.now) {
        if (this.stop("late", event.time)) continue
        this.steps = 0
        this.now = event.time
      } else if (++this.steps > STEPS_AT_ONE_INSTANT) {
        this.steps = 0
        this.stop("stuck", Infinity)
        continue
      }
      this.events.take()
      event.fire()
      this.outside.moved()
      if (--left <= 0) return true
    }
  }

  private get hasTasks(): boolean {
    return this.next < this.tasks.length || this.ranked.length > 0
  }

  // Whether no goal is left of those there were.
  private reachGoals(): boolean {
    if (this.goals.size === 0) return false
    for (const goal of this.goals) if (goal.over()) this.goals.delete(goal)
    return this.goals.size === 0
  }

  private stop(why: Stop, time: number): boolean {
    let stopped = false
    for (const goal of this.goals) {
      if (why === "late" && goal.until >= time) continue
      this.goals.delete(goal)
      goal.stopped(why)
      stopped = true
    }
    return stopped
  }

  private runTasks(): void {
    for (;;) {
      if (this.ranked.length > 0) this.rank()
      const task = this.tasks[this.next]
      if (task === undefined) break
      this.next++
      if (this.next === 1024) this.forget()
      if (++this.steps > STEPS_AT_ONE_INSTANT && this.goals.size > 0) {
        this.steps = 0
        this.stop("stuck", Infinity)
      }
      task()
    }
    this.forget()
  }

  // What ran is dropped, so that a world which never rests does not grow.
  private forget(): void {
    if (this.next === this.tasks.length) this.tasks.length = 0
    else this.tasks.splice(0, this.next)
    this.next = 0
  }

  // Priorities other than 0 are rare: what waits is sorted into one list, lowest first and in order of arrival.
  private rank(): void {
    const waiting = [...this.tasks.slice(this.next).map((task) => ({ task, priority: 0 })), ...this.ranked]
    this.ranked = []
    this.tasks = waiting.toSorted((a, b) => a.priority - b.priority).map((entry) => entry.task)
    this.next = 0
  }
}

/** The effect that waits for virtual time to pass. */
export const sleep = (timeline: Timeline, millis: number): Effect.Effect<void> => {
  if (millis <= 0) return Effect.yieldNow
  if (!Number.isFinite(millis)) return Effect.never
  return Effect.callback<void>((resume) => {
    const event = timeline.call(millis, () => resume(Effect.void))
    return Effect.sync(() => {
      event.dead = true
    })
  })
}
