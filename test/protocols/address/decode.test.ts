/** What is no address, and why; what a newer version may add; and for how long an address is good. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { CLOCK_TOLERANCE, decode, MAX_LIFETIME, toSign } from "../../../src/protocols/address/PeerAddress.ts"
import { realistic, twoInterfaces } from "./examples.ts"
import * as Kit from "./kit.ts"

const byte = (value: number): string => value.toString(16).padStart(2, "0")

/** Version, length, key, sequence, an expiry of the year 2030, then these fields; signed by whom it names. */
const made = (fields: string, head = "01", sequence = "01", expires = "71000000"): Uint8Array => {
  const key = Kit.toHex(Kit.primitives.ed25519PublicKey(Kit.ALICE))
  const bytes = Kit.hex(`${head} 0000 ${key} ${sequence} ${expires} ${fields}`)
  bytes.set([(bytes.length + 64) >> 8, bytes.length + 64], 1)
  return Kit.signBytes(bytes)
}

const field = (type: number, value: string): string => {
  const { length } = Kit.hex(value)
  return `${byte(type)} ${length < 128 ? byte(length) : byte((length & 127) | 128) + byte(length >> 7)} ${value}`
}
const one = (value: string): Uint8Array => made(field(1, value))
const broker = (uri: string): string => field(2, Kit.toHex(Buffer.from(uri, "latin1")))
const salt = "0011223344556677"
const endpoints = (count: number): string =>
  Array.from({ length: count }, (_, n) => (n === 0 ? "08 01020304 0001" : `00 00${byte(n + 1)}`)).join(" ")

const malformed: Record<string, Uint8Array> = {
  "peer address, byte 0: no version is 0": made("", "00"),
  "peer address, byte 1: says 104 bytes, 105 are here": Uint8Array.from([...made(""), 0]),
  "peer address, byte 1: 103 bytes: at least 104": Kit.hex(`010067 ${"00".repeat(100)}`),

  "peer address, byte 35, header: a number has more bytes than it needs": made("", "01", "8100"),
  "peer address, byte 35, header: a number above 2^53 - 1": made("", "01", "ffffffffffffff1f"),
  "peer address, byte 35, header: a number of more than 8 bytes": made("", "01", "ffffffffffffffff01"),
  "peer address, byte 38, header: bytes needed: 4, left: 2": made("", "01", "818201", "7100"),

  "peer address, byte 41, field 1: bytes needed: 1, left: 0": made("01"),
  "peer address, byte 42, field 1: bytes needed: 3, left: 1": made("01 03 00"),
  "peer address, byte 41, field 1: a number has more bytes than it needs": made("01 8000"),
  "peer address, byte 50, field 1: behind field 3": made(field(3, salt) + field(1, "00")),
  "peer address, byte 42, field 2: behind field 128": made("80 00 02 00"),
  "peer address, byte 43, field 128: behind field 129": made("81 01 00 80 00"),
  "peer address, byte 51, field 129: bytes needed: 2, left: 1": made(`80 07 ${"00".repeat(7)} 81 02 00`),

  "peer address, byte 42, interface 1: bytes needed: 1, left: 0": one(""),
  "peer address, byte 42, interface 1: a bit that must be 0 is 1": one("10"),
  "peer address, byte 43, interface 1: bytes needed: 6, left: 5": one("80 0102030405"),
  "peer address, byte 43, interface 1: bytes needed: 2, left: 1": one("08 20"),
  "peer address, byte 43, interface 1: no delta has the number 6": one("08 0180"),
  "peer address, byte 43, interface 1: no hairpin has the number 3": one("08 000c"),
  "peer address, byte 45, interface 1: bytes needed: 2, left: 1": one("08 2002 00"),
  "peer address, interface 1, NAT of IPv4 udp: no port range: 2 to 1": one("08 2002 0002 0001"),
  "peer address, interface 1, NAT of IPv6 tcp: a step of -65536 between ports": one("01 2080 ffff07"),
  "peer address, byte 43, interface 1: no candidate has the kind 3": one("00 c8 01020304 0050"),
  "peer address, byte 44, interface 1: bytes needed: 4, left: 3": one("00 08 010203"),
  "peer address, byte 48, interface 1: bytes needed: 2, left: 1": one("00 08 01020304 00"),
  "peer address, byte 44, interface 1: no address stands before the first": one("00 00 0050"),
  "peer address, byte 44, interface 1: no IPv6 address stands before this one": one(`00 18 ${"01".repeat(8)} 0050`),
  "peer address, byte 43, interface 1: names port 1 of 0": one("00 09 01020304"),
  "peer address, byte 95, interface 1: more than 16 candidates": one(`00 ${endpoints(17)}`),
  "peer address, interface 1, candidate 1.2.3.4:0: port 0": one("00 08 01020304 0000"),
  "peer address, interface 1, candidate 0.0.0.0:80: the unspecified address": one("00 08 00000000 0050"),
  "peer address, interface 1, candidate 0.1.2.3:80: an address in 0.0.0.0/8": one("00 08 00010203 0050"),
  "peer address, interface 1, candidate 224.0.0.1:80: a multicast address": one("00 08 e0000001 0050"),
  "peer address, interface 1, candidate 255.255.255.255:80: the broadcast address": one("00 08 ffffffff 0050"),
  "peer address, interface 1, candidate [::]:80: the unspecified address": one(`00 10 ${"00".repeat(16)} 0050`),
  "peer address, interface 1, candidate [ff02::1]:80: a multicast address": one(`00 10 ff02${"00".repeat(13)}01 0050`),
  "peer address, interface 1, candidate [::ffff:1.2.3.4]:80: an IPv4 address written as IPv6": one(
    `00 10 ${"00".repeat(10)}ffff01020304 0050`
  ),
  "peer address, byte 122, interface 9: at most 8": made(
    Array.from({ length: 9 }, (_, n) => field(1, `00 08 01020304 00${byte(n + 1)}`)).join("")
  ),

  "peer address, byte 43, broker 1: a broker of 201 letters: at most 200": made(broker("a".repeat(201))),
  "peer address, byte 194, broker 9: at most 8": made(
    Array.from({ length: 9 }, (_, n) => broker(`mqtt://a${n}.example`)).join("")
  ),
  "peer address, broker 1: a broker begins with mqtt://, mqtts://, ws:// or wss://": made(broker("http://a.example")),
  "peer address, broker 2: to be written as ws://xn--caf-dma.example": made(
    broker("ws://a.example") + broker("ws://caf\xe9.example")
  ),
  "peer address, broker 1: a user name, password or query would be public: leave it out": made(
    broker("mqtt://me:pw@a.example")
  ),
  "peer address, broker 2: a user name, password or query would be public: leave it out": made(
    broker("ws://a.example") + broker("ws://a.example/reboot?x=1")
  ),
  "peer address, broker 1: its host or port makes no sense": made(broker("mqtt://a.example:65536")),
  "peer address, broker 1: mqtt:// has no path": made(broker("mqtt://a.example/path")),
  // One broker, and to who does not see it, six.
  ...Object.fromEntries(
    ["MQTT://h", "mqtt://H", "mqtt://h:", "mqtt://h:1883", "mqtt://h:01883", "mqtt://h/"].map((uri, index) => [
      `peer address, broker ${index + 1}: to be written as mqtt://h`,
      made(Array.from({ length: index }, (_, n) => broker(`mqtt://a${n}.example`)).join("") + broker(uri))
    ])
  ),

  "peer address, byte 42, locality: bytes needed: 8, left: 7": made(field(3, "00112233445566")),
  "peer address, byte 50, locality: bytes needed: 6, left: 1": made(field(3, `${salt}00`)),
  "peer address, byte 56, locality: bytes left over: 1": made(field(3, `${salt}010203040506 00`)),
  "peer address, byte 52, locality: there is one before": made(field(3, salt) + field(3, salt)),
  "peer address, locality: network tags mean nothing without the salt they were made with": one("80 010203040506")
}

