/**
 * How long to wait for an acknowledgement: RFC 6298, with Linux's bounds.
 */

/** RFC 6298 section 2.1; the first SYN is repeated after this. */
export const INITIAL_RTO = 1000
/** Linux's TCP_RTO_MIN; RFC 6298 asks for a second, which nobody does. */
export const MIN_RTO = 200
/** Linux's TCP_RTO_MAX. */
export const MAX_RTO = 120_000

export class RetransmissionTimer {
  private smoothed = 0
  private variation = 0
  private base = INITIAL_RTO
  private backoff = 0

  /** A measured round trip, in milliseconds. Karn's rule is the caller's: never of a segment sent twice. */
  sample(roundTrip: number): void {
    if (this.smoothed === 0) {
      this.smoothed = roundTrip
      this.variation = roundTrip / 2
    } else {
      this.variation += (Math.abs(this.smoothed - roundTrip) - this.variation) / 4
      this.smoothed += (roundTrip - this.smoothed) / 8
    }
    // As on Linux the bound is on the variation term: a long round trip keeps its full margin.
    this.base = Math.min(this.smoothed + Math.max(4 * this.variation, MIN_RTO), MAX_RTO)
  }

  /** The timeout now, doubled for each expiry since the last acknowledgement. */
  get timeout(): number {
    return Math.min(this.base * 2 ** this.backoff, MAX_RTO)
  }

  expired(): void {
    if (this.timeout < MAX_RTO) this.backoff++
  }

  acknowledged(): void {
    this.backoff = 0
  }
}
