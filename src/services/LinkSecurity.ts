/**
 * Encrypts a connection between two peers and proves to each who the other is.
 *
 * Over any `TcpConnection`, whoever dialled it. From then on the connection given must not be used otherwise: it is closed with
 * the new one, and where securing fails or is interrupted. Layers: TLS 1.3 (the real one), and a signed hello without encryption for simulations and for those who ask
 * for plaintext on both sides.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { PeerId } from "../schemas/PeerId.ts"
import * as NetFailure from "./NetFailure.ts"
import type { TcpConnection } from "./Tcp.ts"

const happened = {
  WrongPeer: "somebody else is there",
  Self: "it leads back to this peer",
  Untrusted: "who is there proved nothing",
  Network: undefined
}

/**
 * The link could not be secured, and is closed. `WrongPeer`: it is somebody else than expected, who proved it. `Self`: it is
 * this very peer. `Untrusted`: who is there proved nothing, or spoke another protocol. These three have kind `TlsFailed`, and
 * trying again will not help. `Network`: the connection failed or went silent.
 */
export class LinkSecurityError extends Schema.TaggedError<LinkSecurityError>()("LinkSecurityError", {
  reason: Schema.Literals(["WrongPeer", "Self", "Untrusted", "Network"]),
  op: Schema.Literals(["client", "server"]),
  /** The peer ids that were asked for and found, where there are. */
  expected: Schema.optional(Schema.String),
  found: Schema.optional(Schema.String),
  ...NetFailure.fields
}) {
  override get message() {
    return NetFailure.message("secured link", this, happened[this.reason])
  }
}

/** A connection whose both ends are known. */
export interface SecuredLink {
  readonly connection: TcpConnection
  /** Who is at the other end, proved. */
  readonly peer: PeerId
  readonly protection: Protection
  /** Whether the server said in the handshake that any link is welcome to it: see {@link ServerOptions}. Default false. */
  readonly welcome?: boolean | undefined
}

/** `tls1.3`: encrypted. `plain`: both ends were proved at the start, and anyone on the way can read and alter what follows. */
export type Protection = "tls1.3" | "plain"

export interface SecureOptions {
  /** Fails with `WrongPeer` for anybody else. */
  readonly expect?: PeerId | undefined
  /** Default 10 seconds. Infinite where the caller limits more than this. */
  readonly timeout?: Duration.Input | undefined
}

export interface ServerOptions extends SecureOptions {
  /**
   * Says so to the client before anything is known of it, and so half a round trip earlier than any other word can be said. Default
   * false.
   */
  readonly welcome?: boolean | undefined
}

export class LinkSecurity extends Context.Service<
  LinkSecurity,
  {
    readonly protection: Protection
    /** As the TLS client: completes after one round trip, before the other side has judged this one. */
    readonly client: (
      connection: TcpConnection,
      options: SecureOptions & { readonly expect: PeerId }
    ) => Effect.Effect<SecuredLink, LinkSecurityError, Scope.Scope>
    /** As the TLS server. */
    readonly server: (
      connection: TcpConnection,
      options?: ServerOptions
    ) => Effect.Effect<SecuredLink, LinkSecurityError, Scope.Scope>
  }
>()("effect-p2p/services/LinkSecurity") {}
