/** Addresses somebody damaged or made up: reading them never throws, reads nothing past the end, and none is ever taken. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { AddressProblem } from "../../../src/protocols/address/AddressError.ts"
import { SIGNATURE_BYTES } from "../../../src/protocols/crypto/signature.ts"
import { parse } from "../../../src/protocols/address/parse.ts"
import { assemble, decode, decodeText, encodeText } from "../../../src/protocols/address/PeerAddress.ts"
import { type Luck, luck } from "../../lab/support/random.ts"
import { realistic, twoInterfaces, worstUsual } from "./examples.ts"
import * as Kit from "./kit.ts"

const INPUTS = 100_000

/** Of those that cost more: with real signatures, and as text. */
const FEWER = process.env.P2P_FULL === undefined ? INPUTS / 10 : INPUTS

const examples = [realistic, worstUsual, twoInterfaces, Kit.address()]

const arena = new Uint8Array(4096)

/** An address with something done to it; mostly of the length it says it has. */
const mutated = (random: Luck, from: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = random.pick(from)
  let length = whole.length
  arena.set(whole)
  const place = (): number => random.below(length)
  for (let changes = 1 + random.below(3); changes > 0 && length > 3; changes--) {
    switch (random.below(7)) {
      case 0:
        arena[place()]! ^= 1 << random.below(8)
        break
      case 1:
        arena[place()] = random.below(256)
        break
      case 2: // Behind key, sequence and expiry: types, sizes, heads.
        arena[45 + random.below(Math.max(1, length - 45 - SIGNATURE_BYTES))] = random.below(256)
        break
      case 3: // Cut.
        length = random.below(length)
        break
      case 4: // Something more, in the middle.
        if (length < 2000) {
          const [at, more] = [place(), random.below(random.chance(0.9) ? 40 : 2000)]
          arena.copyWithin(at + more, at, length)
          length += more
        }
        break
      case 5: // Some of it again, in another place.
        arena.copyWithin(place(), place(), length)
        break
      default: // Of another address.
        arena.set(random.pick(from).subarray(0, 45 + random.below(100)))
    }
  }
  if (random.chance(0.8) && length >= 3) {
    arena[1] = length >> 8
    arena[2] = length
  }
  return arena.slice(0, length)
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

const tally = <K>(counts: Map<K, number>, key: K): void => void counts.set(key, (counts.get(key) ?? 0) + 1)

describe("reading bytes", () => {
  it(`takes none of ${INPUTS.toLocaleString("en-GB")} that were damaged`, () => {
    const random = luck(510)
    const { asked, options, sign } = Kit.ideal()
    const from = [...examples, ...Array.from({ length: 100 }, () => Kit.randomAddress(random))].map(
      (given) => sign(given, random).bytes
    )
    const kinds = new Map<AddressProblem, number>()
    for (let tried = 0; tried < INPUTS;) {
      const bytes = mutated(random, from)
      const result = decode(bytes, options)
      if (Result.isFailure(result)) {
        tally(kinds, result.failure.kind)
        tried += 1
        continue
      }
      // What was done to it came to nothing, or made it another of ours.
      if (!from.some((whole) => same(whole, bytes))) assert.fail(`took ${Kit.toHex(bytes)}`)
    }
    assert.sameMembers([...kinds.keys()], ["Cut", "TooLarge", "Malformed", "Newer", "Forged"])
    assert.isAbove(kinds.get("Forged")!, INPUTS / 20, "the signature is all that speaks against many")
    assert.isAbove(asked.count, kinds.get("Forged")! - 1)
  })

  it(`takes none of ${FEWER.toLocaleString("en-GB")} with real signatures`, { timeout: 300_000 }, () => {
    const random = luck(511)
    const from = examples.map((given) => Kit.signWith(Kit.ALICE, given).bytes)
    const kinds = new Map<AddressProblem, number>()
    for (let tried = 0; tried < FEWER;) {
      const bytes = mutated(random, from)
      const result = decode(bytes, Kit.options)
      if (Result.isFailure(result)) tally(kinds, result.failure.kind)
      else if (!from.some((whole) => same(whole, bytes))) assert.fail(`took ${Kit.toHex(bytes)}`)
      if (Result.isFailure(result)) tried += 1
    }
    assert.isAbove(kinds.get("Forged")!, FEWER / 20)
  })

  it("takes none with a bit flipped, one after the other", () => {
    const { options, sign } = Kit.ideal()
    for (const given of examples) {
      const { bytes } = sign(given, luck(512))
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const damaged = bytes.slice()
        damaged[bit >> 3]! ^= 1 << (bit & 7)
        assert.isTrue(Result.isFailure(decode(damaged, options)), `bit ${bit}`)
      }
    }
  })

  it("says of every cut how much is missing", () => {
    for (const given of examples) {
      const { bytes } = Kit.signWith(Kit.ALICE, given)
      for (let length = 0; length < bytes.length; length++) {
        const message = Kit.messageOf(decode(bytes.subarray(0, length), Kit.options))
        const missing = `${bytes.length - length} of ${bytes.length} bytes are missing`
        assert.strictEqual(message, `peer address: ${length < 3 ? `${length} bytes` : missing}: copy all of it`)
        if (length < 3) continue
        // The length is made to fit: then it is too short, or malformed, or another's signature.
        const fitted = bytes.slice(0, length)
        fitted.set([length >> 8, length], 1)
        const again = decode(fitted, Kit.options)
        assert.isTrue(Result.isFailure(again))
        if (Result.isFailure(again)) assert.oneOf(again.failure.kind, ["Malformed", "Forged", "Newer"])
      }
    }
  })

  it("gives, whoever signed it, only what has these bytes when written again", () => {
    const random = luck(513)
    const { sign } = Kit.ideal()
    const from = Array.from({ length: 200 }, () => sign(Kit.randomAddress(random), random).bytes)
    let taken = 0
    for (let i = 0; i < 20_000; i++) {
      const bytes = mutated(random, from)
      const result = decode(bytes, { ...Kit.credulous, tolerance: Infinity })
      if (Result.isFailure(result)) continue
      taken += 1
      const parsed = parse(bytes)
      if ("kind" in parsed) assert.fail(parsed.message)
      // Unknown fields are not in what was read.
      if (parsed.optional.length > 0) continue
      const again = Result.getOrThrow(assemble(result.success.address, parsed.signature))
      assert.isTrue(same(again.bytes, bytes))
    }
    assert.isAbove(taken, 3000)
  })

  it("reads no byte that is not there", () => {
    const random = luck(514)
    const { sign } = Kit.ideal()
    const from = Array.from({ length: 50 }, () => sign(Kit.randomAddress(random), random).bytes)
    const outside: Array<string> = []
    const watched = (bytes: Uint8Array): Uint8Array =>
      new Proxy(bytes, {
        get: (target, key) => {
          if (typeof key === "string" && /^-?\d+$/.test(key) && !(key in target)) outside.push(key)
          const value: unknown = Reflect.get(target, key, target)
          if (key === "subarray") return (...range: [number, number]) => watched(target.subarray(...range))
          return typeof value === "function" ? value.bind(target) : value
        }
      })
    for (let i = 0; i < 5000; i++) {
      // Decoding looks at the first byte of nothing to say that there is nothing.
      const bytes = mutated(random, from)
      if (bytes.length < 3) continue
      parse(watched(bytes))
      assert.deepStrictEqual(outside, [])
    }
    assert.strictEqual(watched(new Uint8Array(4))[4], undefined)
    assert.deepStrictEqual(outside, ["4"], "the watch notices")
  })
})

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"

