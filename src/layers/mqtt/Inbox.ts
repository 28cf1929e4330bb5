/**
 * What brokers delivered and nobody has taken yet. Each broker has a queue and a rate of its own and they are emptied in turn, so
 * one that floods takes nothing from the others.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { type Rate, RateLimiter } from "../../protocols/limits/RateLimiter.ts"
import { MAX_ENVELOPE } from "../../services/Signalling.ts"

/** Envelopes waiting of one broker; the oldest are dropped first. */
const QUEUE = 64

/** Of one broker. A flood of it leaves most of what a peer opens in a second (`messages/limits`) to the others. */
const rate: Rate = { perSecond: 100, burst: 200 }

export class Inbox {
  private readonly queues = new Map<string, Array<Uint8Array>>()
  private readonly limiter = new RateLimiter({ each: rate, sources: 256 })
  private filled = Deferred.makeUnsafe<void>()

  /** From a broker, at a time in milliseconds. */
  offer(broker: string, envelope: Uint8Array, now: number): void {
    if (envelope.length > MAX_ENVELOPE || !this.limiter.allow(broker, now)) return
    const queue = this.queues.get(broker) ?? []
    this.queues.set(broker, queue)
    queue.push(envelope)
    if (queue.length > QUEUE) queue.shift()
    Deferred.doneUnsafe(this.filled, Effect.void)
  }

  /** The oldest of each broker. */
  readonly take: Effect.Effect<ReadonlyArray<Uint8Array>> = Effect.suspend(() => {
    if (this.queues.size === 0) {
      this.filled = Deferred.makeUnsafe()
      return Effect.andThen(Deferred.await(this.filled), this.take)
    }
    const taken: Array<Uint8Array> = []
    for (const [broker, queue] of this.queues) {
      taken.push(queue.shift()!)
      if (queue.length === 0) this.queues.delete(broker)
    }
    return Effect.succeed(taken)
  })
}
