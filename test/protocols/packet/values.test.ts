import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Ip from "../../../src/protocols/packet/Ip.ts"
import * as Packet from "../../../src/protocols/packet/IpPacket.ts"
import { echoReply, icmpError, reset } from "../../../src/protocols/packet/reply.ts"
import * as TcpOptions from "../../../src/protocols/packet/tcpOptions.ts"
import { luck } from "../../lab/support/random.ts"
import { randomIp } from "./generate.ts"

const ip = Ip.fromStringUnsafe
const a = ip("10.0.0.2")
const b = ip("198.51.100.1")

describe("Ip", () => {
  it("is one text for each address", () => {
    assert.strictEqual(ip("2001:DB8:0:0::1"), "2001:db8::1")
    assert.isTrue(Result.isFailure(Ip.fromString("10.0.0.256")))
  })

  it("survives bytes and effect/net addresses, and knows its family", () => {
    const random = luck(3)
    for (let i = 0; i < 2000; i++) {
      const family = random.chance(0.5) ? 4 : 6
      const address = randomIp(random, family)
      assert.strictEqual(Ip.familyOf(address), family, address)
      const bytes = new Uint8Array(20)
      Ip.write(address, bytes, 2)
      assert.strictEqual(Ip.read(bytes, 2, family), address)
      assert.strictEqual(Ip.fromAddress(Ip.toAddress(address)), address)
    }
  })

  it("keeps an IPv4-mapped address in IPv6", () => {
    assert.strictEqual(Ip.familyOf(ip("::ffff:10.0.0.1")), 6)
    assert.strictEqual(Ip.familyOf(Ip.fromAddress(NetAddress.ipv6Loopback)), 6)
  })
})

describe("readdressing", () => {
  const payload = Uint8Array.of(1, 2, 3)

  it("moves one end and keeps the payload itself", () => {
    const udp = Packet.udp(a, 1, b, 2, payload, 9)
    const moved = Packet.withSource(udp, b, 7, 8)
    assert.deepStrictEqual(moved, Packet.udp(b, 7, b, 2, payload, 8))
    assert.strictEqual(moved._tag === "Udp" && moved.payload, payload)
    const tcp = Packet.tcp(a, 1, b, 2, {
      flags: Packet.SYN,
      seq: 5,
      ack: 6,
      window: 7,
      options: TcpOptions.mss(1400),
      payload
    })
    const arrived = Packet.withDestination(tcp, a, 9, 63)
    assert.deepStrictEqual(arrived, { ...tcp, dst: a, dstPort: 9, ttl: 63 })
    assert.isTrue(arrived._tag === "Tcp" && arrived.payload === payload && arrived.options === tcp.options)
  })

  it("moves an echo's identifier with either end", () => {
    const ping = Packet.echo("request", a, b, 5, 1, payload, 9)
    assert.deepStrictEqual(Packet.withSource(ping, b, 6, 8), Packet.echo("request", b, b, 6, 1, payload, 8))
    assert.deepStrictEqual(Packet.withDestination(ping, a, 6, 8), Packet.echo("request", a, a, 6, 1, payload, 8))
  })
})

describe("answers", () => {
  const syn = Packet.tcp(a, 1, b, 2, { flags: Packet.SYN, seq: 0xffff_ffff })

  it("a reset acknowledges what it refuses, or takes its place from the acknowledgement", () => {
    assert.deepStrictEqual(
      reset(syn),
      Packet.tcp(b, 2, a, 1, { flags: Packet.RST | Packet.ACK, seq: 0, ack: 0, window: 0 })
    )
    const ack = Packet.tcp(a, 1, b, 2, { flags: Packet.ACK, seq: 5, ack: 77 })
    assert.deepStrictEqual(reset(ack), Packet.tcp(b, 2, a, 1, { flags: Packet.RST, seq: 77, window: 0 }))
  })

  it("nothing answers a reset, an ICMP error or an echo reply", () => {
    assert.isUndefined(reset({ ...syn, flags: Packet.RST | Packet.ACK }))
    assert.isUndefined(icmpError(icmpError(syn, "ttlExceeded", b)!, "portUnreachable", b))
    assert.isUndefined(echoReply(Packet.echo("reply", a, b, 1, 1)))
  })
})

describe("TCP options", () => {
  it("carry the segment size among others", () => {
    assert.strictEqual(TcpOptions.readMss(TcpOptions.mss(1460)), 1460)
    assert.strictEqual(TcpOptions.readMss(Uint8Array.of(1, 1, 3, 3, 7, 2, 4, 5, 0xb4)), 1460)
    assert.isUndefined(TcpOptions.readMss(Uint8Array.of(0, 2, 4, 5, 0xb4)))
  })

  it("that are damaged end the search", () => {
    for (const damaged of [[2], [2, 4, 5], [3, 0, 2, 4, 5, 0xb4], [3, 200, 2, 4]]) {
      assert.isUndefined(TcpOptions.readMss(Uint8Array.from(damaged)))
    }
  })
})

describe("format", () => {
  it("is one line for people", () => {
    const v6 = Packet.udp(ip("2001:db8::1"), 5, ip("2001:db8::2"), 6)
    assert.strictEqual(Packet.format(v6), "UDP [2001:db8::1]:5 > [2001:db8::2]:6, 0 bytes")
    const tooBig = icmpError(Packet.tcp(a, 1, b, 2, { flags: Packet.SYN }), "packetTooBig", b, 1280)!
    assert.strictEqual(
      Packet.format(tooBig),
      "ICMP 198.51.100.1 > 10.0.0.2 packetTooBig (MTU 1280) about Tcp 10.0.0.2:1 > 198.51.100.1:2"
    )
    assert.strictEqual(Packet.flagNames(Packet.SYN | Packet.ACK), "SYN,ACK")
    assert.strictEqual(Packet.flagNames(0), "no flags")
  })
})
