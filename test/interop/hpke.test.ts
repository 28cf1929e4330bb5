/** HPKE against @hpke/core: each opens what the other seals, and with the same ephemeral key they seal to the same bytes. */
import { assert, describe, it } from "@effect/vitest"
import { type AeadInterface, AeadId, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core"
import * as Crypto from "node:crypto"
import { primitives } from "../../src/layers/node/Cryptography.ts"
import * as Hpke from "../../src/protocols/crypto/hpke.ts"
import * as X25519Of from "../../src/protocols/crypto/x25519Of.ts"
import { type Luck, luck } from "../lab/support/random.ts"
import { vectors } from "../fixtures/protocol/identity.ts"
import { bytesOf, flipped, hex, toHex } from "../protocols/crypto/kit.ts"

const AEAD = "chacha20-poly1305"

/** Its ChaCha20-Poly1305 is in another package; this one is OpenSSL's, past our primitives. */
const chacha: AeadInterface = {
  id: AeadId.Chacha20Poly1305,
  keySize: 32,
  nonceSize: 12,
  tagSize: 16,
  createEncryptionContext: (key) => ({
    seal: async (iv, data, aad) => {
      const cipher = Crypto.createCipheriv(AEAD, view(key), view(iv), { authTagLength: 16 })
      cipher.setAAD(view(aad), { plaintextLength: data.byteLength })
      return own(Buffer.concat([cipher.update(view(data)), cipher.final(), cipher.getAuthTag()]))
    },
    open: async (iv, data, aad) => {
      const sealed = view(data)
      const decipher = Crypto.createDecipheriv(AEAD, view(key), view(iv), { authTagLength: 16 })
      decipher.setAAD(view(aad), { plaintextLength: sealed.length - 16 })
      decipher.setAuthTag(sealed.subarray(-16))
      return own(Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]))
    }
  })
}

const view = (bytes: ArrayBufferLike | ArrayBufferView): Uint8Array =>
  ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes)

const own = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer

const kem = new DhkemX25519HkdfSha256()
const suite = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: chacha })

/** A recipient as a peer is one: by the seed of its Ed25519 key. */
const recipientOf = async (random: Luck) => {
  const seed = bytesOf(random, 32)
  const secret = X25519Of.secretOf(primitives, seed)
  const publicKey = X25519Of.publicOf(primitives.ed25519PublicKey(seed))!
  return {
    ours: { secret, publicKey },
    theirs: {
      privateKey: await kem.importKey("raw", own(secret), false),
      publicKey: await kem.importKey("raw", own(publicKey), true)
    }
  }
}

const message = (random: Luck) => ({
  info: bytesOf(random, random.below(80)),
  aad: bytesOf(random, random.below(80)),
  plaintext: bytesOf(random, random.below(500))
})

const ROUNDS = 100

describe("HPKE and @hpke/core", () => {
  it("seal to the same bytes with the same ephemeral key", async () => {
    const random = luck(1)
    for (let round = 0; round < ROUNDS; round++) {
      const { ours, theirs } = await recipientOf(random)
      const { aad, info, plaintext } = message(random)
      const ephemeral = bytesOf(random, 32)
      const ekm = {
        privateKey: await kem.importKey("raw", own(ephemeral), false),
        publicKey: await kem.importKey("raw", own(primitives.x25519PublicKey(ephemeral)), true)
      }
      const { ct, enc } = await suite.seal({ recipientPublicKey: theirs.publicKey, info, ekm }, plaintext, aad)
      const sealed = Hpke.seal(primitives, ours.publicKey, ephemeral, { info, aad, plaintext })
      assert.deepStrictEqual(sealed, Uint8Array.of(...view(enc), ...view(ct)))
    }
  })

  it("open what the other sealed", async () => {
    const random = luck(2)
    for (let round = 0; round < ROUNDS; round++) {
      const { ours, theirs } = await recipientOf(random)
      const { aad, info, plaintext } = message(random)

      const { ct, enc } = await suite.seal({ recipientPublicKey: theirs.publicKey, info }, plaintext, aad)
      const fromThem = Uint8Array.of(...view(enc), ...view(ct))
      assert.deepStrictEqual(Hpke.open(primitives, ours, { info, aad, sealed: fromThem }), plaintext)

      const sealed = Hpke.seal(primitives, ours.publicKey, bytesOf(random, 32), { info, aad, plaintext })!
      const enc2 = own(sealed.subarray(0, 32))
      const opened = await suite.open({ recipientKey: theirs.privateKey, enc: enc2, info }, sealed.subarray(32), aad)
      assert.deepStrictEqual(view(opened), plaintext)
    }
  })

  it("agree about the vectors of docs/protocol-identity.md", async () => {
    for (const { aad, info, plaintext, sealed, to } of vectors.sealed) {
      const { x25519Secret } = vectors.peers.find(({ peerId }) => peerId === to)!
      const recipientKey = await kem.importKey("raw", own(hex(x25519Secret)), false)
      const bytes = hex(sealed)
      const context = { recipientKey, enc: own(bytes.subarray(0, 32)), info: hex(info) }
      assert.strictEqual(toHex(view(await suite.open(context, bytes.subarray(32), hex(aad)))), plaintext)
    }
  })

  it("refuse the same damage", async () => {
    const random = luck(3)
    const { ours, theirs } = await recipientOf(random)
    for (let round = 0; round < ROUNDS; round++) {
      const { aad, info, plaintext } = message(random)
      const sealed = Hpke.seal(primitives, ours.publicKey, bytesOf(random, 32), { info, aad, plaintext })!
      const damaged = flipped(sealed, random.below(sealed.length * 8))
      assert.isUndefined(Hpke.open(primitives, ours, { info, aad, sealed: damaged }))
      const enc = own(damaged.subarray(0, 32))
      const refused = suite.open({ recipientKey: theirs.privateKey, enc, info }, damaged.subarray(32), aad)
      assert.strictEqual(
        await refused.then(
          () => "opened",
          () => "refused"
        ),
        "refused"
      )
    }
  })
})
