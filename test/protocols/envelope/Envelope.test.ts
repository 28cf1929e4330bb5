/** The envelope around a message: sizes, filling, and what is bound to what. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Content from "../../../src/protocols/envelope/Content.ts"
import * as Envelope from "../../../src/protocols/envelope/Envelope.ts"
import { luck } from "../../lab/support/random.ts"
import { bytesOf, contentOf } from "./kit.ts"

const SEAL = 48
const sender = new Uint8Array(32).fill(1)
const signature = new Uint8Array(64).fill(2)
const letterOf = (body: number): Envelope.Letter => ({
  sender,
  signature,
  content: Content.encode(contentOf({ body: new Uint8Array(body).fill(3) }))
})
const problemOf = <A>(result: Result.Result<A, string>): string => (Result.isFailure(result) ? result.failure : "read")

describe("an envelope", () => {
  it("has one of six sizes, the smallest that does", () => {
    const sizes = new Map<number, number>()
    for (let body = 0; body <= Envelope.MAX_BODY; body++) {
      const { length } = Envelope.plaintext(letterOf(body))
      const size = length + SEAL + 1
      if (!sizes.has(size)) sizes.set(size, body)
    }
    assert.deepStrictEqual([...sizes.keys()], [...Envelope.SIZES])
    // The first body that needs the size: 147 bytes of envelope and 54 of fields are in each.
    assert.deepStrictEqual([...sizes.values()], [0, 312, 824, 1848, 3896, 7992])
    assert.strictEqual(Envelope.SIZES.at(-1), Envelope.MAX_SIZE)
  })

  it("takes the largest body with the longest name, and not a byte more", () => {
    const most = contentOf({
      role: "answer",
      inReplyTo: new Uint8Array(16),
      kind: "k".repeat(32),
      body: new Uint8Array(Envelope.MAX_BODY)
    })
    const content = Content.encode(most)
    assert.strictEqual(Envelope.plaintext({ sender, signature, content }).length, Envelope.MAX_SIZE - SEAL - 1)
    const more = Content.encode({ ...most, body: new Uint8Array(Envelope.MAX_BODY + 1) })
    assert.throws(() => Envelope.plaintext({ sender, signature, content: more }), RangeError)
  })

  it("is taken apart as it was put together", () => {
    const random = luck(81)
    for (let round = 0; round < 500; round++) {
      const content = bytesOf(random, random.below(3000))
      const letter = { sender: bytesOf(random, 32), signature: bytesOf(random, 64), content }
      assert.deepStrictEqual(Result.getOrThrow(Envelope.letter(Envelope.plaintext(letter))), letter)
    }
  })

  it("is not read with other filling, another size, or content beyond its end", () => {
    const plaintext = Envelope.plaintext(letterOf(10))
    const bent = (at: number, value: number): Uint8Array => {
      const copy = plaintext.slice()
      copy[at < 0 ? copy.length + at : at] = value
      return copy
    }
    assert.strictEqual(problemOf(Envelope.letter(plaintext)), "read")
    assert.include(problemOf(Envelope.letter(bent(-1, 1))), "filling")
    assert.include(problemOf(Envelope.letter(bent(96, 9))), "longer than itself")
    const larger = new Uint8Array(1024 - SEAL - 1)
    larger.set(plaintext)
    assert.include(problemOf(Envelope.letter(larger)), "smaller size")
    assert.include(problemOf(Envelope.letter(plaintext.subarray(0, 97))), "too few")
  })

  it("signs both ids and the content, and nothing that could be read in two ways", () => {
    const recipient = new Uint8Array(32).fill(4)
    assert.deepStrictEqual(
      Envelope.signed(sender, recipient, Uint8Array.of(5, 6)),
      Uint8Array.of(...sender, ...recipient, 5, 6)
    )
  })

  it("shows its version and its size before anything is opened", () => {
    const sealed = new Uint8Array(511).fill(9)
    const envelope = Envelope.wrap(sealed)
    assert.deepStrictEqual(Result.getOrThrow(Envelope.unwrap(envelope)), sealed)
    assert.include(problemOf(Envelope.unwrap(Uint8Array.of(2, ...sealed))), "version 2")
    for (const size of [0, 1, 511, 513, 16_383, 16_385, 1_000_000]) {
      assert.include(problemOf(Envelope.unwrap(new Uint8Array(size).fill(1))), `${size} bytes`)
    }
  })
})
