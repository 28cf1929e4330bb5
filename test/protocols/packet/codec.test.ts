import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Checksum from "../../../src/protocols/packet/checksum.ts"
import { decode } from "../../../src/protocols/packet/decode.ts"
import { encode } from "../../../src/protocols/packet/encode.ts"
import * as Ip from "../../../src/protocols/packet/Ip.ts"
import type { IpPacket } from "../../../src/protocols/packet/IpPacket.ts"
import * as Packet from "../../../src/protocols/packet/IpPacket.ts"
import { echoReply, icmpError, reset } from "../../../src/protocols/packet/reply.ts"
import { luck } from "../../lab/support/random.ts"
import { randomPacket } from "./generate.ts"
import { bytesOf, echoReplies, errors, resets, router } from "./goldens.ts"

const ip = Ip.fromStringUnsafe
const bytes = (packet: IpPacket): Uint8Array => Result.getOrThrow(encode(packet))
const read = (data: Uint8Array): IpPacket => Result.getOrThrow(decode(data))

const refuses = (data: Uint8Array, message: string): void => {
  const result = decode(data)
  assert.isTrue(Result.isFailure(result), "decoded")
  if (Result.isFailure(result)) assert.strictEqual(result.failure.message, message)
}

/** Writes `value` at `offset`, and makes the IPv4 header checksum right again. */
const patched = (data: Uint8Array, offset: number, ...values: ReadonlyArray<number>): Uint8Array => {
  const copy = data.slice()
  copy.set(values, offset)
  if (copy[0]! >> 4 === 4) {
    copy.set([0, 0], 10)
    const sum = Checksum.finish(Checksum.add(0, copy, 0, 20))
    copy.set([sum >> 8, sum & 0xff], 10)
  }
  return copy
}

const udp4 = bytes(Packet.udp(ip("10.0.0.2"), 5000, ip("198.51.100.1"), 4000, Uint8Array.of(1, 2, 3)))
const udp6 = bytes(Packet.udp(ip("2001:db8::2"), 5000, ip("2001:db8::1"), 4000, Uint8Array.of(1, 2, 3)))

describe("what a Linux kernel sent", () => {
  it.each(resets)("$name: is the reset we would send", ({ about, hex }) => {
    assert.strictEqual(about._tag, "Tcp")
    if (about._tag === "Tcp") assert.deepStrictEqual(read(bytesOf(hex)), reset(about))
  })

  it.each(echoReplies)("$name: is the reply we would send", ({ about, hex }) => {
    assert.strictEqual(about._tag, "Echo")
    if (about._tag === "Echo") assert.deepStrictEqual(read(bytesOf(hex)), echoReply(about))
  })

  it.each(errors)("$name: is the error we would send, quoting more", ({ about, hex, kind }) => {
    const packet = read(bytesOf(hex))
    const ours = icmpError(about, kind, router[Ip.familyOf(about.src)])
    assert.strictEqual(packet._tag, "IcmpError")
    if (packet._tag !== "IcmpError" || ours === undefined) return
    // The kernel quotes all of a short packet, checksum included.
    const whole = bytes(about)
    assert.deepStrictEqual(packet.quote.body, whole.subarray(Ip.familyOf(about.src) === 4 ? 20 : 40))
    assert.deepStrictEqual({ ...packet, quote: { ...packet.quote, body: ours.quote.body } }, ours)
  })

  it.each([...resets, ...errors, ...echoReplies])("$name: is written as it was read", ({ hex }) => {
    const packet = read(bytesOf(hex))
    assert.deepStrictEqual(read(bytes(packet)), packet)
  })

  it("is byte for byte ours where the kernel sets no identification, class or flow label", () => {
    assert.deepStrictEqual(bytes(read(bytesOf(resets[0]!.hex))), bytesOf(resets[0]!.hex))
  })
})

