/**
 * For code that leaves the fibres of its program: promises, native calls, libraries with events of their own.
 *
 * On a real network this does nothing. In a simulated world time stands still while such work is under way; without a word
 * from here it would jump ahead, and timeouts would fire in the middle of a signature. Effects that only wait for other
 * fibres, sockets or clocks need none of this.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface Outside {
  /** Runs an effect that ends by itself, soon, whatever happens in the world. */
  readonly call: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * For as long as the scope is open, lets the machine's event loop turn a few times before time goes on: for guests whose
   * calls cannot be counted one by one, such as TLS over a stream.
   */
  readonly guest: Effect.Effect<void, never, Scope.Scope>
}

export const Outside: Context.Reference<Outside> = Context.Reference<Outside>("effect-p2p/layers/simulated/Outside", {
  defaultValue: () => ({ call: (effect) => effect, guest: Effect.void })
})

/** Marks an effect as leaving the program: see `Outside.call`. */
export const call = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Outside, (outside) => outside.call(effect))

/** See `Outside.guest`. */
export const guest: Effect.Effect<void, never, Scope.Scope> = Effect.flatMap(Outside, (outside) => outside.guest)
