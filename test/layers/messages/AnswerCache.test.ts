/** Answers for requests that come again: bounded in number, bytes, and how often. */
import { assert, describe, it } from "@effect/vitest"
import { AnswerCache } from "../../../src/layers/messages/AnswerCache.ts"
import { identityOf } from "./kit.ts"

const answer = (size: number) => ({ to: identityOf(1).peerId, plaintext: new Uint8Array(size) })

describe("kept answers", () => {
  it("are given so many times and no more", () => {
    const cache = new AnswerCache(10, 1000)
    const kept = answer(10)
    cache.keep("a", kept)
    const given = Array.from({ length: 100 }, () => cache.again("a")).filter((again) => again === kept)
    assert.strictEqual(given.length, 15, "the first time was the sixteenth")
    assert.isUndefined(cache.again("b"))
  })

  it("are so many and so large at most, and the oldest are forgotten first", () => {
    const cache = new AnswerCache(3, 1000)
    for (const key of ["a", "b", "c", "d"]) cache.keep(key, answer(10))
    assert.deepStrictEqual(
      ["a", "b", "c", "d"].map((key) => cache.again(key) !== undefined),
      [false, true, true, true]
    )
    cache.keep("large", answer(985))
    assert.deepStrictEqual([cache.size, cache.again("d") !== undefined], [2, true])
    cache.keep("larger", answer(1001))
    assert.strictEqual(cache.size, 0)
  })
})
