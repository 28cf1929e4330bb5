/**
 * A trace as a capture file that Wireshark opens (draft-ietf-opsawg-pcapng).
 *
 *   Section Header Block      Interface Description Block      Enhanced Packet Block
 *   one                       one for each network,            one for each packet on each hop, at its virtual
 *                             in the order of first use        time, what became of it in a comment
 *
 * Packets are whole, with right checksums. One that was dropped or lost is in the file, as the sender's side of the link saw
 * it; `frame.comment contains "dropped"` finds it. Where a packet crosses several networks unchanged, Wireshark takes the
 * second sight of it for a retransmission: give only the events of one network then.
 */
import { concat } from "effect/Bytes"
import * as Result from "effect/Result"
import { encode } from "../packet/encode.ts"
import { lengthOf } from "../packet/IpPacket.ts"
import { fateText, fateTime, millis } from "./describe.ts"
import type { TraceEvent } from "./TraceEvent.ts"

export interface Options {
  /** What the clock showed at the beginning, in Unix milliseconds. Default 0, so that times of day are those of the trace. */
  readonly start?: number | undefined
  /** A remark about the whole capture. */
  readonly comment?: string | undefined
}

// Block types, section 4.
const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE_DESCRIPTION = 1
const ENHANCED_PACKET = 6

const BYTE_ORDER_MAGIC = 0x1a2b3c4d

// Option codes, sections 3.5, 4.1 and 4.2.
const END_OF_OPTIONS = 0
const COMMENT = 1
const SHB_USERAPPL = 4
const IF_NAME = 2
const IF_TSRESOL = 9

/** IPv4 or IPv6 by the first four bits, without anything before (draft-ietf-opsawg-pcaplinktype). */
const LINKTYPE_RAW = 101

/** Timestamps count 10^-9 seconds. */
const NANOSECONDS = 9

export const write = (events: ReadonlyArray<TraceEvent>, options: Options = {}): Uint8Array => {
  const blocks = [sectionHeader(options.comment)]
  const interfaces = new Map<string, number>()
  for (const { network } of events) {
    if (interfaces.has(network)) continue
    interfaces.set(network, interfaces.size)
    blocks.push(interfaceDescription(network))
  }
  const start = BigInt(Math.round(options.start ?? 0)) * 1_000_000n
  for (const event of events) {
    const time = start + BigInt(Math.round(event.time * 1_000_000))
    blocks.push(enhancedPacket(event, interfaces.get(event.network)!, time))
  }
  return concat(blocks)
}

/**
 *    0 block type, total length
 *    8 byte-order magic
 *   12 version 1.0
 *   16 section length: -1, not said
 *   24 options, total length
 */
const sectionHeader = (comment: string | undefined): Uint8Array => {
  const body = new DataView(new ArrayBuffer(16))
  body.setUint32(0, BYTE_ORDER_MAGIC, true)
  body.setUint16(4, 1, true)
  body.setBigInt64(8, -1n, true)
  const options = [option(SHB_USERAPPL, text("effect-p2p simulated internet"))]
  if (comment !== undefined) options.push(option(COMMENT, text(comment)))
  return block(SECTION_HEADER, [bytesOf(body), ...options, endOfOptions])
}

/**
 *    0 block type, total length
 *    8 link type, reserved
 *   12 longest packet: 0, no limit
 *   16 options, total length
 */
const interfaceDescription = (name: string): Uint8Array => {
  const body = new DataView(new ArrayBuffer(8))
  body.setUint16(0, LINKTYPE_RAW, true)
  return block(INTERFACE_DESCRIPTION, [
    bytesOf(body),
    option(IF_NAME, text(name)),
    option(IF_TSRESOL, Uint8Array.of(NANOSECONDS)),
    endOfOptions
  ])
}

/**
 *    0 block type, total length
 *    8 interface
 *   12 timestamp, high and low half
 *   20 captured length, original length
 *   28 packet, padded to 4 bytes
 *      options, total length
 */
const enhancedPacket = (event: TraceEvent, interfaceId: number, time: bigint): Uint8Array => {
  const encoded = encode(event.packet)
  const packet = Result.getOrElse(encoded, () => new Uint8Array(0))
  const body = new DataView(new ArrayBuffer(20))
  body.setUint32(0, interfaceId, true)
  body.setUint32(4, Number(time >> 32n), true)
  body.setUint32(8, Number(time & 0xffff_ffffn), true)
  body.setUint32(12, packet.length, true)
  body.setUint32(16, lengthOf(event.packet), true)
  const comment = Result.isFailure(encoded) ? `${story(event)}; no bytes: ${encoded.failure.message}` : story(event)
  return block(ENHANCED_PACKET, [bytesOf(body), padded(packet), option(COMMENT, text(comment)), endOfOptions])
}

const story = (event: TraceEvent): string => {
  const at = fateTime(event.fate)
  const copy = event.duplicate ? " (copy)" : ""
  return `${event.from} -> ${event.to ?? "nobody"}${copy}: ${fateText(event)}${at === undefined ? "" : ` at ${millis(at)} ms`}`
}

/** A block says its length at both ends, so that files can be read backwards. */
const block = (type: number, parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = concat([new Uint8Array(8), ...parts, new Uint8Array(4)])
  const view = new DataView(bytes.buffer)
  view.setUint32(0, type, true)
  view.setUint32(4, bytes.length, true)
  view.setUint32(bytes.length - 4, bytes.length, true)
  return bytes
}

const padding = (length: number): number => (length + 3) & ~3

const option = (code: number, value: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(4 + padding(value.length))
  const view = new DataView(bytes.buffer)
  view.setUint16(0, code, true)
  view.setUint16(2, value.length, true)
  bytes.set(value, 4)
  return bytes
}

const endOfOptions = option(END_OF_OPTIONS, new Uint8Array(0))

/** An option says its length in 16 bits. */
const MAX_TEXT = 0xffff

const encoder = new TextEncoder()
const text = (value: string): Uint8Array => encoder.encode(value).subarray(0, MAX_TEXT)

const padded = (bytes: Uint8Array): Uint8Array => {
  if (bytes.length % 4 === 0) return bytes
  const answer = new Uint8Array(padding(bytes.length))
  answer.set(bytes)
  return answer
}

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer)
