/**
 * TLS over an open connection: the same `TcpConnection` contract, encrypted. An end counts only where the peer itself said it:
 * where the connection below ends first, reading fails with kind `Truncated`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as NetFailure from "./NetFailure.ts"
import type { TcpConnection } from "./Tcp.ts"

/** The handshake failed, and the connection below is closed; or what it needs cannot be used. */
export class TlsError extends Schema.TaggedError<TlsError>()("TlsError", {
  op: Schema.Literals(["client", "server"]),
  /** The name the certificate was to be valid for. */
  serverName: Schema.optional(Schema.String),
  ...NetFailure.fields
}) {
  override get message() {
    return NetFailure.message("tls", this)
  }
}

export interface CommonOptions {
  /**
   * Take an end without TLS's own goodbye (close_notify) for the end of what the peer sends, as some web servers make it. Who is
   * on the path can then cut the stream short unnoticed: only where the protocol above knows its end. Default false: such an
   * end is a failure of kind `Truncated`.
   */
  readonly allowTruncation?: boolean | undefined
  readonly alpn?: ReadonlyArray<string> | undefined
}

export interface ClientOptions extends CommonOptions {
  /** The name the server's certificate must carry. Default: the host name dialled; an IP address is checked as such. */
  readonly serverName?: string | undefined
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /** PEM certificate chain and key of this side, where the server asks for them. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** Accept any certificate. The connection is then encrypted to a stranger. Default false. */
  readonly allowUnverified?: boolean | undefined
}

export interface ServerOptions extends CommonOptions {
  /** PEM certificate chain and key. */
  readonly cert: string
  readonly key: string
  /** Ask clients for a certificate signed by one of these. */
  readonly clientCa?: string | ReadonlyArray<string> | undefined
}

/** Secures a connection as its server. */
export type Handshake = (connection: TcpConnection) => Effect.Effect<TcpConnection, TlsError, Scope.Scope>

/** Runs TLS handshakes. The connection given must not be used otherwise from then on; it is closed with the new one. */
export class Tls extends Context.Service<
  Tls,
  {
    readonly client: (
      connection: TcpConnection,
      options: ClientOptions
    ) => Effect.Effect<TcpConnection, TlsError, Scope.Scope>
    /** Reads the certificate and the key once. Fails with kind `InvalidInput` where they cannot be used. */
    readonly server: (options: ServerOptions) => Effect.Effect<Handshake, TlsError>
  }
>()("effect-p2p/services/Tls") {}
