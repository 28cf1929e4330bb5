/** Bech32m: the vectors of BIP 350, and what its checksum promises. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Bech32m from "../../src/schemas/bech32m.ts"
import * as Any from "../support/arbitraries.ts"

describe("Bech32m", () => {
  it("takes what BIP 350 calls valid, and writes it the same", () => {
    for (const text of [
      "A1LQFN3A",
      "a1lqfn3a",
      "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
      "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
      "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
      "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
      "?1v759aa"
    ]) {
      const { prefix, words } = Result.getOrThrow(Bech32m.decode(text))
      assert.strictEqual(Bech32m.encode(prefix, words), text.toLowerCase())
    }
  })

  it("refuses what BIP 350 calls invalid, and says why", () => {
    const refused: ReadonlyArray<readonly [text: string, why: RegExp]> = [
      ["\x201xj0phk", /^" " at position 1 cannot be/],
      ["\x7f1g6xzxy", /at position 1 cannot be/],
      ["\x801vctc34", /at position 1 cannot be/],
      ["an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4", /^too long: 91/],
      ["qyrz8wqd2c9m", /^no prefix/],
      ["1qyrz8wqd2c9m", /^no prefix/],
      ["y1b0jsk6g", /^"b" at position 3 cannot be/],
      ["lt1igcx5c0", /^"i" at position 4 cannot be/],
      ["in1muywd", /^too short: 5/],
      ["mm1crxm3i", /^"i" at position 9 cannot be/],
      ["au1s5cgom", /^"o" at position 8 cannot be/],
      ["M1VUXWEZ", /mistyped/],
      ["16plkw9", /^no prefix/],
      ["1p2gdwpf", /^no prefix/],
      // Right by BIP 173, whose checksum is another.
      ["A12UEL5L", /mistyped/],
      ["A1lqfn3a", /mixed/],
      ["a1lqfn3\u{1f600}", /^"\u{1f600}" at position 8 cannot be/u]
    ]
    for (const [text, why] of refused) {
      const decoded = Bech32m.decode(text)
      assert(Result.isFailure(decoded), text)
      assert.match(decoded.failure, why)
    }
  })

  it.prop("carries bytes, in one way only", [Any.bytes(50)], ([bytes]) => {
    const words = Bech32m.toWords(bytes)
    assert.deepStrictEqual(Bech32m.fromWords(words), bytes)
    const left = words.length * 5 - bytes.length * 8
    for (let bit = 0; bit < left; bit++) {
      const other = words.slice()
      other[other.length - 1]! |= 1 << bit
      assert.isUndefined(Bech32m.fromWords(other))
    }
  })

  it("has no bytes where a whole word is left over", () => {
    assert.isUndefined(Bech32m.fromWords(new Uint8Array(1)))
    assert.isUndefined(Bech32m.fromWords(new Uint8Array(3)))
    assert.lengthOf(Bech32m.fromWords(new Uint8Array(2))!, 1)
  })
})
