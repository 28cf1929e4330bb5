/**
 * The words for packets and what became of them, shared by the text, the comments of a capture file and the picture.
 */
import type { EchoPacket, IcmpErrorKind, IcmpErrorPacket, IpPacket, Quote } from "../packet/IpPacket.ts"
import { ACK, flagNames, formatEndpoint } from "../packet/IpPacket.ts"
import type { Chapter } from "./story.ts"
import type { Fate, TraceEvent } from "./TraceEvent.ts"

export type Protocol = "UDP" | "TCP" | "ICMP"

export const protocolOf = (packet: IpPacket): Protocol =>
  packet._tag === "Udp" ? "UDP" : packet._tag === "Tcp" ? "TCP" : "ICMP"

/** Milliseconds with microseconds: `20.100`. */
export const millis = (time: number): string => time.toFixed(3)

/** `192.168.1.2:5000`. An echo's identifier stands with the one who asks; an ICMP error has addresses alone. */
export const source = (packet: IpPacket): string => {
  switch (packet._tag) {
    case "Echo":
      return packet.kind === "request" ? `${packet.src} id ${packet.id}` : packet.src
    case "IcmpError":
      return packet.src
    default:
      return formatEndpoint(packet.src, packet.srcPort)
  }
}

export const destination = (packet: IpPacket): string => {
  switch (packet._tag) {
    case "Echo":
      return packet.kind === "reply" ? `${packet.dst} id ${packet.id}` : packet.dst
    case "IcmpError":
      return packet.dst
    default:
      return formatEndpoint(packet.dst, packet.dstPort)
  }
}

const errorNames: { readonly [Kind in IcmpErrorKind]: string } = {
  portUnreachable: "port unreachable",
  hostUnreachable: "host unreachable",
  adminProhibited: "administratively prohibited",
  ttlExceeded: "time to live exceeded",
  packetTooBig: "packet too big"
}

export const errorName = ({ kind, mtu }: IcmpErrorPacket): string =>
  kind === "packetTooBig" ? `${errorNames[kind]}, MTU ${mtu}` : errorNames[kind]

export const echoName = ({ kind, sequence }: EchoPacket): string => `echo ${kind} seq ${sequence}`

const quotedEnds = (quote: Quote): readonly [source: string, destination: string] => {
  switch (quote.transport) {
    case "EchoRequest":
      return [`${quote.src} id ${quote.srcPort}`, quote.dst]
    case "EchoReply":
      return [quote.src, `${quote.dst} id ${quote.srcPort}`]
    default:
      return [formatEndpoint(quote.src, quote.srcPort), formatEndpoint(quote.dst, quote.dstPort)]
  }
}

const quoted = (quote: Quote): string => {
  const name = quote.transport === "Udp" ? "UDP" : quote.transport === "Tcp" ? "TCP" : "echo"
  return `${name} ${quotedEnds(quote).join(" > ")}`
}

/** Text longer than this is cut: the picture has little room, and a line must stay a line. */
const PREVIEW = 24

/** A payload that is plain text, in quotes; `undefined` for other bytes. Line ends at its end are left out. */
export const preview = (payload: Uint8Array): string | undefined => {
  let length = payload.length
  while (length > 0 && (payload[length - 1] === 10 || payload[length - 1] === 13)) length--
  if (length === 0) return undefined
  let text = ""
  for (let at = 0; at < Math.min(length, PREVIEW); at++) {
    const byte = payload[at]!
    if (byte < 0x20 || byte > 0x7e) return undefined
    text += String.fromCharCode(byte)
  }
  return length > PREVIEW ? `"${text}..."` : `"${text}"`
}

/** `SYN,ACK seq 0 ack 1 len 0`, `len 5 "hello"`, `port unreachable about UDP 11.0.0.1:5000 > 11.0.0.2:5000` */
export const detail = ({ ack, again, event, seq }: Chapter): string => {
  const { packet } = event
  const words: Array<string> = []
  switch (packet._tag) {
    case "Tcp":
      words.push(`${flagNames(packet.flags)} seq ${seq}`)
      if (packet.flags & ACK) words.push(`ack ${ack}`)
      break
    case "Echo":
      words.push(echoName(packet))
      break
    case "IcmpError":
      return `${errorName(packet)} about ${quoted(packet.quote)}`
    case "Udp":
      break
  }
  words.push(`len ${packet.payload.length}`)
  const text = preview(packet.payload)
  if (text !== undefined) words.push(text)
  if (again) words.push("retransmission")
  if (event.duplicate) words.push("copy")
  return words.join(" ")
}

/** The endpoints a node gave a packet when it sent it on, each as before and after; empty where it changed none. */
export const translations = (before: IpPacket, after: IpPacket): ReadonlyArray<readonly [string, string]> => {
  const pairs = [
    [source(before), source(after)],
    [destination(before), destination(after)]
  ] as const
  if (before._tag !== "IcmpError" || after._tag !== "IcmpError") return pairs.filter(differ)
  const [old, changed] = [quotedEnds(before.quote), quotedEnds(after.quote)]
  return [...pairs, [old[0], changed[0]] as const, [old[1], changed[1]] as const].filter(differ)
}

const differ = ([before, after]: readonly [string, string]): boolean => before !== after

/** `delivered`, `translated 192.168.1.2:5000 -> 11.0.0.1:5000`, `dropped: filtered`, `lost: queue full` */
export const fateText = ({ fate, packet }: TraceEvent): string => {
  switch (fate._tag) {
    case "InFlight":
      return "in flight"
    case "Delivered":
      return "delivered"
    case "Translated": {
      const changes = translations(packet, fate.packet)
      return changes.length === 0
        ? "forwarded"
        : `translated ${changes.map(([old, changed]) => `${old} -> ${changed}`).join(", ")}`
    }
    case "Lost":
      // The reason of plain loss is the word itself.
      return fate.reason === "loss" ? "lost" : `lost: ${fate.reason}`
    case "Dropped":
      return `dropped${fate.answered ? " and answered" : ""}: ${fate.reason}`
  }
}

/** When it became that; `undefined` while it has not. */
export const fateTime = (fate: Fate): number | undefined => (fate._tag === "InFlight" ? undefined : fate.at)