describe("reading text", () => {
  it(`takes none of ${FEWER.toLocaleString("en-GB")} that were damaged`, () => {
    const random = luck(515)
    const { options, sign } = Kit.ideal()
    const from = examples.map((given) => encodeText(sign(given, random)))
    const strange = [...`${ALPHABET}0189=ßİ🙂\u0000`]
    const kinds = new Map<AddressProblem, number>()
    for (let tried = 0; tried < FEWER;) {
      const whole = random.pick(from)
      let text = whole
      for (let changes = 1 + random.below(4); changes > 0; changes--) {
        const [at, length] = [random.below(text.length), random.below(random.chance(0.5) ? 4 : 200)]
        const piece = random.pick([
          random.pick(strange),
          random.pick(from).slice(at, at + length),
          "",
          Array.from({ length }, () => random.pick(strange)).join("")
        ])
        text = text.slice(0, at) + piece + text.slice(at + (random.chance(0.5) ? piece.length : length))
      }
      const result = decodeText(text, options)
      if (Result.isFailure(result)) {
        tally(kinds, result.failure.kind)
        tried += 1
      } else assert.include(from, encodeText(result.success), `took ${JSON.stringify(text)}`)
    }
    assert.includeMembers([...kinds.keys()], ["NoAddress", "Cut", "Mistyped"])
  })

  it("finds every wrong letter, says where it is and what it should be", () => {
    const random = luck(516)
    for (const given of [...examples, Kit.address({ sequence: 300 })]) {
      const text = encodeText(Kit.signWith(Kit.ALICE, given))
      for (let at = 4; at < text.length; at++) {
        const wrong = random.pick([...ALPHABET].filter((letter) => letter !== text[at]))
        const message = Kit.messageOf(decodeText(text.slice(0, at) + wrong + text.slice(at + 1), Kit.options))
        assert.match(
          message,
          new RegExp(
            `^peer address, letter ${at - 3} after "p2p:": "${wrong}" in "\\w+" is mistyped: "${text[at]}" would fit there$`
          )
        )
      }
    }
  })

  it("counts the letters that are missing, wherever they were", () => {
    const random = luck(517)
    const text = encodeText(Kit.signWith(Kit.ALICE, realistic))
    for (let i = 0; i < 1000; i++) {
      const count = 1 + random.below(20)
      // Version and length are in the first five.
      const at = 9 + random.below(text.length - 9 - count)
      const message = Kit.messageOf(decodeText(text.slice(0, at) + text.slice(at + count), Kit.options))
      const letters = count === 1 ? "1 letter is" : `${count} letters are`
      assert.strictEqual(message, `peer address: ${letters} missing: copy all of it`)
    }
  })

  it("tells a slip from a forgery: two wrong pairs of letters never pass", () => {
    const random = luck(518)
    const text = encodeText(Kit.signWith(Kit.ALICE, realistic))
    for (let i = 0; i < 5000; i++) {
      const letters = [...text]
      for (const at of [4 + random.below(text.length - 4), 4 + random.below(text.length - 4)]) {
        letters[at] = random.pick([...ALPHABET])
      }
      const damaged = letters.join("")
      const result = decodeText(damaged, Kit.options)
      if (damaged === text) assert.isTrue(Result.isSuccess(result))
      else if (Result.isFailure(result)) assert.oneOf(result.failure.kind, ["Mistyped", "Cut"])
      else assert.fail(`took ${damaged}`)
    }
    const other = Kit.signWith(Kit.seedOf(2), { ...realistic, peer: Kit.peerOf(Kit.seedOf(2)) })
    const stolen = Result.getOrThrow(assemble(realistic, other.bytes.slice(-SIGNATURE_BYTES)))
    const result = decodeText(encodeText(stolen), Kit.options)
    assert.strictEqual(Result.isFailure(result) ? result.failure.kind : "", "Forged")
  })

  it("says of every cut that it is one", () => {
    const text = encodeText(Kit.signWith(Kit.ALICE, twoInterfaces))
    for (let length = 0; length < text.length; length++) {
      const result = decodeText(text.slice(0, length), Kit.options)
      const kind = Result.isFailure(result) ? result.failure.kind : ""
      assert.strictEqual(kind, length < 3 ? "NoAddress" : "Cut", text.slice(0, length))
    }
  })
})
