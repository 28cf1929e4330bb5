/**
 * A message handler: runs effects for the messages of a pipe, at most `concurrency` at once, in order when that is one.
 *
 * No fibre waits while there is nothing to handle, so an idle connection costs none.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Message, QueueLimits } from "../../services/Pipe.ts"
import type { BasePipe } from "./base.ts"
import type { Matcher } from "./matcher.ts"
import { MessageQueue } from "./queue.ts"
import type { Registration, Sink } from "./sink.ts"

/** Runs a handler of any sort; its failure is logged and counted, never lost, and never stops the pipe. */
export const guarded = <R>(
  what: string,
  pipe: BasePipe,
  effect: () => Effect.Effect<unknown, unknown, R>
): Effect.Effect<void, never, R> =>
  Effect.catchCause(Effect.asVoid(Effect.suspend(effect)), (cause) => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.void
    pipe.counters.add("handlerFailures")
    return Effect.logWarning(`a pipe's ${what} failed`, cause).pipe(
      Effect.annotateLogs({ local: String(pipe.local), remote: String(pipe.remote ?? "") })
    )
  })

export class HandlerRegistration implements Registration {
  private readonly sinks: Map<BasePipe, HandlerSink> = new Map()
  private readonly make: (pipe: BasePipe) => HandlerSink

  /** `run` starts the handler for one message. */
  constructor(
    run: (message: Message, pipe: BasePipe) => Fiber.Fiber<void>,
    matches: Matcher | undefined,
    limits: QueueLimits | undefined,
    concurrency: number
  ) {
    this.make = (pipe) => new HandlerSink(pipe, (message) => run(message, pipe), matches, limits, concurrency)
  }

  sinkFor(pipe: BasePipe): Sink {
    let sink = this.sinks.get(pipe)
    if (sink === undefined) {
      sink = this.make(pipe)
      this.sinks.set(pipe, sink)
    }
    return sink
  }

  release(pipe: BasePipe) {
    this.sinks.delete(pipe)
  }

  /** Interrupts what runs and forgets what waits. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    const sinks = [...this.sinks.values()]
    this.sinks.clear()
    return Effect.forEach(sinks, (sink) => sink.stop, { discard: true })
  })
}

class HandlerSink implements Sink {
  readonly queue: MessageQueue
  private readonly pipe: BasePipe
  private readonly start: (message: Message) => Fiber.Fiber<void>
  private readonly matches: Matcher | undefined
  private readonly concurrency: number
  private readonly fibers: Set<Fiber.Fiber<void>> = new Set()
  private running = 0
  private stopped = false

  constructor(
    pipe: BasePipe,
    start: (message: Message) => Fiber.Fiber<void>,
    matches: Matcher | undefined,
    limits: QueueLimits | undefined,
    concurrency: number
  ) {
    this.pipe = pipe
    this.start = start
    this.matches = matches
    this.concurrency = concurrency
    this.queue = new MessageQueue(limits)
  }

  get idle(): boolean {
    return this.running === 0 && this.queue.length === 0
  }

  offer(message: Message, lossy: boolean): "taken" | "dropped" | "passed" {
    if (this.matches !== undefined && !this.matches(message)) return "passed"
    if (this.running < this.concurrency && this.queue.length === 0) {
      this.run(message)
      return "taken"
    }
    if (lossy && this.queue.full) return "dropped"
    this.queue.push(message)
    return "taken"
  }

  finish() {}

  private run(message: Message) {
    this.running++
    const fiber = this.start(message)
    if (fiber.pollUnsafe() !== undefined) {
      this.running--
      return
    }
    this.fibers.add(fiber)
    fiber.addObserver(() => {
      this.fibers.delete(fiber)
      this.running--
      this.goOn()
    })
  }

  private goOn() {
    while (!this.stopped && this.running < this.concurrency) {
      const message = this.queue.take(undefined)
      if (message === undefined) break
      this.run(message)
    }
    if (this.idle) this.pipe.settle()
  }

  get stop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.stopped = true
      this.queue.clear()
      return Effect.andThen(
        Effect.forEach([...this.fibers], (fiber) => interrupt(fiber), { discard: true }),
        Effect.sync(() => this.pipe.settle())
      )
    })
  }
}

// Not waited for: a handler may close the very pipe or scope it runs in.
const interrupt = (fiber: Fiber.Fiber<void>): Effect.Effect<void> =>
  Effect.withFiber((self) => {
    fiber.interruptUnsafe(self.id)
    return Effect.void
  })
