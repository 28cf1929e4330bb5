/**
 * How far down the picture time goes: in proportion within a round trip, so that latency is a slope, and in one short step
 * over a pause in which nothing was under way.
 */
import { fateTime } from "../describe.ts"
import type { TraceEvent } from "../TraceEvent.ts"

/** How far a usual hop falls, in pixels. */
const FALL = 42
/** Two moments are told apart by at least this, and stand at most that far from each other. */
const LEAST = 5
const MOST = 60
/** The height of a pause. */
const PAUSE = 34

export interface Step {
  readonly height: number
  /** Nothing was under way. */
  readonly pause: boolean
}

/** The way down from one moment to the next, by the milliseconds between them. */
export const scaleOf = (events: ReadonlyArray<TraceEvent>): ((millis: number) => Step) => {
  const durations = events
    .map(({ fate, time }) => (fateTime(fate) ?? time) - time)
    .filter((duration) => duration > 0)
    .toSorted((a, b) => a - b)
  // Hops on local networks are many and short; a few may be late.
  const usual = durations[Math.floor(durations.length * 0.9)] ?? 1
  const longest = Math.max(durations.at(-1) ?? 1, 2 * usual)
  return (millis) =>
    millis > longest
      ? { height: PAUSE, pause: true }
      : { height: Math.min(MOST, Math.max(LEAST, (FALL * millis) / usual)), pause: false }
}
