/**
 * Why a simulated world stopped before its programs were done.
 */
import * as Schema from "effect/Schema"

/** Something a socket of a host waits for. */
export const Wait = Schema.Struct({ host: Schema.String, wait: Schema.String })
export type Wait = typeof Wait.Type

const seconds = (millis: number): string => `${(millis / 1000).toFixed(3)} s`

const MAX_SHOWN = 20

const listed = (waits: ReadonlyArray<Wait>): string => {
  if (waits.length === 0)
    return "no socket is waited for, so it is queues, latches or deferreds, or a call outside that nobody counted"
  const shown = waits.slice(0, MAX_SHOWN).map(({ host, wait }) => `${host} on ${wait}`)
  if (waits.length > MAX_SHOWN) shown.push(`${waits.length - MAX_SHOWN} more`)
  return shown.join("; ")
}

/** Nothing can ever happen again: no fibre can go on, no packet is under way, no timer is set. */
export class Deadlock extends Schema.Error<Deadlock>("effect-p2p/layers/simulated/Deadlock")({
  _tag: Schema.tag("Deadlock"),
  /** Virtual milliseconds since the world began. */
  at: Schema.Finite,
  programs: Schema.Array(Schema.String),
  waits: Schema.Array(Wait)
}) {
  override get message() {
    return `deadlock at ${seconds(this.at)}: every fibre waits on something that can never happen (unfinished: ${this.programs.join(", ")}). Waiting: ${listed(this.waits)}`
  }
}

/** The programs ran for the time they may run. */
export class TimeLimit extends Schema.Error<TimeLimit>("effect-p2p/layers/simulated/TimeLimit")({
  _tag: Schema.tag("TimeLimit"),
  at: Schema.Finite,
  programs: Schema.Array(Schema.String),
  waits: Schema.Array(Wait)
}) {
  override get message() {
    return `not done at ${seconds(this.at)} of virtual time (unfinished: ${this.programs.join(", ")}): give \`limit\` if it needs longer. Waiting: ${listed(this.waits)}`
  }
}

/** Millions of steps at one instant: fibres or packets that chase each other without time going on. */
export class TimeStandsStill extends Schema.Error<TimeStandsStill>("effect-p2p/layers/simulated/TimeStandsStill")({
  _tag: Schema.tag("TimeStandsStill"),
  at: Schema.Finite,
  programs: Schema.Array(Schema.String)
}) {
  override get message() {
    return `time stands still at ${seconds(this.at)}: something repeats without waiting (unfinished: ${this.programs.join(", ")})`
  }
}

/** A world that stopped early; `reason` says why. */
export class SimulationError extends Schema.TaggedError<SimulationError>()("SimulationError", {
  reason: Schema.Union([Deadlock, TimeLimit, TimeStandsStill])
}) {
  override get message() {
    return this.reason.message
  }
}
