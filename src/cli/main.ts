/**
 * The commands together, and how they end: 0 done, 1 failed, 2 not a command that makes sense.
 */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Runtime from "effect/Runtime"
import * as Output from "./output.ts"
import { echo } from "./echo.ts"
import { interfaces } from "./interfaces.ts"
import { pipe } from "./pipe.ts"
import { version } from "./version.ts"

const p2p = Command.make("p2p").pipe(
  Command.withDescription("Connect two computers, whatever stands between them"),
  Command.withSubcommands([interfaces, echo, pipe])
)

/** A command ended in failure, and has said so. */
class Failed extends Error {
  override readonly [Runtime.errorExitCode]: number
  constructor(code: number) {
    super("the command failed")
    this[Runtime.errorExitCode] = code
  }
}

/** Runs the command named by the arguments. Every failure is one line on standard error. */
export const main = Command.run(p2p, { version }).pipe(
  Effect.catch((error) =>
    error._tag === "ShowHelp"
      ? // The help and what was wrong have been printed. Asking for help is not a mistake.
        error.errors.length === 0
        ? Effect.void
        : Effect.fail(new Failed(2))
      : Effect.andThen(Output.problem(error.message), Effect.fail(new Failed(1)))
  )
)
