/**
 * The packets hosts, routers and firewalls answer with: TCP resets, ICMP errors, echo replies. Each returns `undefined`
 * where the protocol forbids an answer.
 */
import type { Ip } from "./Ip.ts"
import { familyOf } from "./Ip.ts"
import type { IcmpErrorKind, IcmpErrorPacket, IpPacket, Quote, TcpPacket, EchoPacket } from "./IpPacket.ts"
import { ACK, DEFAULT_TTL, echo, FIN, lengthOf, RST, SYN, tcp } from "./IpPacket.ts"

/** The reset a closed port answers `packet` with (RFC 9293 section 3.10.7.1); a reset is never answered. */
export const reset = (packet: TcpPacket): TcpPacket | undefined => {
  if (packet.flags & RST) return undefined
  const fields =
    packet.flags & ACK
      ? { flags: RST, seq: packet.ack, window: 0 }
      : { flags: RST | ACK, seq: 0, ack: (packet.seq + sequenceLength(packet)) >>> 0, window: 0 }
  return tcp(packet.dst, packet.dstPort, packet.src, packet.srcPort, fields)
}

// SYN and FIN each take a sequence number.
const sequenceLength = (packet: TcpPacket): number =>
  packet.payload.length + (packet.flags & SYN ? 1 : 0) + (packet.flags & FIN ? 1 : 0)

/** Answers an echo request; a reply is never answered. */
export const echoReply = (packet: EchoPacket): EchoPacket | undefined =>
  packet.kind === "request"
    ? echo("reply", packet.dst, packet.src, packet.id, packet.sequence, packet.payload)
    : undefined

/**
 * The ICMP error host or router `from` sends about `packet`. Errors are never about errors (RFC 1122 section 3.2.2, RFC
 * 4443 section 2.4 e). `mtu` is the next hop's, for `packetTooBig`.
 */
export const icmpError = (packet: IpPacket, kind: IcmpErrorKind, from: Ip, mtu = 0): IcmpErrorPacket | undefined =>
  packet._tag === "IcmpError"
    ? undefined
    : { _tag: "IcmpError", src: from, dst: packet.src, ttl: DEFAULT_TTL, kind, mtu, quote: quoteOf(packet) }

/**
 * The first 8 transport bytes, which is what RFC 792 asks for and all a NAT or a host needs. Checksums in it are 0: they
 * would cost a pass over the payload, and no receiver looks at them.
 */
const quoteOf = (packet: Exclude<IpPacket, IcmpErrorPacket>): Quote => {
  const body = new Uint8Array(8)
  const put16 = (at: number, value: number) => {
    body[at] = value >>> 8
    body[at + 1] = value & 0xff
  }
  const head = { src: packet.src, dst: packet.dst, ttl: packet.ttl, length: lengthOf(packet), body }
  switch (packet._tag) {
    case "Echo": {
      const request = packet.kind === "request"
      body[0] = familyOf(packet.src) === 4 ? (request ? 8 : 0) : request ? 128 : 129
      put16(4, packet.id)
      put16(6, packet.sequence)
      return { transport: request ? "EchoRequest" : "EchoReply", ...head, srcPort: packet.id, dstPort: 0 }
    }
    case "Udp":
      put16(0, packet.srcPort)
      put16(2, packet.dstPort)
      put16(4, 8 + packet.payload.length)
      return { transport: "Udp", ...head, srcPort: packet.srcPort, dstPort: packet.dstPort }
    case "Tcp":
      put16(0, packet.srcPort)
      put16(2, packet.dstPort)
      put16(4, packet.seq >>> 16)
      put16(6, packet.seq & 0xffff)
      return { transport: "Tcp", ...head, srcPort: packet.srcPort, dstPort: packet.dstPort }
  }
}
