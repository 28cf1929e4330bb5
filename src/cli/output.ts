/**
 * Lines for people on standard output and standard error.
 */
import * as Console from "effect/Console"
import type * as Effect from "effect/Effect"

export const line = (text: string): Effect.Effect<void> => Console.log(text)

/** One line on standard error. */
export const problem = (text: string): Effect.Effect<void> => Console.error(`p2p: ${text}`)

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
