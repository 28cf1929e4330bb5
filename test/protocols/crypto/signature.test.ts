/** Signatures with a context. */
import { assert, describe, it } from "@effect/vitest"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import { sign, signedBytes, verify } from "../../../src/protocols/crypto/signature.ts"
import { flipped, seeds, text, toHex } from "./kit.ts"

const [seed, other] = seeds(2) as [Uint8Array, Uint8Array]
const key = primitives.ed25519PublicKey(seed)
const message = text("meet me at noon")
const context = "effect-p2p test v1"
const signature = sign(primitives, seed, context, message)

describe("a signature", () => {
  it("is over the length of the context, the context and the message", () => {
    assert.strictEqual(toHex(signedBytes("ab", Uint8Array.of(1, 2, 3))), "026162010203")
    assert.strictEqual(
      toHex(signature),
      toHex(primitives.ed25519Sign(seed, Uint8Array.of(18, ...text(context), ...message)))
    )
  })

  it("holds for its key, context and message, and for no other", () => {
    assert.isTrue(verify(primitives, key, context, message, signature))
    assert.isFalse(verify(primitives, primitives.ed25519PublicKey(other), context, message, signature))
    assert.isFalse(verify(primitives, key, "effect-p2p test v2", message, signature))
    assert.isFalse(verify(primitives, key, context, text("meet me at nine"), signature))
  })

  it("does not let letters wander between context and message", () => {
    const moved = sign(primitives, seed, "ab", text("c"))
    assert.isFalse(verify(primitives, key, "a", text("bc"), moved))
    assert.isFalse(verify(primitives, key, "abc", text(""), moved))
  })

  it("breaks with any bit of it, of the message or of the key", () => {
    for (let bit = 0; bit < 512; bit++)
      assert.isFalse(verify(primitives, key, context, message, flipped(signature, bit)))
    for (let bit = 0; bit < message.length * 8; bit++) {
      assert.isFalse(verify(primitives, key, context, flipped(message, bit), signature))
    }
    for (let bit = 0; bit < 256; bit++)
      assert.isFalse(verify(primitives, flipped(key, bit), context, message, signature))
  })

  it("takes contexts that cannot begin like what TLS signs, and throws for others", () => {
    for (const good of ["a", "~", "a b", "x".repeat(255)]) signedBytes(good, message)
    for (const bad of ["", " a", " ".repeat(32), "x".repeat(256), "ä", "a\n", "a\0"]) {
      assert.throws(() => signedBytes(bad, message), RangeError)
    }
  })
})
