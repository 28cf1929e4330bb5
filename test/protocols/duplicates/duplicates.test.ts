import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import { DuplicateFilter } from "../../../src/protocols/duplicates/DuplicateFilter.ts"
import * as Any from "../../support/arbitraries.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const repeats = (filter: DuplicateFilter, ...messages: ReadonlyArray<readonly [sender: string, text: string]>) =>
  messages.map(([sender, text]) => filter.isRepeat(sender, bytes(text)))

describe("the duplicate filter", () => {
  it("tells a repeat of the same sender, not another's", () => {
    assert.deepStrictEqual(repeats(new DuplicateFilter(), ["a", "x"], ["b", "x"], ["a", "x"], ["a", "y"], ["b", "x"]), [
      false,
      false,
      true,
      false,
      true
    ])
  })

  it("knows the empty message", () => {
    assert.deepStrictEqual(repeats(new DuplicateFilter(), ["a", ""], ["a", ""], ["b", ""]), [false, true, false])
  })

  it("tells all bytes apart", () => {
    const filter = new DuplicateFilter()
    for (let byte = 0; byte < 256; byte++) assert.isFalse(filter.isRepeat("a", Uint8Array.of(byte)))
    for (let byte = 0; byte < 256; byte++) assert.isTrue(filter.isRepeat("a", Uint8Array.of(byte)))
  })

  it("does not keep the bytes themselves: they may be used again", () => {
    const filter = new DuplicateFilter()
    const buffer = bytes("one")
    filter.isRepeat("a", buffer)
    buffer.set(bytes("two"))
    assert.isFalse(filter.isRepeat("a", buffer))
    assert.isTrue(filter.isRepeat("a", bytes("one")))
  })

  it("forgets the oldest first, by count and by bytes", () => {
    const few = new DuplicateFilter({ messages: 2 })
    assert.deepStrictEqual(repeats(few, ["a", "1"], ["a", "2"], ["a", "3"], ["a", "3"], ["a", "2"], ["a", "1"]), [
      false,
      false,
      false,
      true,
      true,
      false
    ])
    const light = new DuplicateFilter({ bytes: 5 })
    assert.deepStrictEqual(
      repeats(light, ["a", "111"], ["a", "22"], ["a", "111"], ["a", "3"], ["a", "22"], ["a", "111"]),
      [false, false, true, false, true, false]
    )
  })

  it("never calls a message a repeat that is larger than all it may remember", () => {
    assert.deepStrictEqual(
      repeats(new DuplicateFilter({ bytes: 3 }), ["a", "1234"], ["a", "1234"], ["a", "123"], ["a", "123"]),
      [false, false, false, true]
    )
  })

  const messages = Arbitrary.array(Arbitrary.all([Any.int(0, 2), Any.int(0, 12)]), { maxLength: 80 })

  it.prop("does what a list of the latest messages does", [messages, Any.int(1, 6)], ([sent, limit]) => {
    const filter = new DuplicateFilter({ messages: limit })
    let latest: ReadonlyArray<string> = []
    for (const [sender, content] of sent) {
      const key = `${sender} ${content}`
      const known = latest.includes(key)
      assert.strictEqual(filter.isRepeat(`sender ${sender}`, bytes("x".repeat(content))), known)
      if (!known) latest = [...latest, key].slice(-limit)
    }
  })
})
