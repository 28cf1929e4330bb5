/**
 * Reading and writing numbers. Integers of one to four bytes are big-endian; counts and sizes are LEB128: seven bits a byte,
 * the lowest first, the top bit set on all but the last.
 *
 * A reader never throws and never reads past its end: the first thing wrong is kept in `problem`, and from then on it is at
 * its end and gives zeros.
 */

/** The largest whole number that is exact, and the bytes it takes. */
const MAX_VARINT_BYTES = 8

export class Reader {
  readonly bytes: Uint8Array
  at: number
  end: number
  /** What was wrong first, and at which byte. */
  problem: { readonly at: number; readonly text: string } | undefined

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes
    this.at = at
    this.end = end
    this.problem = undefined
  }

  get left(): number {
    return this.end - this.at
  }

  fail(text: string, at: number = this.at): void {
    this.problem ??= { at, text }
    this.at = this.end
  }

  /** A view of the next bytes; of none where so many are not left. */
  take(count: number): Uint8Array {
    if (count > this.left) {
      this.fail(`bytes needed: ${count}, left: ${this.left}`)
      return this.bytes.subarray(this.end, this.end)
    }
    this.at += count
    return this.bytes.subarray(this.at - count, this.at)
  }

  uint(count: 1 | 2 | 4): number {
    let value = 0
    for (const byte of this.take(count)) value = value * 256 + byte
    return value
  }

  varint(): number {
    const start = this.at
    let value = 0
    for (let index = 0, weight = 1; index < MAX_VARINT_BYTES; index++, weight *= 128) {
      const byte = this.uint(1)
      value += (byte & 0x7f) * weight
      if (byte >= 0x80) continue
      if (byte === 0 && index > 0) this.fail("a number has more bytes than it needs", start)
      else if (value > Number.MAX_SAFE_INTEGER) this.fail("a number above 2^53 - 1", start)
      return this.problem === undefined ? value : 0
    }
    this.fail(`a number of more than ${MAX_VARINT_BYTES} bytes`, start)
    return 0
  }
}

export const writeUint = (out: Array<number>, count: 1 | 2 | 4, value: number): void => {
  for (let shift = count - 1; shift >= 0; shift--) out.push(Math.floor(value / 256 ** shift) % 256)
}

export const writeVarint = (out: Array<number>, value: number): void => {
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128)
  out.push(rest)
}

export const writeBytes = (out: Array<number>, bytes: Iterable<number>): void => {
  for (const byte of bytes) out.push(byte)
}
