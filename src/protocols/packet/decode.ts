/**
 * The bytes of an IP packet, read as a value. Untrusted bytes: never throws, never reads past the end, checks every
 * checksum, and names the place of the first thing wrong.
 *
 * Not carried, and refused with a reason: fragments, IPv6 extension headers, protocols other than UDP, TCP and ICMP, and
 * ICMP other than echo and the errors of `IpPacket`. Lost in reading: traffic class, identification, IPv4 options, the
 * TCP urgent pointer. Bytes beyond the packet's own length (link padding) are ignored.
 */
import * as Result from "effect/Result"
import * as Checksum from "./checksum.ts"
import type { Family, Ip } from "./Ip.ts"
import { read, widthOf } from "./Ip.ts"
import type { IpPacket, Quote } from "./IpPacket.ts"
import * as Numbers from "./numbers.ts"
import type { Layer } from "./PacketError.ts"
import { PacketError } from "./PacketError.ts"

/** The payload, options and quote of the result are views into `bytes`: copy first when those are reused. */
export const decode = (bytes: Uint8Array): Result.Result<IpPacket, PacketError> => {
  try {
    return Result.succeed(readPacket(bytes))
  } catch (error) {
    if (error instanceof PacketError) return Result.fail(error)
    throw error
  }
}

// Inside this file a failure travels as an exception: it may come up four calls deep, and only `decode` meets it.
const refuse = (layer: Layer, offset: number, problem: string): never => {
  throw new PacketError({ layer, offset, problem })
}

interface Header {
  readonly family: Family
  readonly layer: Layer
  readonly protocol: number
  /** Where the transport header starts. */
  readonly at: number
  /** Where the packet says it ends; past the end of the bytes in a quote. */
  readonly end: number
  readonly ttl: number
  readonly src: Ip
  readonly dst: Ip
}

const readPacket = (bytes: Uint8Array): IpPacket => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = readHeader(view, bytes, 0, undefined)
  if (header.end > bytes.length) {
    refuse(header.layer, header.family === 4 ? 2 : 4, `says ${header.end} bytes, ${bytes.length} are here`)
  }
  switch (header.protocol) {
    case Numbers.UDP:
      return readUdp(view, bytes, header)
    case Numbers.TCP:
      return readTcp(view, bytes, header)
    default:
      return readIcmp(view, bytes, header)
  }
}

const readHeader = (view: DataView, bytes: Uint8Array, at: number, quotedIn: Family | undefined): Header => {
  if (bytes.length <= at) refuse(quotedIn === undefined ? "IPv4" : "quoted packet", at, "no bytes")
  const version = bytes[at]! >> 4
  if (version !== 4 && version !== 6)
    refuse(quotedIn === undefined ? "IPv4" : "quoted packet", at, `IP version ${version}`)
  if (quotedIn !== undefined && version !== quotedIn)
    refuse("quoted packet", at, `IP version ${version} in ${quotedIn}`)
  const header =
    version === 4
      ? readIpv4(view, bytes, at, quotedIn !== undefined)
      : readIpv6(view, bytes, at, quotedIn !== undefined)
  const { family, layer, protocol } = header
  if (protocol !== Numbers.UDP && protocol !== Numbers.TCP && protocol !== Numbers.icmpProtocol(family)) {
    refuse(layer, at + (family === 4 ? 9 : 6), `protocol ${protocol} is not carried`)
  }
  return header
}

const readIpv4 = (view: DataView, bytes: Uint8Array, at: number, quoted: boolean): Header => {
  const layer: Layer = quoted ? "quoted packet" : "IPv4"
  const headerLength = (bytes[at]! & 0x0f) * 4
  if (headerLength < 20) refuse(layer, at, `header length ${headerLength}, at least 20`)
  if (bytes.length < at + headerLength) refuse(layer, bytes.length, `cut short: the header has ${headerLength} bytes`)
  const length = view.getUint16(at + 2)
  if (length < headerLength) refuse(layer, at + 2, `total length ${length}, the header alone has ${headerLength}`)
  const fragment = view.getUint16(at + 6)
  if ((fragment & 0x3fff) !== 0) refuse(layer, at + 6, "a fragment")
  // A quoted header's checksum is not looked at: routers on the way have changed its ttl.
  if (!quoted && Checksum.finish(Checksum.add(0, bytes, at, headerLength)) !== 0) {
    refuse(layer, at + 10, "header checksum does not match")
  }
  return {
    family: 4,
    layer,
    protocol: bytes[at + 9]!,
    at: at + headerLength,
    end: at + length,
    ttl: bytes[at + 8]!,
    src: read(bytes, at + 12, 4),
    dst: read(bytes, at + 16, 4)
  }
}

const readIpv6 = (view: DataView, bytes: Uint8Array, at: number, quoted: boolean): Header => {
  const layer: Layer = quoted ? "quoted packet" : "IPv6"
  if (bytes.length < at + 40) refuse(layer, bytes.length, "cut short: the header has 40 bytes")
  return {
    family: 6,
    layer,
    protocol: bytes[at + 6]!,
    at: at + 40,
    end: at + 40 + view.getUint16(at + 4),
    ttl: bytes[at + 7]!,
    src: read(bytes, at + 8, 6),
    dst: read(bytes, at + 24, 6)
  }
}