describe("encode and decode", () => {
  it("give back every packet", () => {
    const random = luck(1)
    const seen = new Set<string>()
    for (let i = 0; i < 5000; i++) {
      const packet = randomPacket(random)
      const data = bytes(packet)
      assert.strictEqual(data.length, Packet.lengthOf(packet))
      assert.deepStrictEqual(read(data), packet)
      seen.add(`${packet._tag}${Ip.familyOf(packet.src)}`)
    }
    assert.strictEqual(seen.size, 8)
  })

  it("give views, and look only at the packet's own bytes", () => {
    const padded = new Uint8Array([9, 9, ...udp4, 0, 0, 0, 0])
    const packet = read(padded.subarray(2))
    assert.deepStrictEqual(packet, read(udp4))
    if (packet._tag === "Udp") assert.strictEqual(packet.payload.buffer, padded.buffer)
  })

  it("never throw and never read past the end, whatever the bytes", () => {
    const random = luck(2)
    let decoded = 0
    for (let i = 0; i < 20_000; i++) {
      const data = bytes(randomPacket(random))
      const changes = 1 + random.below(3)
      for (let n = 0; n < changes; n++) data[random.below(Math.min(data.length, 64))] = random.below(256)
      // The bytes lie in the middle of others: a read outside shows as a change of the result with what lies there.
      const end = random.chance(0.5) ? data.length : random.below(data.length + 1)
      const [zeros, ones] = [0, 0xff].map((filler) => {
        const arena = new Uint8Array(data.length + 200).fill(filler)
        arena.set(data.subarray(0, end), 100)
        return decode(arena.subarray(100, 100 + end))
      })
      assert.deepStrictEqual(ones, zeros)
      if (Result.isSuccess(zeros!)) decoded += 1
    }
    assert.isAbove(decoded, 10, "some changes do no harm")
  })

  it("find every single flipped bit that a checksum covers", () => {
    for (let bit = 0; bit < udp4.length * 8; bit++) {
      const data = udp4.slice()
      data[bit >> 3]! ^= 1 << (bit & 7)
      assert.isTrue(Result.isFailure(decode(data)), `bit ${bit}`)
    }
  })

  it("take a datagram without checksum on IPv4, not on IPv6", () => {
    const packet = read(patched(udp4, 26, 0, 0))
    assert.strictEqual(packet._tag, "Udp")
    refuses(patched(udp6, 46, 0, 0), "UDP, byte 46: no checksum, which IPv6 needs")
  })

  it("send a checksum that comes out 0 as its other zero", () => {
    // The one payload word that makes the sum of this datagram ffff.
    const blank = Packet.udp(ip("10.0.0.2"), 5000, ip("10.0.0.1"), 4000, Uint8Array.of(0, 0))
    const sum = (bytes(blank)[26]! << 8) | bytes(blank)[27]!
    const data = bytes({ ...blank, payload: Uint8Array.of(sum >> 8, sum & 0xff) })
    assert.deepStrictEqual([...data.subarray(26, 28)], [0xff, 0xff])
    assert.isTrue(Result.isSuccess(decode(data)))
  })
})

