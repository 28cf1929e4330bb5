/**
 * `Identity` from a seed in memory. Where the seed is kept is another layer's business (`layers/node/IdentityFile`).
 */
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Hpke from "../protocols/crypto/hpke.ts"
import * as Signature from "../protocols/crypto/signature.ts"
import * as X25519Of from "../protocols/crypto/x25519Of.ts"
import * as PeerId from "../schemas/PeerId.ts"
import { Cryptography } from "../services/Cryptography.ts"
import { Identity, IdentityError } from "../services/Identity.ts"

/** Bytes of a seed, and of an ephemeral secret. */
export const SEED_BYTES = 32

/** The service of a seed of 32 bytes, which is copied. */
export const make = Effect.fnUntraced(function* (
  given: Redacted.Redacted<Uint8Array>
): Effect.fn.Return<Identity["Service"], IdentityError, Cryptography | SecureRandom> {
  const primitives = yield* Cryptography
  const random = yield* SecureRandom
  const seed = Redacted.value(given).slice()
  if (seed.length !== SEED_BYTES) {
    const problem = `the seed has ${seed.length} bytes: give ${SEED_BYTES}`
    return yield* new IdentityError({ op: "load", problem })
  }
  const secret = X25519Of.secretOf(primitives, seed)
  const own: Hpke.KeyPair = { secret, publicKey: primitives.x25519PublicKey(secret) }

  return Identity.of({
    peerId: PeerId.fromKey(primitives.ed25519PublicKey(seed)),
    // A copy: who is given it may wipe it.
    seed: Redacted.make(seed.slice(), { label: "seed of an identity" }),
    sign: (context, message) => Effect.sync(() => Signature.sign(primitives, seed, context, message)),
    verify: (signer, context, message, signature) =>
      Effect.sync(() => Signature.verify(primitives, PeerId.toKey(signer), context, message, signature)),
    seal: Effect.fn("Identity.seal")(function* (to, options) {
      const recipient = X25519Of.publicOf(PeerId.toKey(to))
      const ephemeral = yield* random.randomBytes(SEED_BYTES)
      const sealed = recipient === undefined ? undefined : Hpke.seal(primitives, recipient, ephemeral, options)
      if (sealed !== undefined) return sealed
      const problem = `${to} is the id of no usable key: ask the peer for its id again`
      return yield* new IdentityError({ op: "seal", problem })
    }),
    open: Effect.fn("Identity.open")(function* (options) {
      const opened = Hpke.open(primitives, own, options)
      if (opened !== undefined) return opened
      const problem = `${options.sealed.length} bytes were not sealed to this peer for this purpose, or were altered`
      return yield* new IdentityError({ op: "open", problem })
    })
  })
})

/** The peer of a seed: the same id each time. */
export const layerFromSeed = (
  seed: Redacted.Redacted<Uint8Array>
): Layer.Layer<Identity, IdentityError, Cryptography | SecureRandom> => Layer.effect(Identity, make(seed))

/** A new peer each time it is built, forgotten with the program. Two in one program need `Layer.fresh`. */
export const layerMemory: Layer.Layer<Identity, never, Cryptography | SecureRandom> = Layer.effect(
  Identity,
  Effect.gen(function* () {
    const random = yield* SecureRandom
    const seed = yield* random.randomBytes(SEED_BYTES)
    return yield* Effect.orDie(make(Redacted.make(seed)))
  })
)
