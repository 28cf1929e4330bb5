/**
 * The commands together, and how they end: 0 done, 1 failed, 2 not a command that makes sense.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Output from "./output.ts"
import { connect } from "./connect.ts"
import { echo } from "./echo.ts"
import { Failed, statusOf } from "./failed.ts"
import { interfaces } from "./interfaces.ts"
import { listen } from "./listen.ts"
import { nat } from "./nat.ts"
import { pipe } from "./pipe.ts"
import { rendezvous } from "./rendezvous.ts"
import { simulate } from "./simulate.ts"
import { stunServer } from "./stunServer.ts"
import { version } from "./version.ts"

const p2p = Command.make("p2p").pipe(
  Command.withDescription("Connect two computers, whatever stands between them"),
  Command.withSubcommands([interfaces, nat, echo, pipe, listen, connect, rendezvous, simulate, stunServer])
)

const said = (error: CliError.NonShowHelpErrors): string => {
  // Suggestions are told in one line too.
  const [what = ""] = error.message.split("\n")
  const likely = "suggestions" in error ? error.suggestions : []
  return likely.length === 0 ? what : `${what}; did you mean ${likely.join(" or ")}?`
}

// A mistake is told in one line: the help is long, and on standard output it would be taken for what the command gives.
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Output.problem(`${event.errors.map(said).join("; ")} (see ${event.commandPath.join(" ")} --help)`)
      : CliOutput.defaultPresenter.present(event)
}

const failed = (text: string, code: number) => Effect.andThen(Output.problem(text), Effect.fail(new Failed(code)))

/** Runs the command named by the arguments. Every failure is one line on standard error. */
export const main = Command.run(p2p, { version }).pipe(
  Effect.provideService(CliOutput.Presenter, presenter),
  Effect.catch((error) => {
    switch (error._tag) {
      case "ShowHelp":
        // What was wrong has been told. Asking for help is not a mistake.
        return error.errors.length === 0 ? Effect.void : Effect.fail(new Failed(2))
      case "Failed":
        return Effect.fail(error)
      case "PlatformError":
        return Output.isReaderGone(error) ? Effect.void : failed(Output.describe(error), 1)
      default:
        return failed(error.message, statusOf(error))
    }
  }),
  Effect.catchDefect((defect) => failed(`this is a bug, please report it: ${Cause.pretty(Cause.die(defect))}`, 1))
)
