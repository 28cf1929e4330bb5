/**
 * A running peer: an identity, listeners, signalling, and an address others reach it at. It connects to other peers and takes
 * their connections; every pipe is one both sides have proved themselves on and agreed to.
 *
 *     const pipe = yield* peer.connect(address)
 *     yield* pipe.send("hello")
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Pair } from "../protocols/connect/pair.ts"
import type { Facts, Proposal } from "../protocols/connect/plan.ts"
import { AttemptRecord, type AttemptStep } from "../schemas/Attempt.ts"
import type { Family } from "../schemas/NetworkInterface.ts"
import type { PeerAddress, SignedPeerAddress } from "../schemas/PeerAddress.ts"
import type { PeerId } from "../schemas/PeerId.ts"
import type { Protection, SecuredLink } from "./LinkSecurity.ts"
import type { Pipe, PipeError } from "./Pipe.ts"
import type { CommonOptions } from "./Pipes.ts"
import type { TcpConnection } from "./Tcp.ts"

/**
 * No pipe. `BadAddress`: the text or the record is no valid address, `problem` says why. `Self`: it is this peer's own.
 * `BadOptions`: the options make no sense. `NoWay`: nothing could be tried. `Failed`: everything that was tried failed.
 * `TimedOut`: the deadline passed. `attempts` has each way with its own reason, `advice` the one thing that would help
 * most.
 */
export class ConnectError extends Schema.TaggedError<ConnectError>()("ConnectError", {
  reason: Schema.Literals(["BadAddress", "Self", "BadOptions", "NoWay", "Failed", "TimedOut"]),
  /** Absent where the address could not be read. */
  peer: Schema.optional(Schema.String),
  problem: Schema.String,
  advice: Schema.String,
  attempts: Schema.Array(AttemptRecord),
  /** How long it took. */
  milliseconds: Schema.Finite,
  cause: Schema.optional(Schema.Defect())
}) {
  override get message() {
    return `connect${this.peer === undefined ? "" : ` to ${this.peer}`}: ${this.problem}; ${this.advice}`
  }
}

/** A step of a strategy failed. `reason` is a word for programs, as in `AttemptRecord`. */
export class StrategyError extends Schema.TaggedError<StrategyError>()("StrategyError", {
  reason: Schema.String,
  problem: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {
  override get message() {
    return this.problem
  }
}

/**
 * What a strategy gives: a connection to the other, and which side of the securing handshake this is (the other must take the
 * other one), or a link that is secured already. It belongs to the scope the strategy ran in.
 */
export type Link =
  | { readonly connection: TcpConnection; readonly as: "client" | "server" }
  | { readonly secured: SecuredLink }

/** What a strategy is given for one step of the plan. */
export interface Attempt {
  readonly peer: PeerId
  /** The other's address, verified. */
  readonly address: PeerAddress
  /** Of the connect it belongs to; the other side finds it in a request and in the first frame on a link. 16 bytes. */
  readonly id: Uint8Array
  /** Absent where the step is about no pair. */
  readonly pair: Pair | undefined
  /** Milliseconds this step may take; it is interrupted soon after. */
  readonly budget: number
  /** Says what it is doing now, for the report. */
  readonly reached: (step: AttemptStep) => Effect.Effect<void>
}

/**
 * A way to connect. `plan` says from what is known which steps to take, and when; without it there is one, at once, with
 * all the time there is. `run` takes one. A strategy whose link comes in by a listener of this peer never completes: it is
 * interrupted when there is a pipe.
 */
export interface Strategy<R = never> {
  readonly plan?: ((facts: Facts) => ReadonlyArray<Proposal>) | undefined
  readonly run: (attempt: Attempt) => Effect.Effect<Link, StrategyError, R | Scope.Scope>
}

/** The strategies there are. */
export type StrategyName = "direct" | "reverse"

/** How a pipe came to be. Of one that was accepted, `attempts` is empty and the time that of its handshakes. */
export interface Report {
  readonly attempts: ReadonlyArray<AttemptRecord>
  readonly milliseconds: number
}

/** A pipe to a peer. */
export interface PeerPipe extends Pipe {
  readonly peer: PeerId
  /** Which strategy opened it. */
  readonly strategy: string
  readonly protection: Protection
  /** Who called `connect`. Where both did at once, whose attempt it came from: both calls give the same pipe. */
  readonly initiator: "here" | "there"
  readonly report: Report
}

export interface ConnectOptions<R = never> extends CommonOptions<R> {
  /** Names, or a record: `true` for one of ours by its name, or one of one's own. Default direct and reverse. */
  readonly strategies?: ReadonlyArray<StrategyName> | { readonly [name: string]: true | Strategy<R> } | undefined
  readonly families?: ReadonlyArray<Family> | undefined
  /** Interfaces of this machine, by name. Default: those the peer listens on. */
  readonly interfaces?: ReadonlyArray<string> | undefined
  /** For everything. Default 15 seconds. */
  readonly deadline?: Duration.Input | undefined
  /** Steps under way at the same time. Default 8. */
  readonly maxAttempts?: number | undefined
}

/** What another peer wants, after it has proved who it is. */
export type Request =
  /** A pipe to this peer, over a connection from there. */
  | { readonly kind: "pipe"; readonly from: NetAddress.InetAddress }
  /** That this peer dials the candidates of the other's own, signed address. */
  | { readonly kind: "reverse"; readonly address: PeerAddress }

export class Peer extends Context.Service<
  Peer,
  {
    readonly peerId: PeerId
    /** How this peer can be reached now. Never expired: it is signed anew in time, and when the network changes. */
    readonly address: Effect.Effect<SignedPeerAddress>
    /** The same as text, to paste. */
    readonly addressText: Effect.Effect<string>
    /** The address now, then each new one. A slow consumer sees the latest. */
    readonly addresses: Stream.Stream<SignedPeerAddress>
    /** Where it listens now. */
    readonly endpoints: Effect.Effect<ReadonlyArray<NetAddress.InetAddress>>
    /** What does not work now, in sentences: interfaces without a listener, servers and brokers out of reach. */
    readonly problems: Effect.Effect<ReadonlyArray<string>>
    /**
     * A pipe to a peer, by whichever way is first. It belongs to the scope. One that the other peer had said yes to in advance, and
     * then does not confirm, ends as `Failed`.
     */
    readonly connect: <R = never>(
      to: string | SignedPeerAddress,
      options?: ConnectOptions<R>
    ) => Effect.Effect<PeerPipe, ConnectError, R | Scope.Scope>
    /** The next pipe another peer opened; it belongs to the scope. Fails with kind `Closed` when the peer has closed. */
    readonly accept: <R = never>(options?: CommonOptions<R>) => Effect.Effect<PeerPipe, PipeError, R | Scope.Scope>
    /** All pipes to come, each open until it is closed or the peer is. */
    readonly connections: <R = never>(options?: CommonOptions<R>) => Stream.Stream<PeerPipe, PipeError, R>
    /**
     * Runs the handler for each pipe to come, side by side, until the scope closes. A pipe is closed when its handler is
     * done; a failure of the handler is logged.
     */
    readonly onPipe: <R = never>(
      handler: (pipe: PeerPipe) => Effect.Effect<unknown, unknown, R>,
      options?: CommonOptions<R>
    ) => Effect.Effect<void, never, R | Scope.Scope>
  }
>()("effect-p2p/services/Peer") {}
