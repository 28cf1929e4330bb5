/**
 * A time limit for what ends by itself once `stop` is run: a handshake whose connection is closed, say.
 *
 * `Effect.timeout` must be able to stop anything, and so runs what it limits, the clock and the race between the two in
 * fibres. Every link passes several limits; here each costs one fibre, which sleeps.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

export interface Limit<E> {
  readonly duration: Duration.Input
  /** Makes the limited effect end; run once the time has passed. */
  readonly stop: Effect.Effect<void>
  /** What an effect that failed then failed of. */
  readonly late: () => E
}

export const limited =
  <E2>({ duration, late, stop }: Limit<E2>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R> =>
    Effect.withFiber((fiber) => {
      let isLate = false
      const stopped = Effect.suspend(() => {
        isLate = true
        return stop
      })
      const timer = Effect.runForkWith(fiber.context)(Effect.delay(stopped, duration))
      return effect.pipe(
        Effect.mapError((error) => (isLate ? late() : error)),
        Effect.onExit(() => Effect.sync(() => timer.interruptUnsafe()))
      )
    })
