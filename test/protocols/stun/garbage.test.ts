/** Bytes nobody meant: decoding never throws, reads nothing past the end, and says where it stopped. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { nameOf } from "../../../src/protocols/stun/Attribute.ts"
import { decode } from "../../../src/protocols/stun/decode.ts"
import { encode } from "../../../src/protocols/stun/encode.ts"
import golden from "../../fixtures/stun/coturn.json" with { type: "json" }
import { type Luck, luck } from "../../lab/support/random.ts"
import { damaged } from "./damage.ts"
import { randomMessage, randomSeal } from "./generate.ts"
import { bytesOf, hex } from "./kit.ts"
import * as Vectors from "./vectors.ts"

const INPUTS = 1_000_000

const classic = { classic: true } as const

const whole = (random: Luck): ReadonlyArray<Uint8Array> => [
  Vectors.request,
  Vectors.responseIpv4,
  Vectors.responseIpv6,
  Vectors.longTerm,
  Vectors.userhash,
  ...golden.packets.filter((packet) => packet.hex.length < 400).map((packet) => hex(packet.hex)),
  ...Array.from({ length: 300 }, () => bytesOf(randomMessage(random), randomSeal(random)))
]

/** The same bytes, noting every read outside of them. */
const watched = (bytes: Uint8Array, outside: Array<string>): Uint8Array =>
  new Proxy(bytes, {
    get: (target, key) => {
      if (typeof key === "string" && /^-?\d+$/.test(key) && !(key in target)) outside.push(key)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === "function" ? value.bind(target) : value
    }
  })

describe("decode", () => {
  it(`takes ${INPUTS.toLocaleString("en-GB")} damaged messages as they come`, () => {
    const random = luck(20_230)
    const from = whole(random)
    const parts = new Map<string, number>()
    let decoded = 0
    for (let i = 0; i < INPUTS; i++) {
      const bytes = damaged(random, from)
      const result = decode(bytes, classic)
      if (Result.isSuccess(result)) {
        decoded += 1
        continue
      }
      const { offset, part } = result.failure
      // The place is in the message, or right at its end where something is missing.
      if (!(offset >= 0 && offset <= bytes.length)) assert.fail(result.failure.message)
      parts.set(part, (parts.get(part) ?? 0) + 1)
    }
    assert.isAbove(decoded, INPUTS / 10, "some damage goes unnoticed")
    assert.isAbove(parts.size, 30, "the damage is in many places")
  })

  it("reads no byte that is not there", () => {
    const random = luck(20_231)
    const from = whole(random)
    const outside: Array<string> = []
    for (let i = 0; i < 20_000; i++) {
      const bytes = damaged(random, from)
      const plain = decode(bytes, classic)
      const seen = decode(watched(bytes, outside), classic)
      assert.deepStrictEqual(outside, [])
      assert.strictEqual(Result.isSuccess(seen), Result.isSuccess(plain))
    }
    assert.strictEqual(watched(new Uint8Array(4), outside)[4], undefined)
    assert.deepStrictEqual(outside, ["4"], "the watch notices")
  })

  it("gives what can be written and read again to the same", () => {
    const random = luck(20_232)
    const from = whole(random)
    let decoded = 0
    for (let i = 0; i < 20_000; i++) {
      const result = decode(damaged(random, from), classic)
      if (Result.isFailure(result)) continue
      const { attributes } = result.success
      // Values of which we write less than we read, whose seal is then another.
      const message = {
        ...result.success,
        attributes: attributes.filter(({ _tag }) => !/^(Message|Fingerprint)/.test(_tag))
      }
      const written = encode(message)
      if (Result.isFailure(written)) {
        // Read more willingly than written: texts longer than we send.
        assert.match(written.failure.problem, /^\d+ (characters|bytes): at most/)
        continue
      }
      decoded += 1
      assert.deepStrictEqual(Result.getOrThrow(decode(written.success, classic)), message)
    }
    assert.isAbove(decoded, 2000)
  })

  it("notices every flipped bit that a fingerprint covers", () => {
    for (let bit = 0; bit < Vectors.responseIpv4.length * 8; bit++) {
      const bytes = Vectors.responseIpv4.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const result = decode(bytes, { fingerprint: "required" })
      assert.isTrue(Result.isFailure(result), `bit ${bit}`)
    }
  })
})

