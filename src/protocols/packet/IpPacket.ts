/**
 * An IP packet as a value: what the simulated network carries, what a NAT rewrites, what the codec turns into real bytes.
 *
 * Every packet is atomic (RFC 6864): "don't fragment" is set and there are no fragments, IP options, IPv6 extension
 * headers or TCP urgent data. `payload` keeps its identity through every rewrite: no bytes are copied on the way. Ports,
 * sequence numbers and flags are plain integers in the range of their header field; `ttl` is IPv6's hop limit too.
 */
import * as Ip from "./Ip.ts"

interface Addressed {
  readonly src: Ip.Ip
  readonly dst: Ip.Ip
  readonly ttl: number
}

export interface UdpPacket extends Addressed {
  readonly _tag: "Udp"
  readonly srcPort: number
  readonly dstPort: number
  readonly payload: Uint8Array
}

export interface TcpPacket extends Addressed {
  readonly _tag: "Tcp"
  readonly srcPort: number
  readonly dstPort: number
  readonly seq: number
  readonly ack: number
  /** {@link FIN} | {@link SYN} | ... */
  readonly flags: number
  readonly window: number
  /** As on the wire, a multiple of four bytes, at most 40; see `tcpOptions.ts`. */
  readonly options: Uint8Array
  readonly payload: Uint8Array
}

/** ICMP or ICMPv6 echo, by the family of its addresses. */
export interface EchoPacket extends Addressed {
  readonly _tag: "Echo"
  readonly kind: "request" | "reply"
  readonly id: number
  readonly sequence: number
  readonly payload: Uint8Array
}

export type IcmpErrorKind = "portUnreachable" | "hostUnreachable" | "adminProhibited" | "ttlExceeded" | "packetTooBig"

/** An ICMP or ICMPv6 error, by the family of its addresses. */
export interface IcmpErrorPacket extends Addressed {
  readonly _tag: "IcmpError"
  readonly kind: IcmpErrorKind
  /** The next hop's MTU in bytes for `packetTooBig`, else 0. */
  readonly mtu: number
  readonly quote: Quote
}

/** The start of the packet an ICMP error is about, as the host or router that sends the error saw it. */
export interface Quote {
  readonly transport: "Udp" | "Tcp" | "EchoRequest" | "EchoReply"
  readonly src: Ip.Ip
  readonly dst: Ip.Ip
  readonly ttl: number
  /** For an echo: its identifier. */
  readonly srcPort: number
  /** For an echo: 0. */
  readonly dstPort: number
  /** The quoted packet's full length in bytes, IP header included. */
  readonly length: number
  /** What was quoted of its transport header and payload, at least 8 bytes; the ports above are the ones that count. */
  readonly body: Uint8Array
}

export type IpPacket = UdpPacket | TcpPacket | EchoPacket | IcmpErrorPacket

export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const PSH = 0x08
export const ACK = 0x10
export const URG = 0x20

/** What Linux, and most others, send with. */
export const DEFAULT_TTL = 64

const none = new Uint8Array(0)

export const udp = (
  src: Ip.Ip,
  srcPort: number,
  dst: Ip.Ip,
  dstPort: number,
  payload: Uint8Array = none,
  ttl: number = DEFAULT_TTL
): UdpPacket => ({ _tag: "Udp", src, dst, ttl, srcPort, dstPort, payload })

export interface TcpFields {
  readonly flags: number
  readonly seq?: number | undefined
  readonly ack?: number | undefined
  readonly window?: number | undefined
  readonly options?: Uint8Array | undefined
  readonly payload?: Uint8Array | undefined
  readonly ttl?: number | undefined
}

export const tcp = (src: Ip.Ip, srcPort: number, dst: Ip.Ip, dstPort: number, fields: TcpFields): TcpPacket => ({
  _tag: "Tcp",
  src,
  dst,
  ttl: fields.ttl ?? DEFAULT_TTL,
  srcPort,
  dstPort,
  seq: fields.seq ?? 0,
  ack: fields.ack ?? 0,
  flags: fields.flags,
  window: fields.window ?? 0xffff,
  options: fields.options ?? none,
  payload: fields.payload ?? none
})

export const echo = (
  kind: EchoPacket["kind"],
  src: Ip.Ip,
  dst: Ip.Ip,
  id: number,
  sequence: number,
  payload: Uint8Array = none,
  ttl: number = DEFAULT_TTL
): EchoPacket => ({ _tag: "Echo", src, dst, ttl, kind, id, sequence, payload })

