/**
 * The open and close handlers of a pipe.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CloseReason } from "../../services/Pipe.ts"
import type { BasePipe } from "./base.ts"

export type Opener = (pipe: BasePipe) => Effect.Effect<void>
export type Closer = (reason: CloseReason, pipe: BasePipe) => void

const none: ReadonlyArray<never> = []

export class Hooks {
  openers: ReadonlyArray<Opener> = none
  closers: ReadonlyArray<Closer> = none

  addOpener(run: Opener): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => {
        this.openers = [...this.openers, run]
      }),
      () =>
        Effect.sync(() => {
          this.openers = this.openers.filter((entry) => entry !== run)
        })
    )
  }

  addCloser(run: Closer): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => {
        this.closers = [...this.closers, run]
      }),
      () =>
        Effect.sync(() => {
          this.closers = this.closers.filter((entry) => entry !== run)
        })
    )
  }
}
