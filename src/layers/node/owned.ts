/**
 * Opening something and leaving it to the scope.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"

/**
 * `Effect.acquireRelease` with an interruptible opening, for what needs no services to be closed: without the context kept
 * for the release it costs a fraction, and every dial and every accepted connection pays it.
 */
export const owned = <A, E, R>(
  open: Effect.Effect<A, E, R>,
  close: (opened: A) => Effect.Effect<void>
): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Scope.Scope>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(open), (opened) =>
        Effect.as(
          Scope.addFinalizerExit(Context.get(context, Scope.Scope), () => close(opened)),
          opened
        )
      )
    )
  )
