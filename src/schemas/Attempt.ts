/**
 * What became of each way that was tried, or thought of, to connect to a peer. JSON when encoded.
 */
import * as Schema from "effect/Schema"
import { CandidateKind } from "./PeerAddress.ts"

/**
 * How far it got. `signal`: asking the other by way of a broker. `wait`: for the other to dial back. `dial`: the connection.
 * `secure`: proving to each other who they are. `open`: agreeing that this is the one.
 */
export const AttemptStep = Schema.Literals(["plan", "signal", "wait", "dial", "secure", "open"])
export type AttemptStep = typeof AttemptStep.Type

/**
 * `connected`: its link became the pipe. `failed`: see `problem`. `timed-out`: it was under way when its own time or the
 * whole was up. `superseded`: another was faster. `not-started`: another was there before its turn. `skipped`: never to be
 * tried, see `why`.
 */
export const AttemptOutcome = Schema.Literals([
  "connected",
  "failed",
  "timed-out",
  "superseded",
  "not-started",
  "skipped"
])
export type AttemptOutcome = typeof AttemptOutcome.Type

export const AttemptRecord = Schema.Struct({
  strategy: Schema.String,
  /** Why it was planned, or why not. */
  why: Schema.String,
  /** This side of the pair, where there is one: the interface and the address on it. */
  interface: Schema.optional(Schema.String),
  local: Schema.optional(Schema.IpAddressFromString),
  /** The other side's candidate. */
  remote: Schema.optional(Schema.InetAddressFromString),
  candidate: Schema.optional(CandidateKind),
  step: AttemptStep,
  outcome: AttemptOutcome,
  /** Milliseconds since the connect began. Absent: it did not start. */
  started: Schema.optional(Schema.Finite),
  ended: Schema.optional(Schema.Finite),
  /**
   * What went wrong, in a word for programs: the kind of a failed connection (`Refused`), the reason of `LinkSecurityError`
   * (`WrongPeer`) or `MessageError` (`NoAnswer`), what the other peer refused with (`not-allowed`).
   */
  reason: Schema.optional(Schema.String),
  /** The same in a sentence for people. */
  problem: Schema.optional(Schema.String)
})
export type AttemptRecord = typeof AttemptRecord.Type
