/** Time as plans count it: milliseconds, with fractions, of which only differences mean anything. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

export type Now = () => number

const NANOS_PER_MILLI = 1_000_000

export const now: Effect.Effect<Now> = Clock.clockWith((clock) =>
  Effect.succeed(() => Number(clock.monotonicTimeNanosUnsafe()) / NANOS_PER_MILLI)
)

/** A fraction of what any plan says: clocks count in whole nanoseconds, and timers may fire a little early. */
const TOLERANCE = 1e-3

export const isReached = (time: number, now: Now): boolean => time <= now() + TOLERANCE

/**
 * What `effect` gives until then, or `undefined`. Timers come before sockets, so what arrived while this process was busy is
 * heard in the turn after.
 */
export const until = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  time: number,
  now: Now
): Effect.Effect<A | undefined, E, R> =>
  Effect.suspend(() =>
    time === Infinity
      ? effect
      : Effect.raceFirst(
          effect,
          Effect.as(Effect.andThen(Effect.sleep(Math.max(0, time - now())), Effect.yieldNow), undefined)
        )
  )
