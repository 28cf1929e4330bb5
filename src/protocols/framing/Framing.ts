/**
 * Messages on a byte stream: how each is marked on the way out and found again on the way in.
 *
 * Pure and bounded: a decoder holds at most one unfinished message of at most `limit` bytes, and refuses a longer one as
 * soon as it shows, before the bytes are collected.
 */
import * as Data from "effect/Data"
import type * as Result from "effect/Result"

/** A message that does not fit the framing, on the way out, or a stream that breaks it, on the way in. */
export class FramingError extends Data.TaggedError("FramingError")<{
  readonly kind: "TooLarge" | "InvalidInput" | "Truncated"
  readonly message: string
}> {}

export interface Framing {
  readonly name: "lines" | "lengthPrefixed"
  /** The buffers to send for one message, in order. Nothing is copied. */
  readonly encode: (message: Uint8Array) => Result.Result<ReadonlyArray<Uint8Array>, FramingError>
  readonly decoder: () => Decoder
}

/** Finds messages in a stream of chunks. After a failure it must not be used again. */
export interface Decoder {
  /** Takes a chunk and calls `emit` for each message it completes. Messages may be views of the chunk. */
  readonly push: (chunk: Uint8Array, emit: (message: Uint8Array) => void) => FramingError | undefined
  /** The stream ended: emits what counts as a last message, or says that one was cut short. */
  readonly end: (emit: (message: Uint8Array) => void) => FramingError | undefined
}

/** Joins the parts of a message that arrived in several chunks. */
export const join = (parts: ReadonlyArray<Uint8Array>, length: number): Uint8Array => {
  if (parts.length === 1) return parts[0]!
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export const tooLarge = (limit: number): FramingError =>
  new FramingError({ kind: "TooLarge", message: `a message is longer than the limit of ${limit} bytes` })
