/**
 * How often each of many sources may do something, and all of them together: token buckets in a table of bounded size.
 *
 * A bucket holds `burst` tokens and gets `perSecond` new ones. What one limit refuses costs the other nothing, so a source
 * that is over its own limit does not use up what all share. When the table is full the source that was quiet the longest
 * is forgotten, which gives it a full bucket: it had refilled the most. Sources that cost nothing to make up (forged
 * addresses, new keys) are therefore held back by the limit in total alone.
 *
 *     const limiter = new RateLimiter({ each: { perSecond: 10, burst: 20 }, total: { perSecond: 1000, burst: 2000 } })
 *     if (limiter.allow(sourceOf(from), now)) answer()
 */
import { dropOldest } from "./dropOldest.ts"

export interface Rate {
  /** Above 0; `Infinity` for no limit. */
  readonly perSecond: number
  /** How many at once, after a rest. */
  readonly burst: number
}

export interface Options {
  readonly each: Rate
  /** Default: no limit. */
  readonly total?: Rate | undefined
  /** Sources remembered at most. Default {@link SOURCES}. */
  readonly sources?: number | undefined
}

/** About 8 MB when full of IPv6 prefixes. */
export const SOURCES = 65_536

/** Times near 2^41 milliseconds are off by 2^-12, and sums of them by more: without this a bucket would lack its last token. */
const ROUNDING_MS = 0.01

export class RateLimiter {
  readonly #each: Rate
  readonly #total: Rate
  readonly #limit: number
  /** When the bucket of each source is full again, the source that was quiet the longest first. */
  readonly #full = new Map<string, number>()
  #totalFull = 0

  constructor({ each, sources = SOURCES, total = { perSecond: Infinity, burst: 1 } }: Options) {
    this.#each = each
    this.#total = total
    this.#limit = Math.max(1, sources)
  }

  /** Sources remembered. */
  get size(): number {
    return this.#full.size
  }

  /**
   * Takes `cost` tokens, or none and says no. `now` is in milliseconds on any clock; one that is set back costs a source no
   * more than an empty bucket. A cost above the burst is always refused.
   */
  allow(source: string, now: number, cost = 1): boolean {
    const known = this.#full.get(source)
    const full = within(this.#each, known ?? now, now)
    this.#totalFull = within(this.#total, this.#totalFull, now)
    const after = take(this.#each, full, now, cost)
    const totalAfter = take(this.#total, this.#totalFull, now, cost)
    const allowed = after !== undefined && totalAfter !== undefined
    if (allowed) this.#totalFull = totalAfter
    else if (known === undefined) return false
    // A source that goes on although refused is not quiet.
    this.#full.delete(source)
    this.#full.set(source, allowed ? after : full)
    dropOldest(this.#full, this.#limit)
    return allowed
  }
}

/** When a bucket is full: between now, and now if it is empty. */
const within = ({ burst, perSecond }: Rate, full: number, now: number): number =>
  Math.min(Math.max(full, now), now + (burst * 1000) / perSecond)

/** When it will be full after this; `undefined` where it does not hold as much. */
const take = ({ burst, perSecond }: Rate, full: number, now: number, cost: number): number | undefined => {
  const after = full + (cost * 1000) / perSecond
  return after - now > (burst * 1000) / perSecond + ROUNDING_MS ? undefined : after
}
