/**
 * Hears what a program logs.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"

export interface Line {
  readonly level: string
  /** The message and, behind it, the causes. */
  readonly text: string
}

/** Runs a program and gives every line it logs to `heard`, in place of printing it. */
export const hearing =
  (heard: (line: Line) => void) =>
  <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provide(
      program,
      Logger.layer([
        Logger.make(({ cause, logLevel, message }) => {
          const text = [message].flat().map((part) => (Cause.isCause(part) ? Cause.pretty(part) : String(part)))
          heard({ level: logLevel, text: [...text, Cause.pretty(cause)].join("\n") })
        })
      ])
    )
