/**
 * Received bytes put in order (RFC 9293 section 3.10.7.4): what can be read, and what waits for bytes before it.
 */

/** Segments kept that came too early; a window of tiny ones must not become a heap of objects. */
const MAX_EARLY = 4096

interface Early {
  readonly start: number
  readonly bytes: Uint8Array
}

export class Reassembly {
  /** Position of the next byte in order. */
  next = 1
  /** Bytes in order that nobody has read. */
  unread = 0
  private ready: Array<Uint8Array> = []
  // In order of position; they may overlap.
  private early: Array<Early> = []

  get hasGap(): boolean {
    return this.early.length > 0
  }

  /** Takes bytes that start at `start`; those before `next` are dropped as seen. Whether anything new came in order. */
  insert(start: number, bytes: Uint8Array): boolean {
    if (start > this.next) {
      this.keep({ start, bytes })
      return false
    }
    if (start + bytes.length <= this.next) return false
    this.append(start, bytes)
    while (this.early.length > 0 && this.early[0]!.start <= this.next) {
      const { start: at, bytes: kept } = this.early.shift()!
      if (at + kept.length > this.next) this.append(at, kept)
    }
    return true
  }

  /** Everything in order, oldest first. */
  read(): Array<Uint8Array> {
    const chunks = this.ready
    this.ready = []
    this.unread = 0
    return chunks
  }

  private append(start: number, bytes: Uint8Array): void {
    const fresh = start === this.next ? bytes : bytes.subarray(this.next - start)
    this.ready.push(fresh)
    this.unread += fresh.length
    this.next += fresh.length
  }

  private keep(early: Early): void {
    let at = this.early.length
    while (at > 0 && this.early[at - 1]!.start > early.start) at--
    const before = this.early[at - 1]
    if (before !== undefined && before.start + before.bytes.length >= early.start + early.bytes.length) return
    this.early.splice(at, 0, early)
    if (this.early.length > MAX_EARLY) this.early.pop()
  }
}
