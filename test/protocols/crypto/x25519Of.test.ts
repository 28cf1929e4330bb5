/** The X25519 form of Ed25519 keys: libsodium's vector, and that both halves stay a pair. */
import { assert, describe, it } from "@effect/vitest"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import { publicOf, secretOf } from "../../../src/protocols/crypto/x25519Of.ts"
import { hex, seeds, smallOrder, toHex } from "./kit.ts"

describe("the X25519 form of an Ed25519 key", () => {
  it("is libsodium's (test/default/ed25519_convert.c)", () => {
    const seed = hex("421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee")
    assert.strictEqual(
      toHex(secretOf(primitives, seed)),
      "8052030376d47112be7f73ed7a019293dd12ad910b654455798b4667d73de166"
    )
    assert.strictEqual(
      toHex(publicOf(primitives.ed25519PublicKey(seed))!),
      "f1814f0e8ff1043d8a44d25babff3cedcae6c22c3edaa48f857ae70de2baae50"
    )
  })

  it("of the public key belongs to that of the seed, for 1,000 seeds", () => {
    for (const seed of seeds(1000)) {
      const expected = primitives.x25519PublicKey(secretOf(primitives, seed))
      assert.strictEqual(toHex(publicOf(primitives.ed25519PublicKey(seed))!), toHex(expected))
    }
  })

  it("does not depend on the sign of x", () => {
    const key = primitives.ed25519PublicKey(seeds(1)[0]!)
    const other = key.slice()
    other[31]! ^= 0x80
    assert.strictEqual(toHex(publicOf(other)!), toHex(publicOf(key)!))
  })

  it("is not there for keys that stand for nobody, y = 1 among them, and for other sizes", () => {
    for (const key of smallOrder) assert.isUndefined(publicOf(key))
    assert.isUndefined(publicOf(hex(`fe${"ff".repeat(30)}7f`)))
    assert.isUndefined(publicOf(new Uint8Array(31).fill(9)))
  })

  it("has 32 bytes where u is small", () => {
    // u = 9, the base point, is y = 4/5 (RFC 7748 section 4.1).
    assert.strictEqual(toHex(publicOf(hex(`58${"66".repeat(31)}`))!), `09${"00".repeat(31)}`)
  })
})
