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

/** Settings that make no sense are bad usage, wherever they were written. */
const usage: ReadonlySet<unknown> = new Set(["BadConfig", "BadVariable", "BadSettings", "ConfigError"])

/** The exit status of a command that fails with this: 2 where what it was told makes no sense, else 1. */
export const statusOf = (error: object): 1 | 2 => ("_tag" in error && usage.has(error._tag) ? 2 : 1)
