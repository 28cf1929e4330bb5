/**
 * Asks STUN servers where packets of this machine seem to come from (RFC 8489), over UDP and TCP, from a chosen socket or port,
 * and asks for answers from elsewhere (RFC 5780).
 *
 * An answer is one only if its transaction id is that of a request and it comes from where it must. Nothing is contacted but
 * the servers named.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as NetFailure from "./NetFailure.ts"
import type { LocalOptions, TcpConnection } from "./Tcp.ts"
import type { UdpSocket } from "./Udp.ts"

/**
 * No usable answer. `NoAnswer`: silence until the last retransmission. `Rejected`: the server answered with an error. `BadAnswer`:
 * something answered that is no STUN, or says nothing useful; `detail` names the place. `Network`: the socket failed.
 */
export class StunClientError extends Schema.TaggedError<StunClientError>()("StunClientError", {
  reason: Schema.Literals(["NoAnswer", "Rejected", "BadAnswer", "Network"]),
  op: Schema.Literals(["binding", "open"]),
  transport: Schema.Literals(["udp", "tcp"]),
  /** The STUN error code of `Rejected`. */
  code: Schema.optional(Schema.Int),
  ...NetFailure.fields
}) {
  override get message() {
    return NetFailure.message(`stun ${this.transport}`, this)
  }
}

export interface BindingOptions {
  /** Ask for an answer from another address or port of the server (CHANGE-REQUEST). UDP only. */
  readonly change?: { readonly address: boolean; readonly port: boolean } | undefined
  /** Ask for an answer to another port of this machine's outside address (RESPONSE-PORT). UDP only. */
  readonly responsePort?: number | undefined
  /** Ask for an answer padded to about this many bytes (PADDING). UDP only. */
  readonly padding?: number | undefined
  /** For the whole transaction; default and maximum 39.5 seconds over UDP and over TCP (RFC 8489 sections 6.2.1 and 6.2.2). */
  readonly timeout?: Duration.Input | undefined
}

/** What a server said. */
export interface Binding {
  readonly transport: "udp" | "tcp"
  readonly local: NetAddress.InetAddress
  /** Where the server saw the request come from. */
  readonly mapped: NetAddress.InetAddress
  readonly server: NetAddress.InetAddress
  /** Where the answer came from: elsewhere only if that was asked for. */
  readonly from: NetAddress.InetAddress
  /** The server's other address and port (OTHER-ADDRESS, or CHANGED-ADDRESS of RFC 3489). */
  readonly other: NetAddress.InetAddress | undefined
  /** SOFTWARE of the server. */
  readonly software: string | undefined
  /** Milliseconds from the transmission that was answered, as far as can be told; never less than 0. */
  readonly roundTrip: number
  /** How often it was sent. */
  readonly transmissions: number
}

/** STUN over a UDP socket that others use as well. */
export interface StunSocket {
  readonly binding: (
    server: NetAddress.InetAddress,
    options?: BindingOptions
  ) => Effect.Effect<Binding, StunClientError>
  /** Give every datagram that arrives; true if it was the answer to a request, and so is nobody else's. */
  readonly take: (bytes: Uint8Array, from: NetAddress.InetAddress) => boolean
}

/** An open TCP connection to a server. It stays open until the scope closes, and with it the mapping of its port. */
export interface StunConnection {
  readonly connection: TcpConnection
  readonly binding: (options?: Pick<BindingOptions, "timeout">) => Effect.Effect<Binding, StunClientError>
}

export interface QueryOptions extends BindingOptions {
  readonly server: NetAddress.InetAddress
  readonly transport: "udp" | "tcp"
  readonly local?: LocalOptions | undefined
}

export class StunClient extends Context.Service<
  StunClient,
  {
    /** One question from a socket of its own, closed afterwards. */
    readonly query: (options: QueryOptions) => Effect.Effect<Binding, StunClientError>
    /**
     * The same question to several servers at once, each from the same kind of socket: what each answered, in the order given. Never
     * fails: a dead server is a failure in its place.
     */
    readonly queryAll: (
      servers: ReadonlyArray<QueryOptions>
    ) => Effect.Effect<
      ReadonlyArray<{ readonly query: QueryOptions; readonly result: Effect.Effect<Binding, StunClientError> }>
    >
    /** Over a socket of the caller, who goes on reading it and gives every datagram to `take`. Asks nothing by itself. */
    readonly onSocket: (socket: UdpSocket) => Effect.Effect<StunSocket, never, Scope.Scope>
    /** A connection that is kept: from a local port, or over one that was dialled already (a reservation's). */
    readonly connect: (
      options:
        | {
            readonly server: NetAddress.InetAddress
            readonly local?: LocalOptions | undefined
            readonly timeout?: Duration.Input | undefined
          }
        | { readonly connection: TcpConnection }
    ) => Effect.Effect<StunConnection, StunClientError, Scope.Scope>
  }
>()("effect-p2p/services/StunClient") {}
