/** An identity in memory: who it is, what it signs and what it opens. */
import { assert, describe, it } from "@effect/vitest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as IdentityLayer from "../../src/layers/Identity.ts"
import * as NodeCryptography from "../../src/layers/node/Cryptography.ts"
import * as PeerId from "../../src/schemas/PeerId.ts"
import { Identity } from "../../src/services/Identity.ts"
import { flipped, seeds, smallOrder, text } from "../protocols/crypto/kit.ts"

const needs = Layer.merge(NodeCryptography.layer, SecureRandom.layerWebCrypto)

const [aliceSeed, bobSeed] = seeds(2) as [Uint8Array, Uint8Array]
const peer = (seed: Uint8Array) => IdentityLayer.make(Redacted.make(seed)).pipe(Effect.provide(needs))

const bound = { info: text("to bob"), aad: text("in clear") }
const context = "effect-p2p test v1"

describe("an identity", () => {
  it.effect("is the same peer for the same seed", () =>
    Effect.gen(function* () {
      const alice = yield* peer(aliceSeed)
      assert.strictEqual(alice.peerId, (yield* peer(aliceSeed.slice())).peerId)
      assert.notStrictEqual(alice.peerId, (yield* peer(bobSeed)).peerId)
      assert.deepStrictEqual(Redacted.value(alice.seed), aliceSeed)
    })
  )

  it.effect("keeps its key when the bytes it was made of are wiped", () =>
    Effect.gen(function* () {
      const seed = aliceSeed.slice()
      const alice = yield* peer(seed)
      seed.fill(0)
      const signature = yield* alice.sign(context, text("m"))
      assert.isTrue(yield* alice.verify(alice.peerId, context, text("m"), signature))
    })
  )

  it.effect("does not show its seed when it is printed", () =>
    Effect.gen(function* () {
      const { seed } = yield* peer(aliceSeed)
      for (const shown of [String(seed), JSON.stringify(seed)]) assert.match(shown, /^"?<redacted.*>"?$/)
    })
  )

  it.effect("signs for others to verify, in one context", () =>
    Effect.gen(function* () {
      const alice = yield* peer(aliceSeed)
      const bob = yield* peer(bobSeed)
      const message = text("meet me at noon")
      const signature = yield* alice.sign(context, message)
      assert.lengthOf(signature, 64)
      assert.isTrue(yield* bob.verify(alice.peerId, context, message, signature))
      assert.isFalse(yield* bob.verify(bob.peerId, context, message, signature))
      assert.isFalse(yield* bob.verify(alice.peerId, "effect-p2p test v2", message, signature))
      assert.isFalse(yield* bob.verify(alice.peerId, context, message, flipped(signature, 3)))
      assert.isFalse(yield* bob.verify(alice.peerId, context, message, signature.subarray(1)))
    })
  )

  it.effect("dies of a context that is none", () =>
    Effect.gen(function* () {
      const alice = yield* peer(aliceSeed)
      const exit = yield* Effect.exit(alice.sign("", text("m")))
      assert(Exit.isFailure(exit))
      assert.isTrue(Cause.hasDies(exit.cause))
    })
  )

  it.effect("seals to a peer id, for its owner alone", () =>
    Effect.gen(function* () {
      const alice = yield* peer(aliceSeed)
      const bob = yield* peer(bobSeed)
      const plaintext = text("the well at midnight")
      const sealed = yield* alice.seal(bob.peerId, { ...bound, plaintext })
      assert.lengthOf(sealed, plaintext.length + 48)
      assert.deepStrictEqual(yield* bob.open({ ...bound, sealed }), plaintext)
      for (const attempt of [
        alice.open({ ...bound, sealed }),
        bob.open({ ...bound, info: text("to eve"), sealed }),
        bob.open({ ...bound, aad: text("in cleat"), sealed }),
        bob.open({ ...bound, sealed: flipped(sealed, 300) }),
        bob.open({ ...bound, sealed: new Uint8Array(0) })
      ]) {
        const error = yield* Effect.flip(attempt)
        assert.strictEqual(error.op, "open")
        assert.match(error.message, /^identity open: \d+ bytes were not sealed to this peer/)
      }
    })
  )

  it.effect("never seals twice with the same key", () =>
    Effect.gen(function* () {
      const alice = yield* peer(aliceSeed)
      const heads = new Set<string>()
      for (let count = 0; count < 50; count++) {
        const sealed = yield* alice.seal(alice.peerId, { ...bound, plaintext: text("m") })
        heads.add(Buffer.from(sealed.subarray(0, 32)).toString("hex"))
      }
      assert.strictEqual(heads.size, 50)
    })
  )

  it.effect("neither believes nor seals to ids that stand for nobody", () =>
    Effect.gen(function* () {
      const alice = yield* peer(aliceSeed)
      const signature = yield* alice.sign(context, text("m"))
      for (const nobody of smallOrder.map(PeerId.fromKey)) {
        assert.isFalse(yield* alice.verify(nobody, context, text("m"), signature))
        const error = yield* Effect.flip(alice.seal(nobody, { ...bound, plaintext: text("m") }))
        assert.strictEqual(error.op, "seal")
        assert.include(error.message, nobody)
      }
    })
  )
})

describe("layers", () => {
  const program = Effect.map(Identity, ({ peerId }) => peerId)

  it.effect("of a seed give its peer", () =>
    Effect.gen(function* () {
      const layer = IdentityLayer.layerFromSeed(Redacted.make(aliceSeed)).pipe(Layer.provide(needs))
      assert.strictEqual(yield* Effect.provide(program, layer), (yield* peer(aliceSeed)).peerId)
    })
  )

  it.effect("of a seed of another size fail and say so", () =>
    Effect.gen(function* () {
      for (const size of [0, 31, 33, 64]) {
        const error = yield* Effect.flip(peer(new Uint8Array(size)))
        assert.strictEqual(error.message, `identity load: the seed has ${size} bytes: give 32`)
      }
    })
  )

  it.effect("in memory give a new peer for each program", () =>
    Effect.gen(function* () {
      const fresh = Layer.fresh(IdentityLayer.layerMemory.pipe(Layer.provide(needs)))
      const first = yield* Effect.provide(program, fresh)
      assert.isTrue(PeerId.isPeerId(first))
      assert.notStrictEqual(first, yield* Effect.provide(program, fresh))
    })
  )

  it.effect("in memory draw from the random numbers they are given", () =>
    Effect.gen(function* () {
      const loaded = Layer.succeed(
        SecureRandom.SecureRandom,
        SecureRandom.make((size) => new Uint8Array(size).fill(7))
      )
      const layer = IdentityLayer.layerMemory.pipe(Layer.provide(Layer.merge(NodeCryptography.layer, loaded)))
      assert.strictEqual(yield* Effect.provide(program, layer), (yield* peer(new Uint8Array(32).fill(7))).peerId)
    })
  )
})
