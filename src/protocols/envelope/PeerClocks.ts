/**
 * Whether a message is fresh, though the sender's clock may be wrong.
 *
 * A message carries the sender's time and how long it is worth something. Clocks differ by {@link TOLERANCE} at most, so what
 * looks older or younger than that allows is refused. Between two peers more is known: a message cannot travel faster than
 * light, so of all messages of one sender the one that seemed to travel the fastest shows best how far the clocks are apart,
 * and one that takes its whole lifetime longer is late. An hour of difference therefore neither refuses a fresh message nor
 * lets a late one pass, as soon as one has been heard; the very first is judged by the tolerance alone.
 *
 * What was learned is forgotten after a while, since clocks get set.
 */

/** How far the clocks of two peers may be apart: a time zone set wrong, and an hour. */
export const TOLERANCE = 7_200_000

/** How long the fastest message of a sender counts. A sender whose clock was set back is not heard for as long at most. */
export const MEMORY = 600_000

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

  /** Learns from a fresh message. */
  learn(sender: string, sentAt: number, now: number): void {
    const trip = now - sentAt
    const fastest = this.fastest(sender, now)
    this.remember(sender, fastest === undefined || trip < fastest.trip ? { trip, at: now } : fastest)
  }

  /** Learns from a message that is fresh without a doubt, since it answers one: the clock is there now. */
  correct(sender: string, sentAt: number, now: number): void {
    this.remember(sender, { trip: now - sentAt, at: now })
  }

  private fastest(sender: string, now: number): Known | undefined {
    const known = this.known.get(sender)
    return known !== undefined && Math.abs(now - known.at) <= MEMORY ? known : undefined
  }

  private remember(sender: string, known: Known): void {
    this.known.delete(sender)
    this.known.set(sender, known)
    if (this.known.size > this.limit) this.known.delete(this.known.keys().next().value!)
  }
}
