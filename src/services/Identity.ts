/**
 * The keys of this peer: who it is, and the proof of it.
 *
 * One Ed25519 key pair. Signatures carry a context, so that one made for one purpose is none for another. Sealing is HPKE
 * (RFC 9180) to the X25519 form of the recipient's key, so a peer id is all that is needed to write to its owner.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { PeerId } from "../schemas/PeerId.ts"

/** The key file cannot be used; or sealed bytes are not for this peer, or were altered. */
export class IdentityError extends Schema.TaggedError<IdentityError>()("IdentityError", {
  op: Schema.Literals(["load", "create", "seal", "open"]),
  /** The key file, where there is one. */
  path: Schema.optional(Schema.String),
  problem: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {
  override get message() {
    return `identity ${this.op}${this.path === undefined ? "" : ` ${this.path}`}: ${this.problem}`
  }
}

export class Identity extends Context.Service<
  Identity,
  {
    readonly peerId: PeerId
    /** The 32-byte Ed25519 seed: for TLS, which signs by itself. */
    readonly seed: Redacted.Redacted<Uint8Array>
    /** A 64-byte signature over a context (`effect-p2p address v1`) and a message. */
    readonly sign: (context: string, message: Uint8Array) => Effect.Effect<Uint8Array>
    /** Whether a peer signed this message in this context. */
    readonly verify: (
      signer: PeerId,
      context: string,
      message: Uint8Array,
      signature: Uint8Array
    ) => Effect.Effect<boolean>
    /** Seals to a peer. `info` and `aad` are bound to it, and not sent. The sender is not proved by it. */
    readonly seal: (
      to: PeerId,
      options: { readonly info: Uint8Array; readonly aad: Uint8Array; readonly plaintext: Uint8Array }
    ) => Effect.Effect<Uint8Array, IdentityError>
    /** Opens what was sealed to this peer with the same `info` and `aad`. */
    readonly open: (options: {
      readonly info: Uint8Array
      readonly aad: Uint8Array
      readonly sealed: Uint8Array
    }) => Effect.Effect<Uint8Array, IdentityError>
  }
>()("effect-p2p/services/Identity") {}
