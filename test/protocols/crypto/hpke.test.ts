/** HPKE: the vectors of RFC 9180 appendix A.2.1, and everything that must not open. */
import { assert, describe, it } from "@effect/vitest"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import * as Hpke from "../../../src/protocols/crypto/hpke.ts"
import { luck } from "../../lab/support/random.ts"
import { bytesOf, flipped, hex, seeds, smallOrder, text, toHex } from "./kit.ts"

/** RFC 9180 appendix A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode. */
const rfc = {
  info: hex("4f6465206f6e2061204772656369616e2055726e"),
  publicEphemeral: "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
  ephemeral: hex("f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600"),
  recipient: {
    publicKey: hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"),
    secret: hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
  },
  shared: "0bbe78490412b4bbea4812666f7916932b828bba79942424abb65244930d69a7",
  key: "ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91",
  nonce: "5c4d98150661b848853b547f",
  // Sequence number 0.
  plaintext: hex("4265617574792069732074727574682c20747275746820626561757479"),
  aad: hex("436f756e742d30"),
  ciphertext: "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
}

/** The KEM alone is the same in appendix A.1.1, whose AEAD is another. */
const otherSuite = {
  ephemeral: hex("52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736"),
  publicEphemeral: "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
  recipient: {
    publicKey: hex("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d"),
    secret: hex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
  },
  shared: "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc"
}

describe("HPKE as RFC 9180 has it", () => {
  it("agrees on the shared secret, on both sides", () => {
    for (const { ephemeral, publicEphemeral, recipient, shared } of [rfc, otherSuite]) {
      const made = Hpke.encapsulate(primitives, recipient.publicKey, ephemeral)!
      assert.strictEqual(toHex(made.encapsulated), publicEphemeral)
      assert.strictEqual(toHex(made.shared), shared)
      assert.strictEqual(toHex(Hpke.decapsulate(primitives, recipient, made.encapsulated)!), shared)
    }
  })

  it("derives key and nonce", () => {
    const { key, nonce } = Hpke.keySchedule(primitives, hex(rfc.shared), rfc.info)
    assert.strictEqual(toHex(key), rfc.key)
    assert.strictEqual(toHex(nonce), rfc.nonce)
  })

  it("seals and opens", () => {
    const sealed = Hpke.seal(primitives, rfc.recipient.publicKey, rfc.ephemeral, rfc)!
    assert.strictEqual(toHex(sealed), rfc.publicEphemeral + rfc.ciphertext)
    assert.strictEqual(sealed.length, rfc.plaintext.length + Hpke.OVERHEAD)
    assert.strictEqual(toHex(Hpke.open(primitives, rfc.recipient, { ...rfc, sealed })!), toHex(rfc.plaintext))
  })
})

const pair = (secret: Uint8Array): Hpke.KeyPair => ({ secret, publicKey: primitives.x25519PublicKey(secret) })
const [mine, others, ephemeral] = seeds(3) as [Uint8Array, Uint8Array, Uint8Array]
const me = pair(mine)
const bound = { info: text("to alice"), aad: text("in clear") }
const plaintext = text("the well at midnight")
const sealed = Hpke.seal(primitives, me.publicKey, ephemeral, { ...bound, plaintext })!

describe("what is sealed", () => {
  it("opens with what is bound to it, and with nothing else", () => {
    assert.strictEqual(toHex(Hpke.open(primitives, me, { ...bound, sealed })!), toHex(plaintext))
    assert.isUndefined(Hpke.open(primitives, me, { ...bound, info: text("to bob"), sealed }))
    assert.isUndefined(Hpke.open(primitives, me, { ...bound, aad: text("in cleat"), sealed }))
    assert.isUndefined(Hpke.open(primitives, me, { info: bound.aad, aad: bound.info, sealed }))
    assert.isUndefined(Hpke.open(primitives, pair(others), { ...bound, sealed }))
  })

  it("may be nothing, and may be large", () => {
    for (const size of [0, 1, 65_536]) {
      const plaintext = new Uint8Array(size).fill(size)
      const sealed = Hpke.seal(primitives, me.publicKey, ephemeral, { ...bound, plaintext })!
      assert.deepStrictEqual(Hpke.open(primitives, me, { ...bound, sealed }), plaintext)
    }
  })

  it("does not open with any bit of it turned", () => {
    // The top bit of an X25519 key is not looked at (RFC 7748 section 5), but it is in what the key is derived from.
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      assert.isUndefined(Hpke.open(primitives, me, { ...bound, sealed: flipped(sealed, bit) }), `bit ${bit}`)
    }
  })

  it("does not open cut short or lengthened", () => {
    for (let size = 0; size < sealed.length; size++) {
      assert.isUndefined(Hpke.open(primitives, me, { ...bound, sealed: sealed.subarray(0, size) }))
    }
    assert.isUndefined(Hpke.open(primitives, me, { ...bound, sealed: Uint8Array.of(...sealed, 0) }))
  })

  it("is never opened out of garbage, in 5,000 tries", () => {
    const random = luck(5)
    for (let count = 0; count < 5000; count++) {
      assert.isUndefined(Hpke.open(primitives, me, { ...bound, sealed: bytesOf(random, random.below(200)) }))
    }
  })
})

describe("keys that are none", () => {
  it("seal nothing and open nothing", () => {
    const zero = new Uint8Array(32)
    for (const key of [zero, new Uint8Array(31), new Uint8Array(33), new Uint8Array(0)]) {
      assert.isUndefined(Hpke.seal(primitives, key, ephemeral, { ...bound, plaintext }))
    }
    // u of small order: 0, 1, p - 1, p and p + 1 as they are for y, and two more (RFC 7748 section 6.1).
    const order8 = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"
    const otherOrder8 = "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"
    const small = [...smallOrder.slice(0, 4), ...smallOrder.slice(8), hex(order8), hex(otherOrder8)]
    for (const u of small) {
      assert.isUndefined(Hpke.seal(primitives, u, ephemeral, { ...bound, plaintext }), toHex(u))
      const forged = Uint8Array.of(...u, ...sealed.subarray(32))
      assert.isUndefined(Hpke.open(primitives, me, { ...bound, sealed: forged }))
    }
  })
})
