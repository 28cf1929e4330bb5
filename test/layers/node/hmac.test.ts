import { assert, describe, it } from "@effect/vitest"
import { createHmac } from "node:crypto"
import { hmacSha1, hmacSha256 } from "../../../src/layers/node/hmac.ts"

describe("HMAC", () => {
  it("is node's, whatever the length of key and data", () => {
    for (const keyLength of [0, 1, 20, 63, 64, 65, 128, 300]) {
      for (const length of [0, 1, 44, 55, 56, 64, 548, 3000]) {
        const key = new Uint8Array(keyLength).map((_, i) => i * 7 + keyLength)
        const data = new Uint8Array(length).map((_, i) => i * 13 + length)
        for (const [algorithm, ours] of [
          ["sha1", hmacSha1],
          ["sha256", hmacSha256]
        ] as const) {
          const theirs = new Uint8Array(createHmac(algorithm, key).update(data).digest())
          assert.deepStrictEqual(ours(key, data), theirs, `${algorithm}, ${keyLength}, ${length}`)
        }
      }
    }
  })

  it("leaves key and data as they were, and gives bytes of its own", () => {
    const [key, data] = [new Uint8Array(20).fill(1), new Uint8Array(44).fill(2)]
    const [first, second] = [hmacSha1(key, data), hmacSha1(key, data)]
    assert.deepStrictEqual([key, data], [new Uint8Array(20).fill(1), new Uint8Array(44).fill(2)])
    assert.notStrictEqual(first.buffer, second.buffer)
    assert.strictEqual(first.buffer.byteLength, 20)
  })
})
