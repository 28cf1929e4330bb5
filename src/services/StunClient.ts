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
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Attribute } from "../protocols/stun/Attribute.ts"
import type { Message } from "../protocols/stun/Message.ts"
import * as NetFailure from "./NetFailure.ts"
import type { LocalOptions, TcpConnection } from "./Tcp.ts"
import type { UdpEvent, UdpSocket } from "./Udp.ts"

/**
 * No usable answer. `NoAnswer`: silence to the end. `Rejected`: the server answered with an error. `BadAnswer`: something
 * answered that is no STUN, says nothing useful or comes from the wrong place; `detail` says what and where. `Network`: the
 * socket failed, somebody on the way refused, or what was asked for cannot be sent; `kind` says which.
 *
 * `open`: the connection was not made. A dial that nobody answers is `NoAnswer`.
 */
export class StunClientError extends Schema.TaggedError<StunClientError>()("StunClientError", {
  reason: Schema.Literals(["NoAnswer", "Rejected", "BadAnswer", "Network"]),
  op: Schema.Literals(["binding", "request", "open"]),
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
  /** Ask with this many bytes of PADDING for an answer with as many. UDP only; servers refuse it with `responsePort`. */
  readonly padding?: number | undefined
  /**
   * With `change`: the server's other address and port, as an earlier answer told. Where it is not known, an answer from any
   * other address or port will do. A server that lies about it is one whose answers come from the wrong place.
   */
  readonly other?: NetAddress.InetAddress | undefined
  /** For the whole transaction; default and maximum 39.5 seconds over UDP and over TCP (RFC 8489 sections 6.2.1 and 6.2.2). */
  readonly timeout?: Duration.Input | undefined
}

/** What a server said. */
export interface Binding {
  readonly transport: "udp" | "tcp"
  /** Of an unspecified address where the socket is bound to none. */
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
  /**
   * Milliseconds from the transmission that was answered. Exact where `transmissions` is 1. All transmissions share one
   * transaction id (RFC 8489 section 6.2.1), so after several nobody can tell which one it was: then it is counted from the
   * first, and is the most it can be. Over TCP from the writing of the request, without the handshake.
   */
  readonly roundTrip: number
  /** The least it can be: counted from the last transmission. */
  readonly roundTripAtLeast: number
  /** How often it was sent. */
  readonly transmissions: number
}

/** STUN over a UDP socket that others use as well. Any number of requests may be under way. */
export interface StunSocket {
  readonly binding: (
    server: NetAddress.InetAddress,
    options?: BindingOptions
  ) => Effect.Effect<Binding, StunClientError>
  /**
   * Give every datagram that arrives; true if it is an answer to a request of this socket, a repeated or late one too, and so
   * is nobody else's. An answer that went to another socket (`responsePort`) may be given here as well.
   */
  readonly take: (bytes: Uint8Array, from: NetAddress.InetAddress) => boolean
  /** Give the ICMP reports of the socket, where it has any: a refusal ends the requests to that server at once. */
  readonly report: (event: UdpEvent) => void
}

/** An open TCP connection to a server. It stays open until the scope closes, and with it the mapping of its port. */
export interface StunConnection {
  readonly connection: TcpConnection
  readonly binding: (options?: Pick<BindingOptions, "timeout">) => Effect.Effect<Binding, StunClientError>
  /** Any other request; gives the success response. */
  readonly request: (
    method: number,
    attributes: ReadonlyArray<Attribute>,
    options?: Pick<BindingOptions, "timeout">
  ) => Effect.Effect<Message, StunClientError>
}

export interface QueryOptions extends BindingOptions {
  readonly server: NetAddress.InetAddress
  readonly transport: "udp" | "tcp"
  readonly local?: LocalOptions | undefined
}

export class StunClient extends Context.Service<
  StunClient,
  {
    /**
     * One question from a socket of its own, closed afterwards. Over UDP, unless `change` is asked for, the socket is
     * connected to the server: a refusal is heard of at once, but an answer from elsewhere is not.
     */
    readonly query: (options: QueryOptions) => Effect.Effect<Binding, StunClientError>
    /**
     * All at once, each from a socket of its own: what each answered, in the order given. A dead server is a failure in its
     * place.
     */
    readonly queryAll: (
      queries: ReadonlyArray<QueryOptions>
    ) => Effect.Effect<
      ReadonlyArray<{ readonly query: QueryOptions; readonly result: Result.Result<Binding, StunClientError> }>
    >
    /** Over a socket of the caller, who goes on reading it and gives every datagram to `take`. Asks nothing by itself. */
    readonly onSocket: (socket: UdpSocket) => Effect.Effect<StunSocket, never, Scope.Scope>
    /**
     * A connection that is kept: from a local port, or over one that was dialled already (a reservation's), which stays its
     * opener's. It is read here until the scope closes.
     */
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