describe("decode says where", () => {
  const head = (length: string, body = "") => hex(`0101 ${length} 2112a442 a0a1a2a3 a4a5a6a7 a8a9aaab ${body}`)
  const one = (attribute: string) => {
    const body = hex(attribute)
    return head(body.length.toString(16).padStart(4, "0"), attribute)
  }
  const cases: ReadonlyArray<readonly [string, Uint8Array]> = [
    ["STUN header, byte 0: cut short: 0 bytes, the header has 20", new Uint8Array(0)],
    ["STUN header, byte 19: cut short: 19 bytes, the header has 20", Vectors.request.subarray(0, 19)],
    ["STUN header, byte 0: the first two bits are not 0", hex("4001 0000 2112a442 000000000000000000000000")],
    ["STUN header, byte 2: length 2 is no multiple of 4", head("0002", "0000")],
    ["STUN header, byte 2: says 24 bytes, 20 are here", head("0004")],
    ["STUN header, byte 2: says 108 bytes, 104 are here", Vectors.request.subarray(0, 104)],
    ["STUN header, byte 2: says 20 bytes, 24 are here", head("0000", "80220000")],
    ["STUN header, byte 4: no magic cookie", hex("0101 0000 2112a443 000000000000000000000000")],
    ["STUN SOFTWARE, byte 22: says 5 bytes, 4 are left", one("8022 0005 61626364")],
    ["STUN attribute 0x7001, byte 22: says 65535 bytes, 0 are left", one("7001 ffff")],
    ["STUN XOR-MAPPED-ADDRESS, byte 22: 4 bytes: an endpoint has 8 or 20", one("0020 0004 00010000")],
    ["STUN XOR-MAPPED-ADDRESS, byte 22: 0 bytes: an endpoint has 8 or 20", one("0020 0000")],
    ["STUN XOR-MAPPED-ADDRESS, byte 25: address family 3", one("0020 0008 00030000 00000000")],
    ["STUN XOR-MAPPED-ADDRESS, byte 25: family 2 in 8 bytes", one("0020 0008 00020000 00000000")],
    ["STUN OTHER-ADDRESS, byte 29: address family 0", one("8022 0000 802c 0008 00000000 00000000")],
    ["STUN USERNAME, byte 22: 764 bytes: at most 763", one(`0006 02fc ${"61".repeat(764)}`)],
    ["STUN NONCE, byte 24: no UTF-8", one("0015 0004 61ff6161")],
    ["STUN ERROR-CODE, byte 22: 3 bytes: at least 4", one("0009 0003 00000400")],
    ["STUN ERROR-CODE, byte 26: error class 2", one("0009 0004 00000200")],
    ["STUN ERROR-CODE, byte 27: error number 100", one("0009 0004 00000464")],
    ["STUN ADDRESS-ERROR-CODE, byte 24: address family 9", one("8001 0004 09000401")],
    ["STUN UNKNOWN-ATTRIBUTES, byte 22: 3 bytes: types have 2 each", one("000a 0003 00000000")],
    ["STUN CHANGE-REQUEST, byte 22: 8 bytes: exactly 4", one("0003 0008 00000000 00000000")],
    ["STUN LIFETIME, byte 22: 2 bytes: exactly 4", one("000d 0002 00000000")],
    ["STUN REQUESTED-ADDRESS-FAMILY, byte 24: address family 3", one("0017 0004 03000000")],
    ["STUN EVEN-PORT, byte 22: 4 bytes: exactly 1", one("0018 0004 80000000")],
    ["STUN DONT-FRAGMENT, byte 22: 4 bytes: exactly 0", one("001a 0004 00000000")],
    ["STUN RESERVATION-TOKEN, byte 22: 4 bytes: exactly 8", one("0022 0004 00000000")],
    ["STUN PASSWORD-ALGORITHMS, byte 30: says 9 bytes, 0 are left", one("8002 0008 00010000 00020009")],
    ["STUN PASSWORD-ALGORITHMS, byte 28: 2 bytes: an algorithm has at least 4", one("8002 0006 00010000 00020000")],
    ["STUN PASSWORD-ALGORITHM, byte 22: 2 algorithms: exactly 1", one("001d 0008 00010000 00020000")],
    ["STUN MESSAGE-INTEGRITY, byte 22: 4 bytes: exactly 20", one("0008 0004 00000000")],
    [
      "STUN MESSAGE-INTEGRITY-SHA256, byte 22: 12 bytes: 16 to 32, a multiple of 4",
      one(`001c 000c ${"00".repeat(12)}`)
    ],
    [
      "STUN MESSAGE-INTEGRITY-SHA256, byte 22: 18 bytes: 16 to 32, a multiple of 4",
      one(`001c 0012 ${"00".repeat(20)}`)
    ],
    [
      "STUN MESSAGE-INTEGRITY-SHA256, byte 22: 36 bytes: 16 to 32, a multiple of 4",
      one(`001c 0024 ${"00".repeat(36)}`)
    ],
    ["STUN FINGERPRINT, byte 24: does not match", one("8028 0004 00000000")],
    ["STUN FINGERPRINT, byte 20: not the last attribute", one("8028 0004 00000000 8022 0000")]
  ]
  it.each(cases)("%s", (message, bytes) => {
    const result = decode(bytes)
    assert.strictEqual(Result.isFailure(result) ? result.failure.message : "decoded", message)
  })

  it("where a fingerprint is missing", () => {
    const result = decode(head("0000"), { fingerprint: "required" })
    assert.strictEqual(Result.isFailure(result) ? result.failure.message : "", "STUN message, byte 20: no FINGERPRINT")
  })

  it("at every length a message can be cut to", () => {
    for (let length = 0; length < Vectors.request.length; length++) {
      const result = decode(Vectors.request.subarray(0, length))
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) assert.strictEqual(result.failure.part, "header")
      // The header is made to fit: then the attribute that is cut is named, or all that are left are whole.
      if (length < 20 || length % 4 !== 0) continue
      const fitted = Vectors.request.slice(0, length)
      fitted[3] = length - 20
      const again = decode(fitted)
      if (Result.isFailure(again)) assert.match(again.failure.part, /^[A-Z-]+$|^attribute 0x/)
      else assert.include([20, 40, 48, 60, 76, 100], length)
    }
    assert.strictEqual(nameOf(0x0024), "attribute 0x0024")
  })
})

