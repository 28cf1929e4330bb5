/**
 * Messages into envelopes and back, by the keys of this peer.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Content from "../../protocols/envelope/Content.ts"
import * as Envelope from "../../protocols/envelope/Envelope.ts"
import * as PeerId from "../../schemas/PeerId.ts"
import type { Dropped } from "../../services/Messages.ts"
import type { Identity, IdentityError } from "../../services/Identity.ts"

/** A message that is signed, and for whom. It is sealed anew each time it is sent, so no two envelopes are alike. */
export interface Signed {
  readonly to: PeerId.PeerId
  readonly plaintext: Uint8Array
}

export interface Opened {
  readonly from: PeerId.PeerId
  readonly content: Content.Content
}

const refuse = (reason: keyof Dropped) => Effect.fail(reason)

export class Post {
  private readonly identity: Identity["Service"]
  private readonly key: Uint8Array

  constructor(identity: Identity["Service"]) {
    this.identity = identity
    this.key = PeerId.toKey(identity.peerId)
  }

  sign(to: PeerId.PeerId, message: Content.Content): Effect.Effect<Signed> {
    const content = Content.encode(message)
    const signing = this.identity.sign(Envelope.CONTEXT, Envelope.signed(this.key, PeerId.toKey(to), content))
    return Effect.map(signing, (signature) => ({
      to,
      plaintext: Envelope.plaintext({ sender: this.key, signature, content })
    }))
  }

  seal({ plaintext, to }: Signed): Effect.Effect<Uint8Array, IdentityError> {
    return Effect.map(this.identity.seal(to, { info: Envelope.INFO, aad: Envelope.HEADER, plaintext }), Envelope.wrap)
  }

  /** Of the sealed part of an envelope: who wrote it to this peer, proved, and what. */
  readonly open: (sealed: Uint8Array) => Effect.Effect<Opened, keyof Dropped> = Effect.fnUntraced(
    { self: this },
    function* (sealed) {
      const plaintext = yield* this.identity
        .open({ info: Envelope.INFO, aad: Envelope.HEADER, sealed })
        .pipe(Effect.catch(() => refuse("notForMe")))
      const letter = Envelope.letter(plaintext)
      if (Result.isFailure(letter)) return yield* refuse("malformed")
      const { content, sender, signature } = letter.success
      const read = Content.decode(content)
      if (Result.isFailure(read)) return yield* refuse("malformed")
      const from = PeerId.fromKey(sender)
      const signed = Envelope.signed(sender, this.key, content)
      const proved = yield* this.identity.verify(from, Envelope.CONTEXT, signed, signature)
      return proved ? { from, content: read.success } : yield* refuse("forged")
    }
  )
}
