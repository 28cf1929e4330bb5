/**
 * One message a line. Lines end with LF on the wire; a CR before it is taken off. What stands after the last LF when the
 * stream ends is a message too.
 */
import * as Result from "effect/Result"
import { type Decoder, type Framing, FramingError, join, tooLarge } from "./Framing.ts"

/** Bytes a line may have. */
export const DEFAULT_LIMIT = 65_536

const LF = 10
const CR = 13
const newline = new Uint8Array([LF])

const withoutCr = (line: Uint8Array): Uint8Array =>
  line.length > 0 && line[line.length - 1] === CR ? line.subarray(0, line.length - 1) : line

const refuse = (what: string) =>
  Result.fail(new FramingError({ kind: "InvalidInput", message: `a message ${what} cannot be sent as a line` }))

export const make = (limit: number = DEFAULT_LIMIT): Framing => ({
  name: "lines",
  encode: (message) => {
    if (message.length > limit) return Result.fail(tooLarge(limit))
    // The other side would find two messages, or one without its end.
    if (message.includes(LF)) return refuse("with a line feed in it")
    if (message.at(-1) === CR) return refuse("that ends with a carriage return")
    return Result.succeed([message, newline])
  },
  decoder: () => decoder(limit)
})

const decoder = (limit: number): Decoder => {
  let parts: Array<Uint8Array> = []
  let length = 0
  return {
    push: (chunk, emit) => {
      let start = 0
      for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, start)) {
        const tail = chunk.subarray(start, at)
        if (length + tail.length > limit + 1) return tooLarge(limit)
        const line = withoutCr(length === 0 ? tail : join([...parts, tail], length + tail.length))
        if (line.length > limit) return tooLarge(limit)
        parts = []
        length = 0
        start = at + 1
        emit(line)
      }
      if (start === chunk.length) return undefined
      parts.push(chunk.subarray(start))
      length += chunk.length - start
      // One more than the limit may still be the CR of a line that fits.
      return length > limit + 1 ? tooLarge(limit) : undefined
    },
    end: (emit) => {
      if (length === 0) return undefined
      const line = join(parts, length)
      if (line.length > limit) return tooLarge(limit)
      emit(line)
      return undefined
    }
  }
}
