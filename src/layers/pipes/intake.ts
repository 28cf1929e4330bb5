/**
 * How what a socket receives reaches its pipe.
 *
 * A socket that can push calls the pipe with each chunk or datagram: no fibre waits for an idle connection, and none is
 * woken for a message. Any other implementation of the contracts is pulled by a fibre, and looks the same to the pipe.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"

/** What a pipe offers its socket. */
export interface Intake<Item, End> {
  /** Takes one. `false`: no more before `resume`, where the socket can wait. */
  readonly take: (item: Item) => boolean
  /** Nothing more will come. */
  readonly ended: (end: End) => void
}

/** What a socket may offer beside `pull`. */
export interface Pushing<Item, End> {
  /** From now on everything received goes there, what waits already included. Takes the place of `pull`. */
  readonly pushTo: (intake: Intake<Item, End>) => void
  readonly resume: () => void
}

export const canPush = <Item, End>(socket: object): socket is Pushing<Item, End> => "pushTo" in socket

/** A socket that is pulled, as one that pushes. `end` reads what its `pull` failed with. */
export const pulled = <Item, E, End>(
  pull: Pull.Pull<ReadonlyArray<Item>, E>,
  end: (error: unknown) => End,
  run: (reading: Effect.Effect<void>) => unknown
): Pushing<Item, End> => {
  let held = false
  let wake: (() => void) | undefined
  const room = Effect.callback<void>((resume) => {
    wake = () => resume(Effect.void)
    if (!held) wake()
  })
  return {
    pushTo: (intake) => {
      const reading = Effect.gen(function* () {
        for (;;) {
          for (const item of yield* pull) {
            held = !intake.take(item)
            if (held) yield* room
          }
        }
      })
      run(
        Effect.catchCause(reading, (cause) =>
          Effect.sync(() => {
            if (!Cause.hasInterruptsOnly(cause)) intake.ended(end(Cause.squash(cause)))
          })
        )
      )
    },
    resume: () => {
      held = false
      wake?.()
    }
  }
}
