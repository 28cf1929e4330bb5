/** node:crypto as plain functions: the RFCs' vectors, strangers' bytes, and keys that are kept. */
import { assert, describe, it } from "@effect/vitest"
import * as Crypto from "node:crypto"
import * as Effect from "effect/Effect"
import { layer, primitives } from "../../../src/layers/node/Cryptography.ts"
import { Cryptography } from "../../../src/services/Cryptography.ts"
import { luck } from "../../lab/support/random.ts"
import { bytesOf, flipped, hex, seeds, smallOrder, text, toHex } from "../../protocols/crypto/kit.ts"

const [seed, key, other] = seeds(3) as [Uint8Array, Uint8Array, Uint8Array]
const nonce = new Uint8Array(12)

describe("primitives", () => {
  it("Ed25519 is RFC 8032's (section 7.1)", () => {
    for (const [secret, publicKey, message, signature] of [
      [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
      ],
      [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
      ]
    ] as const) {
      assert.strictEqual(toHex(primitives.ed25519PublicKey(hex(secret))), publicKey)
      assert.strictEqual(toHex(primitives.ed25519Sign(hex(secret), hex(message))), signature)
      assert.isTrue(primitives.ed25519Verify(hex(publicKey), hex(message), hex(signature)))
    }
  })

  it("X25519 is RFC 7748's (section 6.1)", () => {
    const alice = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    const bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    const publicAlice = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    const publicBob = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert.strictEqual(toHex(primitives.x25519PublicKey(alice)), publicAlice)
    assert.strictEqual(toHex(primitives.x25519PublicKey(bob)), publicBob)
    assert.strictEqual(toHex(primitives.x25519(alice, hex(publicBob))!), shared)
    assert.strictEqual(toHex(primitives.x25519(bob, hex(publicAlice))!), shared)
  })

  it("ChaCha20-Poly1305 is RFC 8439's (section 2.8.2)", () => {
    const key = hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")
    const nonce = hex("070000004041424344454647")
    const aad = hex("50515253c0c1c2c3c4c5c6c7")
    const plaintext = text(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    )
    const sealed = primitives.aeadSeal(key, nonce, aad, plaintext)
    assert.strictEqual(toHex(sealed.subarray(0, 16)), "d31a8d34648e60db7b86afbc53ef7ec2")
    assert.strictEqual(toHex(sealed.subarray(plaintext.length)), "1ae10b594f09e26a7e902ecbd0600691")
    assert.deepStrictEqual(primitives.aeadOpen(key, nonce, aad, sealed), plaintext)
  })

  it("hashes are FIPS 180's, and the MAC RFC 4231's (section 4.3)", () => {
    assert.match(toHex(primitives.sha256(text("abc"))), /^ba7816bf.{48}f20015ad$/)
    assert.match(toHex(primitives.sha512(text("abc"))), /^ddaf35a1.{112}a54ca49f$/)
    const mac = primitives.hmacSha256(text("Jefe"), text("what do ya want for nothing?"))
    assert.strictEqual(toHex(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    assert.lengthOf(primitives.hmacSha256(new Uint8Array(0), new Uint8Array(0)), 32)
  })

  it("give plain arrays of their own", () => {
    const message = text("m")
    const results = [
      primitives.sha256(message),
      primitives.hmacSha256(key, message),
      primitives.ed25519PublicKey(seed),
      primitives.ed25519Sign(seed, message),
      primitives.x25519PublicKey(seed),
      primitives.x25519(seed, primitives.x25519PublicKey(key))!,
      primitives.aeadSeal(key, nonce, message, message),
      primitives.aeadOpen(key, nonce, message, primitives.aeadSeal(key, nonce, message, message))!
    ]
    for (const bytes of results) {
      assert.strictEqual(Object.getPrototypeOf(bytes), Uint8Array.prototype)
      assert.strictEqual(bytes.buffer.byteLength, bytes.length)
    }
  })

  it.effect("are what the layer gives", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Cryptography, primitives)
    }).pipe(Effect.provide(layer))
  )
})

