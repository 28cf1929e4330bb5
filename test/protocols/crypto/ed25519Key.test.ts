/** Which bytes may be a key. */
import { assert, describe, it } from "@effect/vitest"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import { isUsable, usableY } from "../../../src/protocols/crypto/ed25519Key.ts"
import { hex, seeds, smallOrder } from "./kit.ts"

describe("a usable Ed25519 key", () => {
  it("is every key a seed has", () => {
    for (const seed of seeds(500)) assert.isTrue(isUsable(primitives.ed25519PublicKey(seed)))
  })

  it("is none of the points anyone can sign for, however they are written", () => {
    assert.lengthOf(smallOrder, 14)
    for (const key of smallOrder) assert.isFalse(isUsable(key), Buffer.from(key).toString("hex"))
  })

  it("is written in one way only: y is less than p", () => {
    for (let above = 0; above < 19; above++) {
      const key = hex(`${(0xed + above).toString(16)}${"ff".repeat(30)}7f`)
      assert.isFalse(isUsable(key))
      key[31] = 0xff
      assert.isFalse(isUsable(key))
    }
    assert.isTrue(isUsable(hex(`eb${"ff".repeat(30)}7f`)))
  })

  it("has 32 bytes", () => {
    for (const size of [0, 1, 31, 33, 64]) assert.isFalse(isUsable(new Uint8Array(size).fill(9)))
  })

  it("is read little-endian, without the sign of x", () => {
    assert.strictEqual(usableY(hex(`0302${"00".repeat(29)}80`)), BigInt(0x203))
  })
})
