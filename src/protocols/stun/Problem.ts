/**
 * What is wrong inside a value, before it is known where the value stands; `decode` and `encode` make it a `StunError`.
 */
export class Problem {
  /** Bytes from the start of the value. */
  readonly offset: number
  readonly text: string
  constructor(offset: number, text: string) {
    this.offset = offset
    this.text = text
  }
}

/** How the value of an attribute stands in the bytes of a message. None of the three throws. */
export interface Codec<A> {
  /** Bytes of the value, without padding; or why it cannot be written. */
  readonly size: (value: A) => number | Problem
  /** Writes a value that `size` took, into bytes that are 0, and returns its size. The header is written before. */
  readonly write: (value: A, bytes: Uint8Array, at: number) => number
  /** Reads a value; `bytes` is the whole message, and has `length` bytes from `at` on. */
  readonly read: (bytes: Uint8Array, at: number, length: number) => A | Problem
}