/** A packet with endpoints of its own; an ICMP error has those of the packet it quotes. */
export type Endpointed = UdpPacket | TcpPacket | EchoPacket

/** The same packet from another source endpoint (of an echo: source address and identifier). */
export const withSource = (packet: Endpointed, src: Ip.Ip, srcPort: number, ttl: number): Endpointed =>
  packet._tag === "Echo"
    ? withIdentifier(packet, src, packet.dst, srcPort, ttl)
    : readdress(packet, src, srcPort, packet.dst, packet.dstPort, ttl)

/** The same packet to another destination endpoint (of an echo: destination address and identifier). */
export const withDestination = (packet: Endpointed, dst: Ip.Ip, dstPort: number, ttl: number): Endpointed =>
  packet._tag === "Echo"
    ? withIdentifier(packet, packet.src, dst, dstPort, ttl)
    : readdress(packet, packet.src, packet.srcPort, dst, dstPort, ttl)

const withIdentifier = (packet: EchoPacket, src: Ip.Ip, dst: Ip.Ip, id: number, ttl: number): EchoPacket =>
  echo(packet.kind, src, dst, id, packet.sequence, packet.payload, ttl)

// Field by field: a spread takes two to three times as long, on every packet forwarded.
const readdress = (
  packet: UdpPacket | TcpPacket,
  src: Ip.Ip,
  srcPort: number,
  dst: Ip.Ip,
  dstPort: number,
  ttl: number
): UdpPacket | TcpPacket =>
  packet._tag === "Udp"
    ? { _tag: "Udp", src, dst, ttl, srcPort, dstPort, payload: packet.payload }
    : {
        _tag: "Tcp",
        src,
        dst,
        ttl,
        srcPort,
        dstPort,
        seq: packet.seq,
        ack: packet.ack,
        flags: packet.flags,
        window: packet.window,
        options: packet.options,
        payload: packet.payload
      }

/** Bytes on the wire, IP header included: what an MTU or a bandwidth is compared with. */
export const lengthOf = (packet: IpPacket): number => {
  const ip = Ip.familyOf(packet.src) === 4 ? 20 : 40
  switch (packet._tag) {
    case "Udp":
      return ip + 8 + packet.payload.length
    case "Tcp":
      return ip + 20 + packet.options.length + packet.payload.length
    case "Echo":
      return ip + 8 + packet.payload.length
    case "IcmpError":
      return ip + 8 + ip + packet.quote.body.length
  }
}

/** `SYN,ACK` */
export const flagNames = (flags: number): string => {
  const names: Array<string> = []
  if (flags & SYN) names.push("SYN")
  if (flags & FIN) names.push("FIN")
  if (flags & RST) names.push("RST")
  if (flags & PSH) names.push("PSH")
  if (flags & ACK) names.push("ACK")
  if (flags & URG) names.push("URG")
  return names.length === 0 ? "no flags" : names.join(",")
}

/** `203.0.113.10:5000`, `[2001:db8::1]:5000` */
export const formatEndpoint = (ip: Ip.Ip, port: number): string =>
  Ip.familyOf(ip) === 4 ? `${ip}:${port}` : `[${ip}]:${port}`

/** One line for people: `UDP 10.0.0.2:5000 > 203.0.113.10:3478, 20 bytes`. */
export const format = (packet: IpPacket): string => {
  switch (packet._tag) {
    case "Udp":
      return `UDP ${ports(packet)}, ${packet.payload.length} bytes`
    case "Tcp":
      return `TCP ${ports(packet)} ${flagNames(packet.flags)} seq ${packet.seq} ack ${packet.ack}, ${packet.payload.length} bytes`
    case "Echo":
      return `ICMP ${packet.src} > ${packet.dst} echo ${packet.kind} id ${packet.id} seq ${packet.sequence}`
    case "IcmpError": {
      const mtu = packet.kind === "packetTooBig" ? ` (MTU ${packet.mtu})` : ""
      return `ICMP ${packet.src} > ${packet.dst} ${packet.kind}${mtu} about ${packet.quote.transport} ${ports(packet.quote)}`
    }
  }
}

const ports = (from: UdpPacket | TcpPacket | Quote): string =>
  `${formatEndpoint(from.src, from.srcPort)} > ${formatEndpoint(from.dst, from.dstPort)}`
