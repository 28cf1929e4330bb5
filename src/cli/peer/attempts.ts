/**
 * The report of a connect as a table for people: every way that was thought of, how far it got, and what became of it.
 */
import * as NetAddress from "effect/net/NetAddress"
import type { AttemptRecord } from "../../schemas/Attempt.ts"
import * as Output from "../output.ts"

const from = ({ interface: device, local }: AttemptRecord): string =>
  [local === undefined ? undefined : NetAddress.formatIp(local), device].filter((part) => part !== undefined).join(" ")

const words: { readonly [Outcome in AttemptRecord["outcome"]]: string } = {
  connected: "connected",
  failed: "failed",
  "timed-out": "no time was left",
  superseded: "another way was faster",
  "not-started": "its turn did not come",
  skipped: "not tried"
}

const said = ({ outcome, problem, why }: AttemptRecord): string =>
  outcome === "skipped" ? `${words.skipped}: ${why}` : (problem ?? words[outcome])

const time = ({ ended, started }: AttemptRecord): string =>
  started === undefined || ended === undefined ? "" : (ended - started).toFixed(0)

export const table = (attempts: ReadonlyArray<AttemptRecord>): string =>
  Output.table([
    ["STRATEGY", "FROM", "TO", "STEP", "MS", "WHAT HAPPENED"],
    ...attempts.map((attempt) => [
      attempt.strategy,
      from(attempt),
      attempt.remote === undefined ? "" : NetAddress.formatInet(attempt.remote),
      attempt.step,
      time(attempt),
      Output.oneLine(said(attempt))
    ])
  ])
