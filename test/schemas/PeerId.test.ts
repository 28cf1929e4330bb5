/** Peer ids as text: that they come back, that no slip of a finger gives another peer, and what people are told. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Bech32m from "../../src/schemas/bech32m.ts"
import * as PeerId from "../../src/schemas/PeerId.ts"
import { type Luck, luck } from "../lab/support/random.ts"

const letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

const random = luck(62)
const anyKey = (random: Luck) => Uint8Array.from({ length: 32 }, () => random.below(256))
const id = PeerId.fromKey(anyKey(random))

const problemOf = (text: string): string => {
  const read = PeerId.fromString(text)
  assert(Result.isFailure(read), text)
  assert.strictEqual(read.failure._tag, "PeerIdError")
  return read.failure.problem
}

const replaced = (text: string, at: number, letter: string) => text.slice(0, at) + letter + text.slice(at + 1)

describe("a peer id", () => {
  it("is 62 small letters and digits after p2p1, and its key comes back", () => {
    for (const key of [
      new Uint8Array(32),
      new Uint8Array(32).fill(255),
      ...Array.from({ length: 1000 }, () => anyKey(random))
    ]) {
      const text = PeerId.fromKey(key)
      assert.match(text, /^p2p1[02-9ac-hj-np-z]{58}$/)
      assert.deepStrictEqual(PeerId.toKey(text), key)
      assert.strictEqual(Result.getOrThrow(PeerId.fromString(text)), text)
      assert.strictEqual(Result.getOrThrow(PeerId.fromString(text.toUpperCase())), text)
    }
  })

  it("has a fixed text (docs/protocol-identity.md)", () => {
    assert.strictEqual(
      PeerId.fromKey(new Uint8Array(32)),
      "p2p1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqedn5zt"
    )
  })

  it("is of 32 bytes: another size is a mistake of the program", () => {
    for (const size of [0, 31, 33]) assert.throws(() => PeerId.fromKey(new Uint8Array(size)), RangeError)
    assert.throws(() => PeerId.toKey("p2p1" as PeerId.PeerId), TypeError)
  })

  it("shows every single mistyped letter", () => {
    for (let count = 0; count < 5; count++) {
      const id = PeerId.fromKey(anyKey(random))
      for (let at = 0; at < id.length; at++) {
        for (const letter of letters) {
          if (letter !== id[at]) assert.isTrue(Result.isFailure(PeerId.fromString(replaced(id, at, letter))))
        }
      }
    }
  })

  it("shows every letter left out, doubled or swapped with the next", () => {
    for (let at = 0; at < id.length; at++) {
      problemOf(id.slice(0, at) + id.slice(at + 1))
      problemOf(id.slice(0, at) + id[at]! + id.slice(at))
      const swapped = id.slice(0, at) + (id[at + 1] ?? "") + id[at]! + id.slice(at + 2)
      if (swapped !== id) problemOf(swapped)
    }
  })

  it("shows up to four mistyped letters, in 20,000 tries", () => {
    for (let count = 0; count < 20_000; count++) {
      let text: string = id
      for (let wrong = 1 + random.below(4); wrong > 0; wrong--) {
        text = replaced(text, 4 + random.below(58), random.pick([...letters]))
      }
      if (text !== id) assert.strictEqual(problemOf(text), "a letter is mistyped")
    }
  })

  it("says what is wrong", () => {
    assert.match(problemOf(id.slice(0, 40)), /^too short: 40 of 62 letters$/)
    assert.match(problemOf(`${id}q`), /^too long: 63 letters/)
    assert.match(problemOf(`q${id.slice(1)}`), /^it begins with "q2p1", a peer id with "p2p1"$/)
    assert.match(problemOf("p2p:AAEC"), /^it begins with "p2p:"/)
    assert.match(problemOf(""), /^it begins with ""/)
    assert.match(problemOf(replaced(id, 20, "b")), /^"b" at position 21 cannot be/)
    assert.match(problemOf(replaced(id, 20, "1")), /^"1" at position 21 cannot be/)
    assert.match(problemOf(replaced(id, 61, " ")), /^" " at position 62 cannot be/)
    assert.match(problemOf(id.replace("p2p1", "P2P1")), /mixed/)
    const error = PeerId.fromString("p2p1q")
    assert(Result.isFailure(error))
    assert.strictEqual(error.failure.message, '"p2p1q" is no peer id: too short: 5 of 62 letters')
  })

  it("is no other text that Bech32m takes, of the same length and beginning", () => {
    const other = Bech32m.encode("p2p1qqqqq", new Uint8Array(46))
    assert.strictEqual(other.length, PeerId.LENGTH)
    assert.isTrue(Result.isSuccess(Bech32m.decode(other)))
    assert.match(problemOf(other), /^"1" at position 10 cannot be/)
    const words = Bech32m.toWords(new Uint8Array(32))
    words[51] = 1
    assert.match(problemOf(Bech32m.encode("p2p", words)), /^its last bits are not zero$/)
  })

  it("keeps what it shows of long text short", () => {
    const read = PeerId.fromString("x".repeat(1e6))
    assert(Result.isFailure(read))
    assert.isBelow(read.failure.message.length, 200)
  })

  it("is never read out of garbage, in 20,000 tries", () => {
    for (let count = 0; count < 20_000; count++) {
      const text = String.fromCharCode(...Array.from({ length: 58 }, () => random.below(random.pick([128, 65_536]))))
      assert.isFalse(PeerId.isPeerId(random.chance(0.5) ? `p2p1${text}` : text))
    }
  })

  it("is short in logs", () => {
    assert.strictEqual(PeerId.short(id), id.slice(0, 12))
  })

  it("is known by its small letters alone", () => {
    assert.isTrue(PeerId.isPeerId(id))
    for (const other of [id.toUpperCase(), undefined, 7, {}, "p2p1"]) assert.isFalse(PeerId.isPeerId(other))
  })
})

describe("the schema of peer ids", () => {
  const decode = Schema.decodeUnknownResult(PeerId.PeerIdFromString)
  const encode = Schema.encodeUnknownResult(PeerId.PeerIdFromString)

  it("reads both cases and writes small letters", () => {
    assert.strictEqual(Result.getOrThrow(decode(id.toUpperCase())), id)
    assert.strictEqual(Result.getOrThrow(encode(id)), id)
  })

  it("says what is wrong", () => {
    const read = decode({ peer: 1 })
    assert.isTrue(Result.isFailure(read))
    const short = decode("p2p1q")
    assert(Result.isFailure(short))
    assert.include(String(short.failure), "too short: 5 of 62 letters")
  })
})
