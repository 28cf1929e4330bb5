/**
 * A child process that answers commands, a line of JSON for each.
 */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"

export interface Child {
  /** The next line it says. Fails when it ends instead. */
  readonly line: Effect.Effect<any, Cause.Done>
  /** Sends a command and gives the answer. */
  readonly ask: (command: string) => Effect.Effect<any, Cause.Done>
}

/** Starts it, with its errors shown; closing the scope ends its standard input and waits until it is gone. */
export const child = Effect.fnUntraced(function* (file: string, args: ReadonlyArray<string>) {
  const lines = yield* Queue.unbounded<unknown, Cause.Done>()
  const process = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const process = spawn(file, [...args], { stdio: ["pipe", "pipe", "inherit"] })
      createInterface({ input: process.stdout })
        .on("line", (text) => Queue.offerUnsafe(lines, JSON.parse(text)))
        .on("close", () => Queue.endUnsafe(lines))
      // A command for a process that is gone: the missing answer tells.
      process.stdin.on("error", () => {})
      return process
    }),
    (process) =>
      Effect.callback<void>((resume) => {
        if (process.exitCode !== null || process.signalCode !== null) return resume(Effect.void)
        process.once("exit", () => resume(Effect.void))
        process.stdin.end()
      }).pipe(
        Effect.timeout("5 seconds"),
        Effect.catch(() => Effect.sync(() => process.kill("SIGKILL")))
      )
  )
  const line = Queue.take(lines)
  const answering: Child = {
    line,
    ask: (command) =>
      Effect.andThen(
        Effect.sync(() => process.stdin.write(`${command}\n`)),
        line
      )
  }
  return answering
})