const readUdp = (view: DataView, bytes: Uint8Array, header: Header): IpPacket => {
  const { at } = header
  need(header, "UDP", 8)
  const length = view.getUint16(at + 4)
  if (length < 8 || at + length > header.end) refuse("UDP", at + 4, `length ${length} in ${header.end - at} bytes`)
  const checksum = view.getUint16(at + 6)
  if (checksum === 0 && header.family === 6) refuse("UDP", at + 6, "no checksum, which IPv6 needs")
  if (checksum !== 0) check(bytes, header, "UDP", at + 6, length)
  return {
    _tag: "Udp",
    src: header.src,
    dst: header.dst,
    ttl: header.ttl,
    srcPort: view.getUint16(at),
    dstPort: view.getUint16(at + 2),
    payload: bytes.subarray(at + 8, at + length)
  }
}

const readTcp = (view: DataView, bytes: Uint8Array, header: Header): IpPacket => {
  const { at } = header
  need(header, "TCP", 20)
  const headerLength = (bytes[at + 12]! >> 4) * 4
  if (headerLength < 20) refuse("TCP", at + 12, `header length ${headerLength}, at least 20`)
  need(header, "TCP", headerLength)
  check(bytes, header, "TCP", at + 16, header.end - at)
  return {
    _tag: "Tcp",
    src: header.src,
    dst: header.dst,
    ttl: header.ttl,
    srcPort: view.getUint16(at),
    dstPort: view.getUint16(at + 2),
    seq: view.getUint32(at + 4),
    ack: view.getUint32(at + 8),
    flags: bytes[at + 13]!,
    window: view.getUint16(at + 14),
    options: bytes.subarray(at + 20, at + headerLength),
    payload: bytes.subarray(at + headerLength, header.end)
  }
}

const readIcmp = (view: DataView, bytes: Uint8Array, header: Header): IpPacket => {
  const { at, family, src, dst, ttl } = header
  const layer: Layer = family === 4 ? "ICMP" : "ICMPv6"
  need(header, layer, 8)
  check(bytes, header, layer, at + 2, header.end - at)
  const type = bytes[at]!
  const code = bytes[at + 1]!
  if ((type === Numbers.ECHO_REQUEST[family] || type === Numbers.ECHO_REPLY[family]) && code === 0) {
    return {
      _tag: "Echo",
      src,
      dst,
      ttl,
      kind: type === Numbers.ECHO_REQUEST[family] ? "request" : "reply",
      id: view.getUint16(at + 4),
      sequence: view.getUint16(at + 6),
      payload: bytes.subarray(at + 8, header.end)
    }
  }
  const kind = Numbers.errorKind(family, type, code)
  if (kind === undefined) return refuse(layer, at, `type ${type} code ${code} is not carried`)
  const mtu = kind !== "packetTooBig" ? 0 : family === 4 ? view.getUint16(at + 6) : view.getUint32(at + 4)
  return { _tag: "IcmpError", src, dst, ttl, kind, mtu, quote: readQuote(view, bytes, header) }
}

const readQuote = (view: DataView, bytes: Uint8Array, outer: Header): Quote => {
  const start = outer.at + 8
  const quoted = bytes.subarray(0, outer.end)
  const header = readHeader(view, quoted, start, outer.family)
  const { at } = header
  const end = Math.min(header.end, outer.end)
  if (end - at < 8) refuse("quoted packet", outer.end, `${Math.max(0, end - at)} transport bytes quoted, 8 are needed`)
  const fields = {
    src: header.src,
    dst: header.dst,
    ttl: header.ttl,
    length: header.end - start,
    body: bytes.subarray(at, end)
  }
  if (header.protocol === Numbers.icmpProtocol(header.family)) {
    const type = bytes[at]!
    const request = type === Numbers.ECHO_REQUEST[header.family]
    if (!request && type !== Numbers.ECHO_REPLY[header.family]) {
      refuse("quoted packet", at, `an error about ICMP type ${type}`)
    }
    const transport = request ? "EchoRequest" : "EchoReply"
    return { transport, ...fields, srcPort: view.getUint16(at + 4), dstPort: 0 }
  }
  const transport = header.protocol === Numbers.UDP ? "Udp" : "Tcp"
  return { transport, ...fields, srcPort: view.getUint16(at), dstPort: view.getUint16(at + 2) }
}

const need = (header: Header, layer: Layer, count: number): void => {
  if (header.end - header.at < count) {
    refuse(layer, header.end, `cut short: ${header.end - header.at} bytes, ${count} are needed`)
  }
}

const check = (bytes: Uint8Array, header: Header, layer: Layer, field: number, length: number): void => {
  const start =
    layer === "ICMP"
      ? 0
      : Checksum.pseudoHeader(bytes, header.family === 4 ? 12 : 8, widthOf(header.family), header.protocol, length)
  if (Checksum.finish(Checksum.add(start, bytes, header.at, length)) !== 0)
    refuse(layer, field, "checksum does not match")
}