/** Each says what an address says, and not in the one way. */
const otherwise: Record<string, readonly [string, number]> = {
  "an interface that says nothing": [field(1, "00"), 40],
  "an interface twice": [field(1, "00 08 01020304 0050") + field(1, "00 08 01020304 0050"), 50],
  "a brief that says nothing": [field(1, "08 0000"), 40],
  "a broker twice": [broker("ws://a.example") + broker("ws://a.example"), 56],
  "a candidate twice": [field(1, "00 08 01020304 0050 01"), 41],
  "an address that is the same as before": [field(1, "00 08 01020304 0050 29 01020304"), 41],
  "an IPv6 network that is the same as before": [field(1, `00 10 ${"20".repeat(16)} 0050 11 ${"20".repeat(15)}21`), 41],
  "a port that was written before": [field(1, "00 08 01020304 0050 20 0050"), 41],
  "a later name of a port": [field(1, "00 08 01020304 0050 20 0051 40 0050 63"), 41],
  "candidates out of order": [field(1, "00 28 01020304 0050 01"), 43],
  "addresses out of order": [field(1, "00 08 01020305 0050 09 01020304"), 47]
}

describe("decode", () => {
  it.each(Object.entries(malformed))("refuses: %s", (message, bytes) => {
    const result = decode(bytes, Kit.options)
    assert.strictEqual(Kit.messageOf(result), message)
    if (Result.isFailure(result)) assert.strictEqual(result.failure.kind, "Malformed")
  })

  it.each(Object.entries(otherwise))("refuses %s", (_, [fields, at]) => {
    assert.strictEqual(
      Kit.messageOf(decode(made(fields), Kit.options)),
      `peer address, byte ${at}: not the one way to write this address`
    )
  })

  it("refuses what is too large, before it looks at it", () => {
    assert.strictEqual(
      Kit.messageOf(decode(new Uint8Array(2049), Kit.options)),
      "peer address: 2049 bytes: at most 2048"
    )
  })

  it("refuses what another peer signed, or for another purpose", () => {
    const message = Result.getOrThrow(toSign(realistic))
    const expected = "peer address, signature: not made by the peer it names: ask that peer itself for its address"
    assert.strictEqual(Kit.messageOf(decode(Kit.signBytes(message, Kit.seedOf(2)), Kit.options)), expected)
    const plain = Uint8Array.from([...message, ...Kit.primitives.ed25519Sign(Kit.ALICE, message)])
    assert.strictEqual(Kit.messageOf(decode(plain, Kit.options)), expected)
  })

  it("passes over what a newer version may add, and keeps it in the bytes", () => {
    const added = Kit.hex("80 00  c0 03 010203  c0 03 010203  ff 01 00")
    const bytes = Kit.signBytes(Result.getOrThrow(toSign(twoInterfaces, added)))
    const read = Result.getOrThrow(decode(bytes, Kit.options))
    assert.deepStrictEqual(read.address, Kit.signWith(Kit.ALICE, twoInterfaces).address)
    assert.deepStrictEqual(read.bytes, bytes)
    // It is signed like the rest.
    bytes[bytes.length - 65]! ^= 1
    const result = decode(bytes, Kit.options)
    assert.strictEqual(Result.isFailure(result) ? result.failure.kind : "", "Forged")
  })

  it("refuses what a newer version says must be understood", () => {
    const newer: Record<string, Uint8Array> = {
      "peer address, byte 0: version 2, this program reads 1: update it": made("", "02"),
      "peer address, byte 40: field 4 must be understood, and is not: update this program": made("04 00"),
      "peer address, byte 40: field 127 must be understood, and is not: update this program": made("7f 00 80 00"),
      "peer address, byte 40: field 0 must be understood, and is not: update this program": made("00 00")
    }
    for (const [message, bytes] of Object.entries(newer)) {
      const result = decode(bytes, Kit.options)
      assert.strictEqual(Kit.messageOf(result), message)
      if (Result.isFailure(result)) assert.strictEqual(result.failure.kind, "Newer")
    }
  })
})

