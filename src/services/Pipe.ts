/**
 * A pipe: an open connection or a listening server, TCP or UDP, IPv4 or IPv6, with one face.
 *
 * A message received goes to every handler and every subscription it matches. While a pipe has neither, messages wait
 * in its inbox, where `receive` and `messages` find them; a waiting `receive` sees every message. All queues are bounded:
 * on TCP a full one stops the reading (and so the sender), on UDP the message is dropped and counted.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as NetFailure from "./NetFailure.ts"
import type { InterfaceBinding } from "./Tcp.ts"

/** One destination that was tried, and why it failed. */
export const Attempt = Schema.Struct({ remote: Schema.InetAddress, error: Schema.Defect() })
export type Attempt = typeof Attempt.Type

/** Opening a pipe failed, and nothing is left open. `attempts` has every address that was tried. */
export class PipeOpenError extends Schema.Error<PipeOpenError>("effect-p2p/services/Pipe/PipeOpenError")({
  _tag: Schema.tag("PipeOpenError"),
  op: Schema.Literals(["open", "listen", "wrap"]),
  transport: Schema.Literals(["tcp", "udp"]),
  /** What was asked for, as written. */
  target: Schema.optional(Schema.String),
  attempts: Schema.Array(Attempt),
  ...NetFailure.fields
}) {
  override get message() {
    const { cause, detail, interface: device, kind, local, op, remote, target, transport } = this
    // A destination that was an endpoint already need not be said twice.
    const said = remote !== undefined && NetAddress.formatInet(remote) === target
    const ends = said && local === undefined ? {} : { local, remote }
    const what = target === undefined || (said && local !== undefined) ? op : `${op} ${target}`
    return NetFailure.message(`${transport} pipe`, { op: what, ...ends, interface: device, kind, detail, cause })
  }
}

/** Using a pipe failed. The pipe stays open unless `kind` is `Closed`, `Reset` or the like. */
export class PipeIoError extends Schema.Error<PipeIoError>("effect-p2p/services/Pipe/PipeIoError")({
  _tag: Schema.tag("PipeIoError"),
  op: Schema.Literals(["send", "receive", "accept", "subscribe", "end"]),
  transport: Schema.Literals(["tcp", "udp"]),
  ...NetFailure.fields
}) {
  override get message() {
    return NetFailure.message(`${this.transport} pipe`, this)
  }
}

/** A failed pipe operation; `reason` says which, between which endpoints, of what kind, and why. */
export class PipeError extends Schema.TaggedError<PipeError>()("PipeError", {
  reason: Schema.Union([PipeOpenError, PipeIoError])
}) {
  override get message() {
    return this.reason.message
  }
}

/**
 * Why no more messages will come. `ClosedByPeer`: the peer finished sending; sending to it may still be possible.
 * `ClosedHere`: this side closed the pipe. `Reset`: one side dropped the connection. `Failed`: the network, or a message
 * that broke the framing.
 */
export type CloseReason =
  | { readonly _tag: "ClosedHere" }
  | { readonly _tag: "ClosedByPeer" }
  | { readonly _tag: "Reset"; readonly by: "here" | "peer" }
  | { readonly _tag: "Failed"; readonly error: PipeError }

/** A received message. The bytes are the receiver's to keep. */
export interface Message {
  readonly data: Uint8Array
  readonly from: NetAddress.InetAddress
  /** The bytes as UTF-8 text. */
  readonly text: string
}

/** Chooses messages. Absent parts match everything. */
export interface Filter {
  /** A regular expression over the bytes (RE2 syntax, see `protocols/pattern`), found anywhere in the message. */
  readonly pattern?: string | undefined
  /** The sender; without a port, any port of the address. */
  readonly from?: NetAddress.InetAddress | NetAddress.IpAddress | string | undefined
}

export interface ReceiveOptions extends Filter {
  /** Fails with kind `TimedOut` after this long. Default: waits as long as the pipe is open. */
  readonly timeout?: Duration.Input | undefined
}

/** Called for each message, in order on TCP. A failure is logged and counted; the pipe lives on. */
export type MessageHandler<R = never> = (
  message: Message,
  sender: NetAddress.InetAddress,
  pipe: Pipe
) => Effect.Effect<unknown, unknown, R>

/** Called when the pipe, or a client of a server pipe, is ready; before its first message is handled. */
export type OpenHandler<R = never> = (pipe: Pipe) => Effect.Effect<unknown, unknown, R>

/** Called after the last message was handled. */
export type CloseHandler<R = never> = (reason: CloseReason, pipe: Pipe) => Effect.Effect<unknown, unknown, R>

