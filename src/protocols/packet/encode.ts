/**
 * A packet as the bytes of an IP packet, checksums included: for a capture file, or for the kernel.
 *
 *   IPv4 (RFC 791)                          IPv6 (RFC 8200)
 *    0 version 4, header length 5            0 version 6, class, flow label
 *    2 total length                          4 payload length
 *    4 identification 0, DF, offset 0        6 next header, hop limit
 *    8 ttl, protocol, header checksum        8 source (16 bytes)
 *   12 source, 16 destination               24 destination (16 bytes)
 *
 * Identification is 0 and "don't fragment" is set: the packets are atomic (RFC 6864 section 4).
 */
import * as Result from "effect/Result"
import * as Checksum from "./checksum.ts"
import type { Family, Ip } from "./Ip.ts"
import { familyOf, widthOf, write } from "./Ip.ts"
import type { IcmpErrorPacket, IpPacket, Quote, TcpPacket } from "./IpPacket.ts"
import { lengthOf } from "./IpPacket.ts"
import * as Numbers from "./numbers.ts"
import { PacketError } from "./PacketError.ts"

/** Fails when the addresses are of two families, or the packet is longer than its headers can say. */
export const encode = (packet: IpPacket): Result.Result<Uint8Array, PacketError> => {
  const family = familyOf(packet.src)
  const layer = family === 4 ? "IPv4" : "IPv6"
  if (familyOf(packet.dst) !== family) {
    return fail(layer, family === 4 ? 16 : 24, `from ${packet.src} to ${packet.dst}: two address families`)
  }
  const length = lengthOf(packet)
  if (length > 0xffff) return fail(layer, family === 4 ? 2 : 4, `${length} bytes do not fit into one packet`)
  if (packet._tag === "Tcp" && (packet.options.length > 40 || packet.options.length % 4 !== 0)) {
    return fail("TCP", headerBytes(family) + 12, `${packet.options.length} bytes of options: 0 to 40, in steps of 4`)
  }
  if (packet._tag === "IcmpError" && (familyOf(packet.quote.src) !== family || familyOf(packet.quote.dst) !== family)) {
    return fail("quoted packet", headerBytes(family) + 8, "the quoted packet is of the other address family")
  }
  if (packet._tag === "IcmpError" && packet.quote.body.length < 8) {
    return fail("quoted packet", 2 * headerBytes(family) + 8, `${packet.quote.body.length} bytes quoted, 8 are needed`)
  }
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  const at = headerBytes(family)
  writeHeader(view, 0, family, protocolOf(packet, family), length, packet.ttl, packet.src, packet.dst)
  switch (packet._tag) {
    case "Udp":
      view.setUint16(at, packet.srcPort)
      view.setUint16(at + 2, packet.dstPort)
      view.setUint16(at + 4, length - at)
      bytes.set(packet.payload, at + 8)
      break
    case "Tcp":
      writeTcp(view, at, packet)
      break
    case "Echo":
      bytes[at] = (packet.kind === "request" ? Numbers.ECHO_REQUEST : Numbers.ECHO_REPLY)[family]
      view.setUint16(at + 4, packet.id)
      view.setUint16(at + 6, packet.sequence)
      bytes.set(packet.payload, at + 8)
      break
    case "IcmpError":
      writeIcmpError(view, at, packet, family)
      break
  }
  writeChecksum(view, at, packet, family)
  return Result.succeed(bytes)
}

const fail = (layer: PacketError["layer"], offset: number, problem: string): Result.Result<never, PacketError> =>
  Result.fail(new PacketError({ layer, offset, problem }))

const headerBytes = (family: Family): 20 | 40 => (family === 4 ? 20 : 40)

const protocolOf = (packet: IpPacket, family: Family): number =>
  packet._tag === "Udp" ? Numbers.UDP : packet._tag === "Tcp" ? Numbers.TCP : Numbers.icmpProtocol(family)

const writeHeader = (
  view: DataView,
  at: number,
  family: Family,
  protocol: number,
  length: number,
  ttl: number,
  src: Ip,
  dst: Ip
): void => {
  const bytes = new Uint8Array(view.buffer)
  if (family === 4) {
    bytes[at] = 0x45
    view.setUint16(at + 2, length)
    view.setUint16(at + 6, 0x4000)
    bytes[at + 8] = ttl
    bytes[at + 9] = protocol
    write(src, bytes, at + 12)
    write(dst, bytes, at + 16)
    view.setUint16(at + 10, Checksum.finish(Checksum.add(0, bytes, at, 20)))
  } else {
    bytes[at] = 0x60
    view.setUint16(at + 4, length - 40)
    bytes[at + 6] = protocol
    bytes[at + 7] = ttl
    write(src, bytes, at + 8)
    write(dst, bytes, at + 24)
  }
}

const writeTcp = (view: DataView, at: number, packet: TcpPacket): void => {
  view.setUint16(at, packet.srcPort)
  view.setUint16(at + 2, packet.dstPort)
  view.setUint32(at + 4, packet.seq)
  view.setUint32(at + 8, packet.ack)
  view.setUint8(at + 12, (5 + packet.options.length / 4) << 4)
  view.setUint8(at + 13, packet.flags)
  view.setUint16(at + 14, packet.window)
  const bytes = new Uint8Array(view.buffer)
  bytes.set(packet.options, at + 20)
  bytes.set(packet.payload, at + 20 + packet.options.length)
}

const writeIcmpError = (view: DataView, at: number, packet: IcmpErrorPacket, family: Family): void => {
  const [type, code] = Numbers.ERROR_TYPES[family][packet.kind]
  view.setUint8(at, type)
  view.setUint8(at + 1, code)
  // RFC 1191 section 4 has 16 bits for the MTU, RFC 4443 section 3.2 has 32.
  if (packet.kind === "packetTooBig") {
    if (family === 4) view.setUint16(at + 6, packet.mtu)
    else view.setUint32(at + 4, packet.mtu)
  }
  const quote = packet.quote
  const inner = at + 8
  writeHeader(view, inner, family, quotedProtocol(quote, family), quote.length, quote.ttl, quote.src, quote.dst)
  const body = inner + headerBytes(family)
  new Uint8Array(view.buffer).set(quote.body, body)
  if (quote.transport === "EchoRequest" || quote.transport === "EchoReply") {
    view.setUint16(body + 4, quote.srcPort)
  } else {
    view.setUint16(body, quote.srcPort)
    view.setUint16(body + 2, quote.dstPort)
  }
}

const quotedProtocol = (quote: Quote, family: Family): number =>
  quote.transport === "Udp" ? Numbers.UDP : quote.transport === "Tcp" ? Numbers.TCP : Numbers.icmpProtocol(family)

const CHECKSUM_AT = { Udp: 6, Tcp: 16, Echo: 2, IcmpError: 2 } as const

const writeChecksum = (view: DataView, at: number, packet: IpPacket, family: Family): void => {
  const bytes = new Uint8Array(view.buffer)
  const length = bytes.length - at
  // ICMP for IPv4 alone has no pseudo-header.
  const plain = family === 4 && (packet._tag === "Echo" || packet._tag === "IcmpError")
  const start = plain
    ? 0
    : Checksum.pseudoHeader(bytes, family === 4 ? 12 : 8, widthOf(family), protocolOf(packet, family), length)
  const sum = Checksum.finish(Checksum.add(start, bytes, at, length))
  // A UDP checksum that comes out 0 is sent as its other zero; 0 means "none" (RFC 768).
  view.setUint16(at + CHECKSUM_AT[packet._tag], sum === 0 && packet._tag === "Udp" ? 0xffff : sum)
}
