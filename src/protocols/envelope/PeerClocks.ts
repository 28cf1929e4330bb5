/**
 * Whether a message is fresh, though the sender's clock may be wrong.
 *
 * A message carries the sender's time and how long it is worth something. Clocks differ by {@link TOLERANCE} at most, so what
 * looks older or younger than that allows is refused. Between two peers more is known: a message cannot travel faster than
 * light, so of all messages of one sender the one that seemed to travel the fastest shows best how far the clocks are apart,
 * and one that takes its whole lifetime longer is late. An hour of difference therefore neither refuses a fresh message nor
 * lets a late one pass, as soon as one has been heard; the very first is judged by the tolerance alone.
 *
 * What was learned is forgotten soon, since clocks get set: until then a sender whose clock was set back is not heard.
 */
import { dropOldest } from "../limits/dropOldest.ts"

/** How far the clocks of two peers may be apart: a summer time set wrong, and no clock is exact. Milliseconds. */
export const TOLERANCE = 3_900_000

/** How long the fastest message of a sender counts. */
export const MEMORY = 90_000

/** Senders remembered; the one not heard the longest leaves first, and is judged by the tolerance again. */
export const SENDERS = 4096

interface Known {
  /** Receiver's clock minus sender's clock: the difference of the clocks, and the trip. */
  readonly trip: number
  /** When it came. */
  readonly at: number
}

export class PeerClocks {
  private readonly known = new Map<string, Known>()
  private readonly limit: number

  constructor(limit: number = SENDERS) {
    this.limit = limit
  }

  get size(): number {
    return this.known.size
  }

  /** Whether a message of this sender is worth something now. Times in milliseconds. */
  isFresh(sender: string, sentAt: number, lifetime: number, now: number): boolean {
    const trip = now - sentAt
    if (trip < -TOLERANCE || trip > lifetime + TOLERANCE) return false
    const fastest = this.fastest(sender, now)
    return fastest === undefined || trip <= fastest.trip + lifetime
  }

  /**
   * Learns from a fresh message. `age`: it is certainly no older, as the answer to a question of that age is not; where it
   * seems older than that by what is known, a clock was set.
   */
  learn(sender: string, sentAt: number, now: number, age = Infinity): void {
    const trip = now - sentAt
    const fastest = this.fastest(sender, now)
    const holds = fastest !== undefined && trip >= fastest.trip && trip <= fastest.trip + age
    this.remember(sender, holds ? fastest : { trip, at: now })
  }

  private fastest(sender: string, now: number): Known | undefined {
    const known = this.known.get(sender)
    return known !== undefined && Math.abs(now - known.at) <= MEMORY ? known : undefined
  }

  private remember(sender: string, known: Known): void {
    this.known.delete(sender)
    this.known.set(sender, known)
    dropOldest(this.known, this.limit)
  }
}
