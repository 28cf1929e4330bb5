/** Runs a program of the operating system and gives what it prints. */
import { execFile, type ExecFileException } from "node:child_process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { InterfacesError, SourceFailed } from "../../../services/Interfaces.ts"

export interface CommandOptions {
  /** How errors name it. */
  readonly source: string
  /** After this it is killed and the effect fails with kind `TimedOut`. */
  readonly timeout: Duration.Duration
}

// The largest machines print some hundred kilobytes; what prints more than this is not what we asked for.
const maxOutput = 16 * 1024 * 1024

const kindOf = (error: ExecFileException): SourceFailed["kind"] => {
  if (error.code === "ENOENT") return "NotFound"
  if (error.code === "EACCES" || error.code === "EPERM") return "Permission"
  if (error.code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER") return "TooLarge"
  return error.killed === true ? "TimedOut" : "Failed"
}

/**
 * The standard output of a program, as UTF-8. Fails when it cannot be started, exits with another code than 0, takes too
 * long or prints too much; its standard error is in the cause. Interruption kills it.
 */
export const run = (
  file: string,
  args: ReadonlyArray<string>,
  options: CommandOptions
): Effect.Effect<string, InterfacesError> =>
  Effect.callback<string, InterfacesError>((resume, signal) => {
    execFile(
      file,
      args,
      {
        encoding: "utf8",
        timeout: Duration.toMillis(options.timeout),
        maxBuffer: maxOutput,
        killSignal: "SIGKILL",
        signal,
        windowsHide: true,
        // Translated or differently formatted output could not be read.
        env: { ...process.env, LC_ALL: "C" }
      },
      (error, stdout) => {
        if (error === null) return resume(Effect.succeed(stdout))
        const reason = new SourceFailed({ op: "list", source: options.source, kind: kindOf(error), cause: error })
        resume(Effect.fail(new InterfacesError({ reason })))
      }
    )
  })