/** A queue of its own for the messages that match. Removed by its scope. */
export interface Subscription {
  readonly receive: (options?: Pick<ReceiveOptions, "timeout">) => Effect.Effect<Message, PipeError>
  /** Ends when the pipe is closed, fails when it failed. */
  readonly messages: Stream.Stream<Message, PipeError>
  /** Messages dropped because the queue was full (UDP only). */
  readonly dropped: () => number
}

/** Two pipes joined. */
export interface Link {
  /** Waits until both directions are over. Nothing of the link is left then; the pipes stay open until they are closed. */
  readonly ended: Effect.Effect<void>
}

/** Counts since the pipe was opened. A server counts what its clients do as well. */
export interface Statistics {
  readonly messagesIn: number
  readonly messagesOut: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Dropped because a queue was full: on UDP, and of a TCP connection that was reset or closed before there was room. */
  readonly dropped: number
  /** Left out by the duplicate filter. */
  readonly duplicates: number
  /** Messages no handler, subscription or inbox wanted. */
  readonly unclaimed: number
  readonly handlerFailures: number
}

/** Room of each queue of a pipe: full when either is reached. */
export interface QueueLimits {
  /** Default 1,024. */
  readonly messages?: number | undefined
  /** Default 1 MiB. */
  readonly bytes?: number | undefined
}

/** How messages are marked on a TCP stream; see `protocols/framing`. `raw`: chunks as they come. */
export type FramingOption =
  | "raw"
  | "lines"
  | "lengthPrefixed"
  | { readonly type: "lines" | "lengthPrefixed"; readonly limit: number }

/**
 * One face for every connection and server.
 *
 * Owned by the scope it was opened or accepted in. A client nobody accepted belongs to its server, which closes it when
 * the peer has finished and every message is handled.
 */
export interface Pipe {
  readonly kind: "client" | "server" | "accepted"
  readonly transport: "tcp" | "udp"
  /** Whether TLS protects it. */
  readonly secure: boolean
  readonly local: NetAddress.InetAddress
  /** Absent on servers. */
  readonly remote: NetAddress.InetAddress | undefined
  readonly binding: InterfaceBinding

  /**
   * Sends one message (UTF-8 for a string); waits while the transport's buffer is full. `to` is needed on servers and
   * names one of their clients (TCP) or any endpoint (UDP).
   */
  readonly send: (data: Uint8Array | string, to?: NetAddress.InetAddress | string) => Effect.Effect<void, PipeError>
  /** The next message that matches. */
  readonly receive: (options?: ReceiveOptions) => Effect.Effect<Message, PipeError>
  /** The messages of the inbox. Ends when the pipe is closed, fails when it failed. */
  readonly messages: Stream.Stream<Message, PipeError>
  /** Their bytes alone. */
  readonly toStream: Stream.Stream<Uint8Array, PipeError>
  /** The next client of a server: on TCP a connection, on UDP an endpoint that was not heard before. */
  readonly accept: Effect.Effect<Pipe, PipeError, Scope.Scope>

  readonly onMessage: <R = never>(
    handler: MessageHandler<R>,
    filter?: Filter
  ) => Effect.Effect<void, PipeError, R | Scope.Scope>
  /** Runs at once on a pipe that is open already; on a TCP server, for each client to come. */
  readonly onOpen: <R = never>(handler: OpenHandler<R>) => Effect.Effect<void, never, R | Scope.Scope>
  /**
   * Runs the handler once the pipe is over. On a TCP server, for each of its clients as well.
   *
   * Each run has a fibre of its own that no scope waits for or interrupts: it must not use what the scope released.
   */
  readonly onClose: <R = never>(handler: CloseHandler<R>) => Effect.Effect<void, never, R | Scope.Scope>
  readonly subscribe: (
    filter?: Filter & { readonly queue?: QueueLimits | undefined }
  ) => Effect.Effect<Subscription, PipeError, Scope.Scope>

  /**
   * Passes every message on to the other pipe and back, with back-pressure, until the scope closes. A peer that finishes
   * ends the sending on the other side and is still answered. Where a direction breaks, by a reset, a failure or a `close`
   * here, both pipes are reset: data cut short never looks complete. UDP never finishes by itself.
   */
  readonly link: (other: Pipe) => Effect.Effect<Link, PipeError, Scope.Scope>

  /** Says that nothing more will be sent; what the peer sends still arrives. Nothing to do on UDP. */
  readonly end: Effect.Effect<void, PipeError>
  /** Closes now, after what is queued was sent. The scope does this too. Idempotent. */
  readonly close: Effect.Effect<void>
  /** Drops the connection: RST on TCP. */
  readonly reset: Effect.Effect<void>
  /** Waits until no more messages will come, and says why. */
  readonly closed: Effect.Effect<CloseReason>
  readonly statistics: () => Statistics
}