describe("decode says where", () => {
  const cases: ReadonlyArray<readonly [string, Uint8Array]> = [
    ["IPv4, byte 0: no bytes", new Uint8Array(0)],
    ["IPv4, byte 0: IP version 5", Uint8Array.of(0x55, 0)],
    ["IPv4, byte 10: cut short: the header has 20 bytes", udp4.subarray(0, 10)],
    ["IPv4, byte 0: header length 16, at least 20", patched(udp4, 0, 0x44)],
    ["IPv4, byte 2: total length 19, the header alone has 20", patched(udp4, 2, 0, 19)],
    ["IPv4, byte 2: says 31 bytes, 30 are here", udp4.subarray(0, 30)],
    ["IPv4, byte 6: a fragment", patched(udp4, 6, 0x20, 0)],
    ["IPv4, byte 9: protocol 47 is not carried", patched(udp4, 9, 47)],
    ["IPv4, byte 10: header checksum does not match", new Uint8Array(udp4).fill(1, 8, 9)],
    ["UDP, byte 24: length 12 in 11 bytes", patched(udp4, 24, 0, 12)],
    ["UDP, byte 26: checksum does not match", patched(udp4, 28, 7)],
    ["IPv6, byte 20: cut short: the header has 40 bytes", udp6.subarray(0, 20)],
    ["IPv6, byte 6: protocol 0 is not carried", patched(udp6, 6, 0)],
    ["IPv6, byte 6: protocol 1 is not carried", patched(udp6, 6, 1)],
    ["TCP, byte 31: cut short: 11 bytes, 20 are needed", patched(udp4, 9, 6)]
  ]
  it.each(cases)("%s", (message, data) => refuses(data, message))

  it("inside a quoted packet too", () => {
    const error = icmpError(read(udp4), "portUnreachable", ip("198.51.100.1"))!
    const data = bytes(error)
    const withQuote = (offset: number, value: number): Uint8Array => {
      const copy = data.slice()
      copy[28 + offset] = value
      copy.set([0, 0], 22)
      const sum = Checksum.finish(Checksum.add(0, copy, 20, copy.length - 20))
      copy.set([sum >> 8, sum & 0xff], 22)
      return copy
    }
    refuses(withQuote(9, 47), "quoted packet, byte 37: protocol 47 is not carried")
    refuses(withQuote(0, 0x65), "quoted packet, byte 28: IP version 6 in 4")
    refuses(withQuote(6, 0x20), "quoted packet, byte 34: a fragment")
  })
})

describe("a quote", () => {
  it("ends where its packet does, whatever lies behind", () => {
    const data = bytes(icmpError(read(udp4), "portUnreachable", ip("198.51.100.1"))!)
    for (const kept of [0, 8, 19, 20, 27]) {
      const cut = patched(data, 2, 0, 28 + kept)
      cut.set([0, 0], 22)
      const sum = Checksum.finish(Checksum.add(0, cut, 20, 8 + kept))
      cut.set([sum >> 8, sum & 0xff], 22)
      assert.isTrue(Result.isFailure(decode(cut)), `${kept} bytes`)
    }
  })
})

describe("encode refuses", () => {
  const refusal = (packet: IpPacket): string => {
    const result = encode(packet)
    return Result.isFailure(result) ? result.failure.message : "encoded"
  }
  const tcp = Packet.tcp(ip("10.0.0.1"), 1, ip("10.0.0.2"), 2, { flags: Packet.SYN })

  it("two address families", () =>
    assert.strictEqual(
      refusal(Packet.udp(ip("10.0.0.1"), 1, ip("::1"), 2)),
      "IPv4, byte 16: from 10.0.0.1 to ::1: two address families"
    ))
  it("more than a packet holds", () =>
    assert.strictEqual(
      refusal(Packet.udp(ip("10.0.0.1"), 1, ip("10.0.0.2"), 2, new Uint8Array(65_508))),
      "IPv4, byte 2: 65536 bytes do not fit into one packet"
    ))
  it("options that are no whole words", () =>
    assert.strictEqual(
      refusal({ ...tcp, options: new Uint8Array(3) }),
      "TCP, byte 32: 3 bytes of options: 0 to 40, in steps of 4"
    ))
  it("a quote of the other family", () => {
    const error = icmpError(tcp, "ttlExceeded", ip("10.0.0.9"))!
    assert.strictEqual(
      refusal({ ...error, quote: { ...error.quote, src: ip("::1") } }),
      "quoted packet, byte 28: the quoted packet is of the other address family"
    )
  })
})

describe("checksum", () => {
  it("is RFC 1071's in its example", () => {
    const example = bytesOf("0001f203f4f5f6f7")
    assert.strictEqual(Checksum.finish(Checksum.add(0, example, 0, 8)), 0x220d)
  })
  it("counts an odd byte as the high half of a word", () =>
    assert.strictEqual(Checksum.add(0, bytesOf("010203"), 0, 3), 0x0102 + 0x0300))
})
