/**
 * Bytes written and not yet acknowledged, by position. What is written is copied once; segments are views of the copy.
 */

/** Small writes share blocks of this size, so that a million of them are not a million objects. */
const BLOCK = 16 * 1024

interface Block {
  readonly start: number
  readonly bytes: Uint8Array
  used: number
}

export class SendBuffer {
  private blocks: Array<Block> = []
  /** Position of the first byte held. */
  private first = 1
  /** Position after the last byte held. */
  end = 1

  get size(): number {
    return this.end - this.first
  }

  push(bytes: Uint8Array): void {
    const tail = this.blocks.at(-1)
    if (tail !== undefined && tail.bytes.length - tail.used >= bytes.length) {
      tail.bytes.set(bytes, tail.used)
      tail.used += bytes.length
    } else {
      const block = tail === undefined || bytes.length >= BLOCK ? bytes.slice() : new Uint8Array(BLOCK)
      if (block.length !== bytes.length) block.set(bytes)
      this.blocks.push({ start: this.end, bytes: block, used: bytes.length })
    }
    this.end += bytes.length
  }

  /** Forgets everything before `position`. */
  acknowledge(position: number): void {
    this.first = Math.min(Math.max(position, this.first), this.end)
    let done = 0
    for (const block of this.blocks) {
      if (block.start + block.used > this.first) break
      done++
    }
    if (done > 0) this.blocks.splice(0, done)
  }

  /** `size` bytes from `position` on, all of which are held. A view where one block has them all. */
  slice(position: number, size: number): Uint8Array {
    let low = 0
    let high = this.blocks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.blocks[middle]!.start <= position) low = middle
      else high = middle - 1
    }
    const block = this.blocks[low]!
    const from = position - block.start
    if (from + size <= block.used) return block.bytes.subarray(from, from + size)
    const joined = new Uint8Array(size)
    let filled = 0
    for (let at = low; filled < size; at++) {
      const { bytes, start, used } = this.blocks[at]!
      const part = bytes.subarray(position + filled - start, Math.min(used, position + size - start))
      joined.set(part, filled)
      filled += part.length
    }
    return joined
  }
}
