/**
 * Each message behind its length as an unsigned 32-bit big-endian number: any bytes, and the borders a datagram would
 * have kept.
 */
import * as Result from "effect/Result"
import { type Decoder, type Framing, FramingError, join, tooLarge } from "./Framing.ts"

/** Bytes a message may have: whatever fits a datagram, with room for more. */
export const DEFAULT_LIMIT = 1024 * 1024

const HEADER = 4

export const make = (limit: number = DEFAULT_LIMIT): Framing => ({
  name: "lengthPrefixed",
  encode: (message) => {
    if (message.length > limit) return Result.fail(tooLarge(limit))
    const header = new Uint8Array(HEADER)
    new DataView(header.buffer).setUint32(0, message.length)
    return Result.succeed([header, message])
  },
  decoder: () => decoder(limit)
})

const decoder = (limit: number): Decoder => {
  let parts: Array<Uint8Array> = []
  let have = 0
  // Length of the message being collected, or -1 while its header is.
  let want = -1

  // Takes `count` bytes from the collected parts, leaving the rest.
  const take = (count: number): Uint8Array => {
    const whole = join(parts, have)
    parts = have === count ? [] : [whole.subarray(count)]
    have -= count
    return have === 0 ? whole : whole.subarray(0, count)
  }

  return {
    push: (chunk, emit) => {
      if (chunk.length === 0) return undefined
      parts.push(chunk)
      have += chunk.length
      for (;;) {
        if (want === -1) {
          if (have < HEADER) return undefined
          const header = take(HEADER)
          want = new DataView(header.buffer, header.byteOffset, HEADER).getUint32(0)
          if (want > limit) return tooLarge(limit)
        }
        if (have < want) return undefined
        const message = want === 0 ? new Uint8Array(0) : take(want)
        want = -1
        emit(message)
        if (have === 0) return undefined
      }
    },
    end: () =>
      have === 0 && want === -1
        ? undefined
        : new FramingError({ kind: "Truncated", message: "the stream ended in the middle of a message" })
  }
}
