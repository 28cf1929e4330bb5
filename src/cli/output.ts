/**
 * Lines for people on standard output and standard error.
 */
import * as Console from "effect/Console"
import type * as Effect from "effect/Effect"
import type { PlatformError } from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"

/** One line on standard output. Fails where it cannot be written: a list that got lost must not look like an empty one. */
export const line = (text: string): Effect.Effect<void, PlatformError, Stdio.Stdio> =>
  Stdio.Stdio.use((stdio) => Stream.run(Stream.succeed(`${text}\n`), stdio.stdout()))

/** One line on standard error. */
export const problem = (text: string): Effect.Effect<void> => Console.error(`p2p: ${oneLine(text)}`)

/** Some causes speak in several lines, and others may have chosen their words to speak to the terminal. */
export const oneLine = (text: string): string =>
  text
    .trim()
    .replace(/\s*\n\s*/g, " ")
    .replace(/\p{Cc}/gu, "\uFFFD")

const codeOf = ({ reason: { cause } }: PlatformError): unknown =>
  Predicate.hasProperty(cause, "code") ? cause.code : undefined

/** Whoever read standard output has seen enough, as in `p2p pipe … | head`: an end, not a failure. */
export const isReaderGone = (error: PlatformError): boolean => codeOf(error) === "EPIPE"

/** What failed on standard input or output, with the system's own words. */
export const describe = ({ reason }: PlatformError): string => {
  const what =
    reason.method === "stdin" ? "standard input could not be read" : "standard output could not be written to"
  return `${what}: ${reason.cause instanceof Error ? reason.cause.message : reason.message}`
}

/** Columns as wide as their widest cell. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows.reduce<Array<number>>(
    (widths, row) => row.map((cell, at) => Math.max(widths[at] ?? 0, cell.length)),
    []
  )
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}