describe("decode passes over", () => {
  const head = (body: string) => {
    const bytes = hex(body)
    return hex(`0101 ${bytes.length.toString(16).padStart(4, "0")} 2112a442 a0a1a2a3 a4a5a6a7 a8a9aaab ${body}`)
  }
  const tags = (bytes: Uint8Array) => Result.getOrThrow(decode(bytes)).attributes.map((attribute) => attribute._tag)
  const sha1 = `0008 0014 ${"11".repeat(20)}`
  const sha256 = `001c 0010 ${"22".repeat(16)}`
  const xor = "0020 0008 00010000 00000000"

  it("what stands behind MESSAGE-INTEGRITY, even when it is broken inside", () => {
    assert.deepStrictEqual(tags(head(`${sha1} ${xor}`)), ["MessageIntegrity"])
    assert.deepStrictEqual(tags(head(`${sha1} 0020 0004 00000000 ${sha256} ${xor}`)), [
      "MessageIntegrity",
      "MessageIntegritySha256"
    ])
    assert.deepStrictEqual(tags(head(`${sha256} ${sha1} ${xor}`)), ["MessageIntegritySha256"])
    assert.deepStrictEqual(tags(head(`${sha256} ${sha256}`)), ["MessageIntegritySha256"])
    assert.deepStrictEqual(tags(head(`${xor} ${sha1} ${sha1}`)), ["XorMappedAddress", "MessageIntegrity"])
  })

  it("padding and reserved bits, whatever they are", () => {
    const one = (body: string) => Result.getOrThrow(decode(head(body))).attributes[0]
    assert.deepStrictEqual(one("8022 0001 61ffffff"), { _tag: "Software", value: "a" })
    assert.deepStrictEqual(one("0019 0004 11ffffff"), { _tag: "RequestedTransport", value: 17 })
    assert.deepStrictEqual(one("000c 0004 4001ffff"), { _tag: "ChannelNumber", value: 0x4001 })
    assert.deepStrictEqual(one("0027 0002 1234ffff"), { _tag: "ResponsePort", value: 0x1234 })
    assert.deepStrictEqual(one("0009 0004 fffffc14"), { _tag: "ErrorCode", value: { code: 420, reason: "" } })
    assert.deepStrictEqual(one("0003 0004 ffffffff"), { _tag: "ChangeRequest", value: { address: true, port: true } })
    assert.deepStrictEqual(one("0018 0001 ffffffff"), { _tag: "EvenPort", value: true })
    assert.deepStrictEqual(one("8022 0002 ff610000"), { _tag: "Software", value: "\ufffda" })
  })
})