describe("an address expires", () => {
  const { expires } = realistic
  const { bytes } = Kit.signWith(Kit.ALICE, realistic)
  const at = (now: number, tolerance?: number): string =>
    Kit.messageOf(decode(bytes, { primitives: Kit.primitives, now, tolerance }))
  const after = (ago: string): string =>
    `peer address: expired ${ago} ago by the clock of this machine: ask for a new one`

  it("an hour after its time, as the reader's clock may be fast", () => {
    assert.strictEqual(CLOCK_TOLERANCE, 3_600_000)
    assert.strictEqual(at(expires + 3_599_999), "no error")
    assert.strictEqual(at(expires + 3_600_000), after("60 minutes"))
    // A reader whose clock is an hour slow.
    assert.strictEqual(at(expires - 3_600_000), "no error")
  })

  it("in 31 days at the latest: a clock that was once years ahead makes no address for years", () => {
    const most = expires - MAX_LIFETIME - CLOCK_TOLERANCE
    assert.strictEqual(at(most), "no error")
    const expected =
      "expires in 31 days by the clock of this machine, 31 days are the most: one of the two clocks is wrong"
    assert.strictEqual(at(most - 1), `peer address: ${expected}`)
    const result = decode(bytes, { ...Kit.options, now: 0 })
    assert.strictEqual(Result.isFailure(result) ? result.failure.kind : "", "TooLong")
    assert.include(at(expires - MAX_LIFETIME, 0), "no error")
    assert.include(at(expires - MAX_LIFETIME - 1, 0), "expires in 31 days")
  })

  it("at its time, where no clock is wrong", () => {
    assert.strictEqual(at(expires - 1, 0), "no error")
    assert.strictEqual(at(expires, 0), after("0 seconds"))
    assert.strictEqual(at(expires + 1999, 0), after("1 second"))
    assert.strictEqual(at(expires + 3 * 60_000, 0), after("3 minutes"))
    assert.strictEqual(at(expires + 47.9 * 3_600_000), after("47 hours"))
    assert.strictEqual(at(expires + 30 * 86_400_000), after("30 days"))
    assert.notStrictEqual(at(Number.NaN), "no error")
  })

  it("for peers whose clocks are an hour apart as for others", () => {
    // One that is good for ten minutes, and a reader whose clock is an hour fast, at the first and at the last moment.
    const [signed, good] = [Kit.NOW, 600_000]
    const short = Kit.signWith(Kit.ALICE, Kit.address({ expires: signed + good })).bytes
    const read = (elapsed: number, skew: number): string =>
      Kit.messageOf(decode(short, { primitives: Kit.primitives, now: signed + elapsed + skew }))
    for (const elapsed of [0, good - 1]) {
      assert.deepStrictEqual([read(elapsed, 3_600_000), read(elapsed, -3_600_000)], ["no error", "no error"])
    }
    // Two hours later nobody takes it.
    assert.deepStrictEqual(
      [3_600_000, 0, -3_600_000].map((skew) => read(good + 7_200_000, skew)),
      ["3 hours", "2 hours", "60 minutes"].map(after)
    )
  })
})
