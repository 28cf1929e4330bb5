/**
 * A message handler: runs effects for the messages of a pipe, at most `concurrency` at once, in order when that is one.
 *
 * No fibre waits while there is nothing to handle, so an idle connection costs none.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Message, QueueLimits } from "../../services/Pipe.ts"
import type { BasePipe } from "./base.ts"
import type { Matcher } from "./matcher.ts"
import { MessageQueue } from "./queue.ts"
import type { Registration, Sink } from "./sink.ts"

/** What a handler of any sort failed of: it is logged and counted, never lost, and never stops the pipe. */
export const blamed = (what: string, pipe: BasePipe, cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  pipe.counters.add("handlerFailures")
  return Effect.logWarning(`a pipe's ${what} failed`, cause).pipe(
    Effect.annotateLogs({ local: String(pipe.local), remote: String(pipe.remote ?? "") })
  )
}

/** Runs a handler whose failure nobody else hears of. */
export const guarded = <R>(
  what: string,
  pipe: BasePipe,
  effect: () => Effect.Effect<unknown, unknown, R>
): Effect.Effect<void, never, R> =>
  Effect.catchCause(Effect.suspend(effect) as Effect.Effect<void, unknown, R>, (cause) => blamed(what, pipe, cause))

export interface HandlerOptions {
  /** Starts the handler for one message. */
  readonly run: (message: Message, pipe: BasePipe) => Fiber.Fiber<unknown, unknown>
  /** Hears of its failure. */
  readonly failed: (cause: Cause.Cause<unknown>, pipe: BasePipe) => void
  readonly matches: Matcher | undefined
  readonly queue: QueueLimits | undefined
  readonly concurrency: number
}

export class HandlerRegistration implements Registration {
  readonly options: HandlerOptions
  /** Those with a handler under way. */
  readonly busy: Set<HandlerSink> = new Set()
  /** The fibre that stopped it. */
  stoppedBy: number | undefined = undefined

  constructor(options: HandlerOptions) {
    this.options = options
  }

  sinkFor(pipe: BasePipe): Sink {
    return new HandlerSink(pipe, this)
  }

  finish() {}

  /**
   * Interrupts what runs and forgets what waits. Does not wait for the end of it: a handler may close the very pipe or
   * scope it runs in.
   */
  readonly stop: Effect.Effect<void> = Effect.withFiber((self) => {
    this.stoppedBy = self.id
    for (const sink of this.busy) sink.stop(self.id)
    return Effect.void
  })
}

class HandlerSink implements Sink {
  readonly registration: HandlerRegistration
  readonly queue: MessageQueue
  private readonly pipe: BasePipe
  private readonly fibers: Array<Fiber.Fiber<unknown, unknown>> = []
  private running = 0
  /** Offered to a handler that is free, and so not queued: run by `wake`. */
  private next: Message | undefined = undefined

  constructor(pipe: BasePipe, registration: HandlerRegistration) {
    this.pipe = pipe
    this.registration = registration
    this.queue = new MessageQueue(registration.options.queue)
  }

  get isIdle(): boolean {
    return this.running === 0 && this.next === undefined && this.queue.length === 0
  }

  offer(message: Message, lossy: boolean): "taken" | "dropped" | "passed" {
    const { options, stoppedBy } = this.registration
    if (stoppedBy !== undefined || (options.matches !== undefined && !options.matches(message))) return "passed"
    if (lossy && this.queue.full && this.running >= options.concurrency) return "dropped"
    if (this.running < options.concurrency && this.next === undefined && this.queue.length === 0) this.next = message
    else this.queue.push(message)
    return "taken"
  }

  // A message taken may make room for the next one, and that wakes this very sink: so it is counted as running first.
  wake() {
    const { concurrency } = this.registration.options
    const { next } = this
    this.next = undefined
    if (next !== undefined) this.start(next)
    while (this.running < concurrency && this.queue.length > 0) this.start()
    if (this.isIdle) this.pipe.settle()
  }

  private start(message?: Message) {
    this.running++
    const fiber = this.registration.options.run(message ?? this.queue.take()!, this.pipe)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) this.follow(fiber)
    else this.over(exit)
  }

  private over(exit: Exit.Exit<unknown, unknown>) {
    this.running--
    if (Exit.isFailure(exit)) this.registration.options.failed(exit.cause, this.pipe)
  }

  private follow(fiber: Fiber.Fiber<unknown, unknown>) {
    const { busy, stoppedBy } = this.registration
    busy.add(this)
    this.fibers.push(fiber)
    fiber.addObserver((exit) => {
      this.fibers.splice(this.fibers.indexOf(fiber), 1)
      if (this.fibers.length === 0) busy.delete(this)
      this.over(exit)
      this.wake()
    })
    // Stopped by what the handler did as it began.
    if (stoppedBy !== undefined) this.stop(stoppedBy)
  }

  stop(by: number) {
    this.next = undefined
    this.queue.clear()
    for (const fiber of this.fibers.slice()) fiber.interruptUnsafe(by)
  }
}
