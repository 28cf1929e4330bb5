/**
 * How much may be in flight: NewReno (RFC 5681, RFC 6582), with an initial window of ten segments (RFC 6928) and a slow
 * start that ends when queues begin to fill (HyStart's delay rule, RFC 9406), before hundreds of packets are lost at once.
 *
 * Numbers are bytes and positions; the caller says what was acknowledged and repeats what it is told to.
 */

const INITIAL_SEGMENTS = 10
const DUPLICATES_THAT_MEAN_LOSS = 3

/** RFC 9406 section 4.3: the least window, and the bounds of the delay that counts, in milliseconds. */
const HYSTART_SEGMENTS = 16
const HYSTART_MIN = 4
const HYSTART_MAX = 16

export class Congestion {
  window: number
  private threshold = Infinity
  private duplicates = 0
  /** While recovering: the highest position sent when the loss was seen. */
  private recover = 0
  private recovering = false
  private leastRoundTrip = Infinity
  private mss: number

  constructor(mss: number) {
    this.mss = mss
    this.window = INITIAL_SEGMENTS * mss
  }

  /** The segment size became known, or smaller, before anything but the SYN was sent. */
  start(mss: number): void {
    this.mss = mss
    this.window = INITIAL_SEGMENTS * mss
  }

  /** New bytes up to `una` were acknowledged, `flight` before. Returns whether the segment at `una` must be repeated. */
  acknowledged(bytes: number, una: number, flight: number): boolean {
    this.duplicates = 0
    if (this.recovering) {
      if (una < this.recover) {
        // A partial acknowledgement: the next hole is at `una` (RFC 6582 section 3.2 step 3).
        this.window = Math.max(this.window - bytes + (bytes >= this.mss ? this.mss : 0), this.mss)
        return true
      }
      this.recovering = false
      this.window = Math.min(this.threshold, Math.max(flight - bytes, this.mss) + this.mss)
      return false
    }
    // A window that is not used says nothing about the path (RFC 7661).
    if (flight * 2 < this.window) return false
    this.window +=
      this.window < this.threshold
        ? Math.min(bytes, 2 * this.mss)
        : (this.mss * Math.min(bytes, 2 * this.mss)) / this.window
    return false
  }

  /** A round trip was measured, in milliseconds. */
  sample(roundTrip: number): void {
    const least = this.leastRoundTrip
    if (roundTrip < least) this.leastRoundTrip = roundTrip
    else if (this.window < this.threshold && this.window >= HYSTART_SEGMENTS * this.mss) {
      const margin = Math.min(Math.max(least / 8, HYSTART_MIN), HYSTART_MAX)
      if (roundTrip > least + margin) this.threshold = this.window
    }
  }

  /** The same acknowledgement came again. Returns whether the segment at `una` must be repeated. */
  duplicate(una: number, max: number): boolean {
    if (this.recovering) {
      this.window += this.mss
      return false
    }
    if (++this.duplicates !== DUPLICATES_THAT_MEAN_LOSS || una <= this.recover) return false
    this.threshold = this.halved(max - una)
    this.recover = max
    this.recovering = true
    this.window = this.threshold + DUPLICATES_THAT_MEAN_LOSS * this.mss
    return true
  }

  /** The retransmission timer expired with everything from `una` to `max` in flight; `again` if not for the first time. */
  timedOut(una: number, max: number, again: boolean): void {
    if (!again) this.threshold = this.halved(max - una)
    this.recover = max
    this.recovering = false
    this.duplicates = 0
    this.window = this.mss
  }

  private halved(flight: number): number {
    return Math.max(flight / 2, 2 * this.mss)
  }
}