describe("bytes of strangers", () => {
  it("no signature holds for a key anyone can sign with", () => {
    // R = S·B with S = 1: where h·A is nothing, this is a signature of any message (RFC 8032 section 5.1.7).
    const forged = new Uint8Array(64)
    forged.set(hex(`58${"66".repeat(31)}`))
    forged[32] = 1
    for (const key of smallOrder) {
      for (let count = 0; count < 32; count++)
        assert.isFalse(primitives.ed25519Verify(key, Uint8Array.of(count), forged))
    }
  })

  it("Ed25519 says no to 2,000 keys, messages and signatures of garbage, and never throws", () => {
    const random = luck(11)
    const publicKey = primitives.ed25519PublicKey(seed)
    const signature = primitives.ed25519Sign(seed, text("m"))
    const size = (usual: number) => (random.chance(0.7) ? usual : random.below(100))
    for (let count = 0; count < 2000; count++) {
      const key = random.chance(0.5) ? publicKey : bytesOf(random, size(32))
      const message = bytesOf(random, random.below(40))
      assert.isFalse(primitives.ed25519Verify(key, message, bytesOf(random, size(64))))
      assert.isFalse(primitives.ed25519Verify(bytesOf(random, size(32)), text("m"), signature))
    }
  })

  it("Ed25519 does not take a second form of a signature (RFC 8032 section 5.1.7: S below L)", () => {
    const L = BigInt("0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed")
    const signature = primitives.ed25519Sign(seed, text("m"))
    const s = BigInt(`0x${toHex(signature.slice(32).toReversed())}`) + L
    const second = hex(s.toString(16).padStart(64, "0")).toReversed()
    const other = Uint8Array.of(...signature.subarray(0, 32), ...second)
    assert.isTrue(primitives.ed25519Verify(primitives.ed25519PublicKey(seed), text("m"), signature))
    assert.isFalse(primitives.ed25519Verify(primitives.ed25519PublicKey(seed), text("m"), other))
  })

  it("X25519 gives nothing for sizes that are none, and never throws, in 2,000 tries", () => {
    const random = luck(12)
    for (let count = 0; count < 2000; count++) {
      const theirs = bytesOf(random, random.chance(0.5) ? 32 : random.below(80))
      assert.strictEqual(primitives.x25519(seed, theirs)?.length, theirs.length === 32 ? 32 : undefined)
    }
  })

  it("the AEAD opens nothing else, and never throws, in 10,000 tries", () => {
    const random = luck(13)
    const sealed = primitives.aeadSeal(key, nonce, text("a"), text("secret"))
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      assert.isUndefined(primitives.aeadOpen(key, nonce, text("a"), flipped(sealed, bit)))
    }
    assert.isUndefined(primitives.aeadOpen(other, nonce, text("a"), sealed))
    assert.isUndefined(primitives.aeadOpen(key, nonce, text("b"), sealed))
    for (let count = 0; count < 10_000; count++) {
      const size = (usual: number) => (random.chance(0.5) ? usual : random.below(64))
      const parts = [size(32), size(12), random.below(8), random.below(64)].map((size) => bytesOf(random, size))
      assert.isUndefined(primitives.aeadOpen(...(parts as [Uint8Array, Uint8Array, Uint8Array, Uint8Array])))
    }
  })

  it("sizes of one's own that are wrong are mistakes, and say so", () => {
    const short = new Uint8Array(31)
    for (const use of [
      () => primitives.ed25519PublicKey(short),
      () => primitives.ed25519Sign(short, short),
      () => primitives.x25519PublicKey(short),
      () => primitives.x25519(short, key),
      () => primitives.aeadSeal(short, nonce, short, short),
      () => primitives.aeadSeal(key, new Uint8Array(11), short, short)
    ]) {
      assert.throws(use, RangeError, /bytes: it has/)
    }
  })
})

describe("keys that are kept", () => {
  it("follow the bytes they came from, should those be written over", () => {
    const secret = seed.slice()
    const before = toHex(primitives.ed25519PublicKey(secret))
    secret.set(other)
    assert.strictEqual(toHex(primitives.ed25519PublicKey(secret)), toHex(primitives.ed25519PublicKey(other)))
    secret.set(seed)
    assert.strictEqual(toHex(primitives.ed25519PublicKey(secret)), before)
  })

  it("are the right ones after more peers than are kept", () => {
    const peers = seeds(1100).map((seed) => {
      return { key: primitives.ed25519PublicKey(seed), signature: primitives.ed25519Sign(seed, text("m")) }
    })
    for (let round = 0; round < 2; round++) {
      for (const { key, signature } of peers) assert.isTrue(primitives.ed25519Verify(key, text("m"), signature))
    }
  })

  it("are made where OpenSSL makes them", () => {
    const { privateKey, publicKey } = Crypto.generateKeyPairSync("ed25519")
    const raw = new Uint8Array(publicKey.export({ format: "der", type: "spki" }).subarray(12))
    const secret = new Uint8Array(privateKey.export({ format: "der", type: "pkcs8" }).subarray(16))
    assert.deepStrictEqual(primitives.ed25519PublicKey(secret), raw)
  })
})
