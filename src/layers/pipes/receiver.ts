/**
 * A queue with fibres waiting at its end: the inbox of a pipe, and each subscription.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Message, PipeError, QueueLimits } from "../../services/Pipe.ts"
import type { End } from "./end.ts"
import type { Matcher } from "./matcher.ts"
import { MessageQueue } from "./queue.ts"

type Resume = (effect: Effect.Effect<Message, PipeError>) => void

interface Waiter {
  readonly matches: Matcher | undefined
  readonly resume: Resume
}

export class Receiver {
  readonly queue: MessageQueue
  private waiters: Array<Waiter> = []
  private end: End | undefined = undefined
  private next: Effect.Effect<Message, PipeError> | undefined = undefined

  constructor(limits: QueueLimits | undefined) {
    this.queue = new MessageQueue(limits)
  }

  /**
   * Takes the first fibre waiting for a message like this out of the line. It is resumed by what is given back, after
   * everybody else has heard the message: what it does then must not get the same one again.
   */
  claim(message: Message): Resume | undefined {
    const first = this.waiters[0]
    if (first === undefined) return undefined
    // Nearly always there is one, and it takes anything.
    if (first.matches === undefined) return this.waiters.shift()!.resume
    const at = this.waiters.findIndex(({ matches }) => matches === undefined || matches(message))
    return at === -1 ? undefined : this.waiters.splice(at, 1)[0]!.resume
  }

  /** Gives what is queued to those who wait. */
  wake() {
    while (this.waiters.length > 0 && this.queue.length > 0) {
      this.waiters.shift()!.resume(Effect.succeed(this.queue.take()!))
    }
  }

  /** No more messages will come; those in the queue can still be taken. */
  finish(end: End) {
    this.end ??= end
    if (this.waiters.length > 0) this.interject(this.end.error)
  }

  get isAwaited(): boolean {
    return this.waiters.length > 0
  }

  /** Fails who waits now, without ending anything: the queue is full of what they do not want, or ICMP said no. */
  interject(error: PipeError) {
    for (const waiter of this.waiters.splice(0)) waiter.resume(Effect.fail(error))
  }

  /** `early` may hold what arrived elsewhere and counts as first in line. */
  take(matches: Matcher | undefined, early?: () => Message | undefined): Effect.Effect<Message, PipeError> {
    if (matches === undefined && early === undefined) return (this.next ??= this.waitFor(undefined, undefined))
    return this.waitFor(matches, early)
  }

  private waitFor(matches: Matcher | undefined, early: (() => Message | undefined) | undefined) {
    const wait = Effect.callback<Message, PipeError>((resume) => {
      const waiter = { matches, resume }
      this.waiters.push(waiter)
      return Effect.sync(() => {
        const at = this.waiters.indexOf(waiter)
        if (at >= 0) this.waiters.splice(at, 1)
      })
    })
    return Effect.suspend(() => {
      const message = early?.() ?? this.queue.take(matches)
      if (message !== undefined) return Effect.succeed(message)
      return this.end === undefined ? wait : Effect.fail(this.end.error)
    })
  }

  /** Everything from here on, ending where receiving ended well. */
  stream(early?: () => Message | undefined): Stream.Stream<Message, PipeError> {
    const one = Effect.map(this.take(undefined, early), (message) => [message] as const)
    return Stream.fromPull(
      Effect.succeed(
        Effect.catch(one, (error): Effect.Effect<never, PipeError | Cause.Done> =>
          this.end?.clean === true && this.end.error === error ? Cause.done() : Effect.fail(error)
        )
      )
    )
  }
}
