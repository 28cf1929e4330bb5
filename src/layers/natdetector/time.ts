/** Time as plans count it: milliseconds, with fractions, of which only differences mean anything. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

export type Now = () => number

const NANOS_PER_MILLI = 1_000_000

export const now: Effect.Effect<Now> = Clock.clockWith((clock) =>
  Effect.succeed(() => Number(clock.monotonicTimeNanosUnsafe()) / NANOS_PER_MILLI)
)

/** What `effect` gives until then, or `undefined`. A timer may fire a little early: callers that care look at the time. */
export const until = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  time: number,
  now: Now
): Effect.Effect<A | undefined, E, R> =>
  Effect.suspend(() =>
    time === Infinity
      ? effect
      : Effect.map(Effect.timeoutOption(effect, Duration.millis(Math.max(0, time - now()))), Option.getOrUndefined)
  )
