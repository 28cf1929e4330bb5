/**
 * What a command with `--json` tells while it runs: one JSON object a line, on standard error, since standard output
 * belongs to what it gives.
 */
import * as Console from "effect/Console"
import type * as Effect from "effect/Effect"

export interface Event {
  /** What happened. */
  readonly event: string
  readonly [field: string]: unknown
}

export const emit = (event: Event): Effect.Effect<void> => Console.error(JSON.stringify(event))
