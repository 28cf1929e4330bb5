/**
 * The near (inside) and far (remote) end of a packet, seen from the device. An echo has one identifier and no ports: it
 * stands at the near end, and the far port is 0.
 */
import type { Endpointed, Quote } from "../packet/IpPacket.ts"

/** Of a packet that goes out. */
export const nearOut = (packet: Endpointed): number => (packet._tag === "Echo" ? packet.id : packet.srcPort)
export const farOut = (packet: Endpointed): number => (packet._tag === "Echo" ? 0 : packet.dstPort)

/** Of a packet that comes in. */
export const nearIn = (packet: Endpointed): number => (packet._tag === "Echo" ? packet.id : packet.dstPort)
export const farIn = (packet: Endpointed): number => (packet._tag === "Echo" ? 0 : packet.srcPort)

const isEcho = (quote: Quote): boolean => quote.transport === "EchoRequest" || quote.transport === "EchoReply"

/** Of a quoted packet that came in; one that went out has its near end first, as its source. */
export const nearQuoted = (quote: Quote): number => (isEcho(quote) ? quote.srcPort : quote.dstPort)
export const farQuoted = (quote: Quote): number => (isEcho(quote) ? 0 : quote.srcPort)

export const transportOf = (quote: Quote): Endpointed["_tag"] =>
  quote.transport === "Udp" || quote.transport === "Tcp" ? quote.transport : "Echo"

/** The quote of a packet that went out, with the near end it had inside. */
export const quoteInside = (quote: Quote, src: Quote["src"], srcPort: number): Quote => ({ ...quote, src, srcPort })

/** The quote of a packet that came in, with the near end it had outside. */
export const quoteOutside = (quote: Quote, dst: Quote["dst"], port: number): Quote =>
  isEcho(quote) ? { ...quote, dst, srcPort: port } : { ...quote, dst, dstPort: port }

export const flagsOf = (packet: Endpointed): number => (packet._tag === "Tcp" ? packet.flags : 0)
