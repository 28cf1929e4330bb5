/**
 * What a peer's command tells while it runs: as JSON objects for programs, or in short lines for people, on standard error.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import { AttemptRecord } from "../../schemas/Attempt.ts"
import { type CloseReason, PipeError } from "../../services/Pipe.ts"
import { ConnectError, type Peer, type PeerPipe } from "../../services/Peer.ts"
import * as Events from "../events.ts"
import { Failed, statusOf } from "../failed.ts"
import * as Output from "../output.ts"
import * as Attempts from "./attempts.ts"

/** `ready`: this peer can be reached at its address. `address`: it has a new one. */
const Reachable = Schema.Struct({
  event: Schema.Literals(["ready", "address"]),
  peer: Schema.String,
  address: Schema.String
})

/** Something does not work, and the command goes on without it. */
const Problem = Schema.Struct({ event: Schema.Literal("problem"), problem: Schema.String })

const Connected = Schema.Struct({
  event: Schema.Literal("connected"),
  peer: Schema.String,
  strategy: Schema.String,
  transport: Schema.Literals(["tcp", "udp"]),
  protection: Schema.Literals(["tls1.3", "plain"]),
  initiator: Schema.Literals(["here", "there"]),
  local: Schema.InetAddressFromString,
  remote: Schema.optional(Schema.InetAddressFromString),
  ms: Schema.Finite
})

const Closed = Schema.Struct({
  event: Schema.Literal("closed"),
  peer: Schema.String,
  reason: Schema.Literals(["ClosedHere", "ClosedByPeer", "Reset", "Failed"]),
  problem: Schema.optional(Schema.String)
})

/** The command ends with 1. `attempts` is empty where it was not about connecting. */
const Ended = Schema.Struct({
  event: Schema.Literal("failed"),
  problem: Schema.String,
  advice: Schema.optional(Schema.String),
  reason: Schema.optional(Schema.String),
  attempts: Schema.Array(AttemptRecord),
  ms: Schema.optional(Schema.Finite)
})

export const PeerEvent = Schema.Union([Reachable, Problem, Connected, Closed, Ended])
export type PeerEvent = typeof PeerEvent.Type

/** Tells an event in one of the two ways. */
export type Tell = (event: PeerEvent) => Effect.Effect<void>

const encode = Schema.encodeEffect(PeerEvent)

const asJson: Tell = (event) => Effect.flatMap(Effect.orDie(encode(event)), Events.emit)

const ends: { readonly [Reason in (typeof Closed.Type)["reason"]]: string } = {
  ClosedHere: "closed",
  ClosedByPeer: "closed by the peer",
  Reset: "reset",
  Failed: "broken"
}

const inWords: Tell = (event) => {
  switch (event.event) {
    case "ready":
      return Output.problem(`this is ${event.peer}`)
    case "address":
      return Output.problem(`the address is now ${event.address}`)
    case "problem":
      return Output.problem(event.problem)
    case "connected": {
      const { initiator, local, ms, peer, protection, remote, strategy } = event
      const way = `${strategy}, ${protection}, ${NetAddress.formatInet(local)} -> ${remote === undefined ? "?" : NetAddress.formatInet(remote)}`
      return Output.problem(`connected ${initiator === "here" ? "to" : "from"} ${peer} (${way}, ${ms.toFixed(0)} ms)`)
    }
    case "closed":
      return Output.problem(
        `${ends[event.reason]}: ${event.peer}${event.problem === undefined ? "" : ` (${event.problem})`}`
      )
    case "failed": {
      const { advice, attempts, problem } = event
      return Effect.all(
        [
          Output.problem(problem),
          attempts.length === 0 ? Effect.void : Console.error(Attempts.table(attempts)),
          advice === undefined ? Effect.void : Output.problem(advice)
        ],
        { discard: true }
      )
    }
  }
}

export const teller = (json: boolean): Tell => (json ? asJson : inWords)

export const connected = ({ initiator, local, peer, protection, remote, report, strategy, transport }: PeerPipe) =>
  ({
    event: "connected",
    peer,
    strategy,
    transport,
    protection,
    initiator,
    local,
    remote,
    ms: report.milliseconds
  }) as const satisfies PeerEvent

export const closed = ({ peer }: PeerPipe, reason: CloseReason) =>
  ({
    event: "closed",
    peer,
    reason: reason._tag,
    problem: reason._tag === "Failed" ? reason.error.message : undefined
  }) as const satisfies PeerEvent

/** How often a peer is asked what does not work. */
const LOOK = "2 seconds"

/** Tells what does not work, each problem when it begins, for ever. */
export const problems = (tell: Tell, peer: Peer["Service"]): Effect.Effect<never> =>
  Effect.suspend(() => {
    let before: ReadonlyArray<string> = []
    return peer.problems.pipe(
      Effect.flatMap((now) => {
        const begun = now.filter((problem) => !before.includes(problem))
        before = now
        return Effect.forEach(begun, (problem) => tell({ event: "problem", problem }), { discard: true })
      }),
      Effect.andThen(Effect.sleep(LOOK)),
      Effect.forever
    )
  })

/** Who writes may notice that a pipe has broken before the pipe does; so long it may take. */
const NOTICE = "1 second"

const endOf = <E>(pipe: PeerPipe, exit: Exit.Exit<unknown, E>): Effect.Effect<CloseReason> => {
  const ended = Effect.andThen(pipe.close, pipe.closed)
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  return error instanceof PipeError ? Effect.raceFirst(pipe.closed, Effect.delay(ended, NOTICE)) : ended
}

/** Tells the end of a pipe, however what was done with it ended. */
export const untilClosed = <A, E, R>(
  tell: Tell,
  pipe: PeerPipe,
  work: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.onExit(work, (exit) =>
    Exit.hasInterrupts(exit) ? Effect.void : Effect.flatMap(endOf(pipe, exit), (reason) => tell(closed(pipe, reason)))
  )

const failed = (error: { readonly message: string }): PeerEvent => {
  if (error instanceof PlatformError) return { event: "failed", problem: Output.describe(error), attempts: [] }
  if (!(error instanceof ConnectError)) return { event: "failed", problem: error.message, attempts: [] }
  const { attempts, milliseconds, peer, problem, reason } = error
  const advice =
    reason === "Self"
      ? `${error.advice}; a second peer on this machine needs a key of its own: --identity FILE`
      : error.advice
  const what = `cannot connect${peer === undefined ? "" : ` to ${peer}`}: ${problem}`
  return { event: "failed", problem: what, advice, reason, attempts, ms: milliseconds }
}

/** Whatever the command fails with is told, once, and ends it with its status. That nobody reads its output any more is no failure. */
export const telling =
  (tell: Tell) =>
  <A, E extends { readonly message: string }, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A | void, Failed, R> =>
    Effect.catch(effect, (error: E) =>
      error instanceof PlatformError && Output.isReaderGone(error)
        ? Effect.void
        : Effect.andThen(tell(failed(error)), Effect.fail(new Failed(statusOf(error))))
    )
