/**
 * The keys of this peer: who it is, and the proof of it.
 *
 * One Ed25519 key pair. Signatures carry a context, so that one made for one purpose is none for another
 * (`protocols/crypto/signature` has the bytes). Sealing is HPKE (RFC 9180) to the X25519 form of the recipient's key, so a
 * peer id is all that is needed to write to its owner.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { PeerId } from "../schemas/PeerId.ts"

/** The key cannot be had or used; or sealed bytes are not for this peer, or were altered. */
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

/** What is bound to sealed bytes without being sent: both sides must give the same. */
export interface Bound {
  /** What the message is for, and between whom. */
  readonly info: Uint8Array
  /** What goes with it in clear. */
  readonly aad: Uint8Array
}

export class Identity extends Context.Service<
  Identity,
  {
    readonly peerId: PeerId
    /** The 32-byte Ed25519 seed: for TLS, which signs by itself. */
    readonly seed: Redacted.Redacted<Uint8Array>
    /**
     * A 64-byte signature over a context (`effect-p2p address v1`) and a message. A context that is none (1 to 255 ASCII
     * characters, the first no space) is a defect.
     */
    readonly sign: (context: string, message: Uint8Array) => Effect.Effect<Uint8Array>
    /** Whether a peer signed this message in this context. False for a peer id that stands for nobody. */
    readonly verify: (
      signer: PeerId,
      context: string,
      message: Uint8Array,
      signature: Uint8Array
    ) => Effect.Effect<boolean>
    /** Seals to a peer; 48 bytes longer than the plaintext. Who sealed is not proved by it. Fails for a peer id of no key. */
    readonly seal: (
      to: PeerId,
      options: Bound & { readonly plaintext: Uint8Array }
    ) => Effect.Effect<Uint8Array, IdentityError>
    /** Opens what was sealed to this peer with the same `info` and `aad`. Any bytes may be tried. */
    readonly open: (options: Bound & { readonly sealed: Uint8Array }) => Effect.Effect<Uint8Array, IdentityError>
  }
>()("effect-p2p/services/Identity") {}
