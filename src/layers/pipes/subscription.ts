/**
 * A subscription: one queue, shared by all clients where it was made on a server.
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Message, PipeError, QueueLimits, ReceiveOptions, Subscription } from "../../services/Pipe.ts"
import type { BasePipe } from "./base.ts"
import type { End } from "./end.ts"
import type { Matcher } from "./matcher.ts"
import type { MessageQueue } from "./queue.ts"
import { Receiver } from "./receiver.ts"
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

  finish(end: End) {
    this.receiver.finish(end)
  }

  // Sink

  readonly registration = this
  // What waits for a reader here does not hold up the end of the pipe.
  readonly isIdle = true

  get queue(): MessageQueue {
    return this.receiver.queue
  }

  offer(message: Message, lossy: boolean): "taken" | "dropped" | "passed" {
    if (this.matches !== undefined && !this.matches(message)) return "passed"
    if (lossy && this.queue.full) {
      this.lost++
      return "dropped"
    }
    this.queue.push(message)
    return "taken"
  }

  wake() {
    this.receiver.wake()
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
