/** What the tests of envelopes share: identities that are the same on each run, and envelopes made by hand. */
import * as Effect from "effect/Effect"
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as SecureRandomModule from "effect/crypto/SecureRandom"
import * as Redacted from "effect/Redacted"
import * as IdentityLayer from "../../../src/layers/Identity.ts"
import * as NodeCryptography from "../../../src/layers/node/Cryptography.ts"
import type * as Content from "../../../src/protocols/envelope/Content.ts"
import { Cryptography } from "../../../src/services/Cryptography.ts"
import type { Identity } from "../../../src/services/Identity.ts"
import { type Luck, luck } from "../../lab/support/random.ts"

export const bytesOf = (random: Luck, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, () => random.below(256))

/** Randomness that is the same on each run. */
export const randomness = (seed: number): SecureRandom["Service"] => {
  const random = luck(seed)
  return SecureRandomModule.make((size) => bytesOf(random, size))
}

/** The identity of a number. */
export const identity = (seed: number): Identity["Service"] =>
  IdentityLayer.make(Redacted.make(bytesOf(luck(seed), 32))).pipe(
    Effect.provideService(SecureRandom, randomness(seed + 1)),
    Effect.provideService(Cryptography, NodeCryptography.primitives),
    Effect.runSync
  )

/** Content that is right. */
export const contentOf = (changes: Partial<Content.Content> = {}): Content.Content => ({
  id: Uint8Array.from({ length: 16 }, (_, index) => index + 1),
  sentAt: 1_800_000_000_000,
  lifetime: 10_000,
  role: "notice",
  kind: "reverse",
  body: Uint8Array.of(7, 8, 9),
  ...changes
})
