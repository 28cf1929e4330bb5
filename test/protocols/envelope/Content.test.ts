/** What an envelope says: one encoding each, and no bytes that upset the reader. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Content from "../../../src/protocols/envelope/Content.ts"
import { luck } from "../../lab/support/random.ts"
import { bytesOf, contentOf } from "./kit.ts"

const reply = contentOf({ role: "answer", inReplyTo: new Uint8Array(16).fill(5) })
const problemOf = (bytes: Uint8Array): string => {
  const read = Content.decode(bytes)
  return Result.isFailure(read) ? read.failure : "read"
}
const field = (number: number, ...value: ReadonlyArray<number>): ReadonlyArray<number> => [
  number,
  value.length >> 8,
  value.length & 0xff,
  ...value
]
/** Where the field of a number begins. */
const startOf = (bytes: Uint8Array, number: number): number => {
  let at = 0
  while (bytes[at] !== number) at += 3 + ((bytes[at + 1]! << 8) | bytes[at + 2]!)
  return at
}
const without = (bytes: Uint8Array, number: number): Uint8Array => {
  const at = startOf(bytes, number)
  return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 3 + ((bytes[at + 1]! << 8) | bytes[at + 2]!)))
}
const set = (bytes: Uint8Array, number: number, ...value: ReadonlyArray<number>): Uint8Array => {
  const copy = bytes.slice()
  copy.set(value, startOf(bytes, number) + 3)
  return copy
}

describe("content", () => {
  it("is read as it was written", () => {
    const random = luck(71)
    for (let round = 0; round < 2000; round++) {
      const role = (["notice", "request", "answer", "refusal"] as const)[random.below(4)]!
      const content = contentOf({
        id: bytesOf(random, 16),
        sentAt: random.below(2 ** 31) * random.below(4_000_000),
        lifetime: 1 + random.below(Content.MAX_LIFETIME),
        role,
        kind: "a-.9".repeat(1 + random.below(8)),
        body: bytesOf(random, random.below(300)),
        inReplyTo: role === "answer" || role === "refusal" ? bytesOf(random, 16) : undefined
      })
      const bytes = Content.encode(content)
      assert.deepStrictEqual(Result.getOrThrow(Content.decode(bytes)), content)
      assert.isAtMost(bytes.length - content.body.length, Content.OVERHEAD)
    }
  })

  it("may have an empty body, and the largest time there is", () => {
    const content = contentOf({ body: new Uint8Array(0), sentAt: Number.MAX_SAFE_INTEGER })
    assert.deepStrictEqual(Result.getOrThrow(Content.decode(Content.encode(content))), {
      ...content,
      inReplyTo: undefined
    })
  })

  it("passes over fields of newer versions, wherever they would stand", () => {
    const bytes = Content.encode(reply)
    const later = Uint8Array.of(...bytes, ...field(8, 1, 2), ...field(200))
    assert.deepStrictEqual(Result.getOrThrow(Content.decode(later)), reply)
  })

  const bytes = Content.encode(contentOf())
  it.each<readonly [string, string, Uint8Array]>([
    ["nothing", "a field is missing", new Uint8Array(0)],
    ["a field that is cut", "the field at byte 57 is cut off", Uint8Array.of(...bytes, 9)],
    ["a field longer than the rest", "the field at byte 57 is longer", Uint8Array.of(...bytes, 9, 0, 2, 1)],
    ["the same field twice", "the field at byte 57 is out of order", Uint8Array.of(...bytes, ...field(6, 1))],
    ["fields out of order", "the field at byte 57 is out of order", Uint8Array.of(...bytes, ...field(5, 97))],
    ["a field of number 0", "the field at byte 0 is out of order", Uint8Array.of(...field(0), ...bytes)],
    [
      "an id of 15 bytes",
      "a field is missing",
      Uint8Array.of(...field(1, ...new Uint8Array(15)), ...without(bytes, 1))
    ],
    ["a time beyond what counts", "its time is out of range", set(bytes, 2, 0, 0x20, 0, 0, 0, 0, 0, 0)],
    ["a lifetime of nothing", "its lifetime is out of range", set(bytes, 3, 0, 0, 0, 0)],
    ["a lifetime of 10 minutes and 1 ms", "its lifetime is out of range", set(bytes, 3, 0, 9, 0x27, 0xc1)],
    ["a role nobody has", "its role is unknown", set(bytes, 4, 4)],
    ["a kind in capitals", "its kind is not a name", set(bytes, 5, 65)],
    ["an answer to nothing", "a reply names its request", set(bytes, 4, 2)],
    ["a notice in reply", "a reply names its request", Uint8Array.of(...bytes, ...field(7, ...new Uint8Array(16)))],
    ["a short id of a request", "a reply names its request", Uint8Array.of(...set(bytes, 4, 2), ...field(7, 1))]
  ])("refuses %s", (_, problem, bytes) => {
    assert.include(problemOf(bytes), problem)
  })

  it.each([1, 2, 3, 4, 5, 6])("refuses what lacks field %i", (number) => {
    assert.include(problemOf(without(bytes, number)), "a field is missing")
  })

  it("is not written where nobody would read it", () => {
    const wrong: ReadonlyArray<Partial<Content.Content>> = [
      { kind: "" },
      { kind: "a".repeat(33) },
      { kind: "Reverse" },
      { lifetime: 0 },
      { lifetime: Content.MAX_LIFETIME + 1 },
      { lifetime: 1.5 },
      { sentAt: -1 },
      { sentAt: 0.5 },
      { id: new Uint8Array(15) },
      { role: "answer" },
      { inReplyTo: new Uint8Array(16) },
      { body: new Uint8Array(65_536) }
    ]
    for (const changes of wrong) assert.throws(() => Content.encode(contentOf(changes)), RangeError)
  })

  it("is refused or read in one way only, whatever the bytes", () => {
    const random = luck(72)
    const from = [Content.encode(contentOf()), Content.encode(reply)]
    let read = 0
    for (let round = 0; round < 200_000; round++) {
      const bytes = Uint8Array.from(from[random.below(2)]!)
      for (let changes = random.below(4); changes >= 0; changes--) bytes[random.below(bytes.length)] = random.below(256)
      const cut = bytes.subarray(0, random.chance(0.3) ? random.below(bytes.length) : bytes.length)
      const result = Content.decode(cut)
      if (Result.isFailure(result)) continue
      read++
      // A field that is not known is passed over, and only that is not written again.
      const again = Content.encode(result.success)
      assert.deepStrictEqual(Result.getOrThrow(Content.decode(again)), result.success)
      if (again.length === cut.length) assert.deepStrictEqual(again, Uint8Array.from(cut))
    }
    assert.isAbove(read, 10_000)
  })
})
