/**
 * Attempts started one after the other, the first success winning: the race of Happy Eyeballs (RFC 8305 section 5).
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/**
 * Runs the attempts, each starting `delay` after the one before it, or at once when that one fails. The winner's resources
 * go to the caller's scope; everything else is interrupted and closed, late successes too. Fails with all errors, in the
 * order of the attempts.
 */
export const staggered = <A, E, R>(
  attempts: ReadonlyArray<Effect.Effect<A, E, R | Scope.Scope>>,
  delay: Duration.Input
): Effect.Effect<A, ReadonlyArray<E>, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.gen(function* () {
    if (attempts.length === 0) return yield* Effect.fail([])
    const scope = yield* Effect.scope
    const errors: Array<E> = []
    const started = attempts.map(() => Deferred.makeUnsafe<void>())
    const failed = attempts.map(() => Deferred.makeUnsafe<void>())
    let won = false

    const turn = (at: number): Effect.Effect<void> =>
      at === 0
        ? Effect.void
        : Effect.andThen(
            Deferred.await(started[at - 1]!),
            Effect.raceFirst(Effect.sleep(delay), Deferred.await(failed[at - 1]!))
          )

    const run = (attempt: Effect.Effect<A, E, R | Scope.Scope>, at: number) =>
      Effect.gen(function* () {
        yield* turn(at)
        yield* Deferred.succeed(started[at]!, undefined)
        const own = yield* Scope.fork(scope)
        return yield* Effect.onExit(Scope.provide(attempt, own), (exit) => {
          if (Exit.isSuccess(exit) && !won) {
            won = true
            return Effect.void
          }
          return Scope.close(own, exit)
        })
      }).pipe(
        Effect.tapError((error) => {
          errors[at] = error
          return Deferred.succeed(failed[at]!, undefined)
        })
      )

    return yield* Effect.catch(Effect.raceAll(attempts.map(run)), () => Effect.fail(errors))
  })
