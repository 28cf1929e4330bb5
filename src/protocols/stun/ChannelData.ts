/**
 * TURN's short form of data to and from a peer whose channel is bound (RFC 8656 section 12.4).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |         Channel Number        |            Length             |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   /                       Application Data                        /
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import * as Result from "effect/Result"
import { padded, read16, write16 } from "./header.ts"
import * as Slab from "./slab.ts"
import { fail, type StunError } from "./StunError.ts"

export interface ChannelData {
  readonly _tag: "ChannelData"
  readonly channel: number
  /** Decoded, a view into the bytes. */
  readonly data: Uint8Array
}

/** Bytes before the data. */
export const CHANNEL_HEADER = 4

/**
 * The channels there are (RFC 8656 section 12). Up to 0x7fff clients of RFC 5766 may use; they are read, not written.
 */
export const FIRST_CHANNEL = 0x4000
export const LAST_CHANNEL = 0x4fff

/** Whether a datagram is ChannelData and no STUN message, by its first two bits. */
export const isChannelData = (bytes: Uint8Array): boolean =>
  bytes.length >= CHANNEL_HEADER && (bytes[0]! & 0xc0) === 0x40

/** `padded` in a stream: what follows starts on a boundary of 4 bytes (RFC 8656 section 12.5). Not in a datagram. */
export const encode = (
  channel: number,
  data: Uint8Array,
  transport: "stream" | "datagram"
): Result.Result<Uint8Array, StunError> => {
  if (!(channel >= FIRST_CHANNEL && channel <= LAST_CHANNEL)) {
    return fail("ChannelData", 0, `channel 0x${channel.toString(16)}: from 0x4000 to 0x4fff`)
  }
  if (data.length > 0xffff) return fail("ChannelData", 2, `${data.length} bytes: at most 65535`)
  const bytes = Slab.take(CHANNEL_HEADER + (transport === "stream" ? padded(data.length) : data.length))
  write16(bytes, 0, channel)
  write16(bytes, 2, data.length)
  bytes.set(data, CHANNEL_HEADER)
  return Result.succeed(bytes)
}

/** Of a datagram, where up to 3 bytes of padding may follow, or of a frame of a stream. */
export const decode = (bytes: Uint8Array): Result.Result<ChannelData, StunError> => {
  if (bytes.length < CHANNEL_HEADER) {
    return fail("ChannelData", bytes.length, `cut short: ${bytes.length} bytes, the header has ${CHANNEL_HEADER}`)
  }
  const channel = read16(bytes, 0)
  if ((channel & 0xc000) !== 0x4000) return fail("ChannelData", 0, "the first two bits are not 01")
  const length = read16(bytes, 2)
  const left = bytes.length - CHANNEL_HEADER
  if (length > left || left > padded(length)) return fail("ChannelData", 2, `says ${length} bytes, ${left} are here`)
  const data = bytes.subarray(CHANNEL_HEADER, CHANNEL_HEADER + length)
  return Result.succeed({ _tag: "ChannelData", channel, data })
}
