/**
 * A subscription: one queue, shared by all clients where it was made on a server.
 */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Message, PipeError, QueueLimits, ReceiveOptions, Subscription } from "../../services/Pipe.ts"
import type { BasePipe } from "./base.ts"
import type { Matcher } from "./matcher.ts"
import type { MessageQueue } from "./queue.ts"
import { type End, Receiver } from "./receiver.ts"
import type { Registration, Sink } from "./sink.ts"

export class SubscriptionSink implements Registration, Sink, Subscription {
  private readonly receiver: Receiver
  private readonly matches: Matcher | undefined
  private readonly owner: BasePipe
  private lost = 0

  constructor(owner: BasePipe, matches: Matcher | undefined, limits: QueueLimits | undefined) {
    this.owner = owner
    this.matches = matches
    this.receiver = new Receiver(limits)
  }

  // Registration

  sinkFor(): Sink {
    return this
  }

  release() {}

  // Sink

  get queue(): MessageQueue {
    return this.receiver.queue
  }

  // What waits for a reader here does not hold up the end of the pipe.
  get idle(): boolean {
    return true
  }

  offer(message: Message, lossy: boolean): "taken" | "dropped" | "passed" {
    if (this.matches !== undefined && !this.matches(message)) return "passed"
    const waiting = this.receiver.claim(message)
    if (waiting !== undefined) {
      waiting(Effect.succeed(message))
      return "taken"
    }
    if (lossy && this.queue.full) {
      this.lost++
      return "dropped"
    }
    this.queue.push(message)
    return "taken"
  }

  finish(end: End) {
    this.receiver.finish(end)
  }

  // Subscription

  receive(options?: Pick<ReceiveOptions, "timeout">): Effect.Effect<Message, PipeError> {
    return this.owner.timed(this.receiver.take(undefined), options)
  }

  get messages(): Stream.Stream<Message, PipeError> {
    return this.receiver.stream()
  }

  readonly dropped = () => this.lost
}
