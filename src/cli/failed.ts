/**
 * The end of a command that has already said what went wrong.
 */
import * as Runtime from "effect/Runtime"

/** Its code is the exit status. */
export class Failed extends Error {
  readonly _tag = "Failed"
  override readonly [Runtime.errorExitCode]: number
  constructor(code: number) {
    super("the command failed")
    this[Runtime.errorExitCode] = code
  }
}
