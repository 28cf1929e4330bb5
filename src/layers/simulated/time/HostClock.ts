/**
 * The clock of one host: the world's time, off by the host's skew. Sleeping and monotonic time know no skew.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { sleep, type Timeline } from "./Timeline.ts"

const NANOS_PER_MILLI = 1_000_000

// Whole milliseconds apart from the fraction: their product with a million would not fit a double exactly.
const nanos = (wholeMillis: number, fraction: number): bigint =>
  BigInt(wholeMillis) * BigInt(NANOS_PER_MILLI) + BigInt(Math.floor(fraction * NANOS_PER_MILLI))

export class HostClock implements Clock.Clock {
  private readonly timeline: Timeline
  private readonly epoch: number

  /** `epoch` is what this clock shows, in Unix milliseconds, when the world begins. */
  constructor(timeline: Timeline, epoch: number) {
    this.timeline = timeline
    this.epoch = epoch
  }

  currentTimeMillisUnsafe(): number {
    return this.epoch + Math.floor(this.timeline.now)
  }

  currentTimeNanosUnsafe(): bigint {
    const whole = Math.floor(this.timeline.now)
    return nanos(this.epoch + whole, this.timeline.now - whole)
  }

  monotonicTimeNanosUnsafe(): bigint {
    const whole = Math.floor(this.timeline.now)
    return nanos(whole, this.timeline.now - whole)
  }

  get currentTimeMillis(): Effect.Effect<number> {
    return Effect.sync(() => this.currentTimeMillisUnsafe())
  }

  get currentTimeNanos(): Effect.Effect<bigint> {
    return Effect.sync(() => this.currentTimeNanosUnsafe())
  }

  get monotonicTimeNanos(): Effect.Effect<bigint> {
    return Effect.sync(() => this.monotonicTimeNanosUnsafe())
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return sleep(this.timeline, Duration.toMillis(duration))
  }
}
