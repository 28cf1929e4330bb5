/**
 * Remembers the latest messages of each sender and tells a repeated one. Bounded in messages and in bytes; the oldest
 * are forgotten first. Messages are compared whole, so no two different ones are ever taken for the same.
 */

export interface Limits {
  /** Messages remembered. Default 1,000. */
  readonly messages?: number | undefined
  /** Bytes remembered. Default 1 MiB; a message longer than this is never called a repeat. */
  readonly bytes?: number | undefined
}

const decoder = new TextDecoder("latin1")

const keyOf = (sender: string, message: Uint8Array): string => `${sender} ${decoder.decode(message)}`

export class DuplicateFilter {
  private readonly seen: Map<string, number> = new Map()
  private readonly messages: number
  private readonly bytes: number
  private held = 0

  constructor(limits: Limits = {}) {
    this.messages = limits.messages ?? 1000
    this.bytes = limits.bytes ?? 1024 * 1024
  }

  /** Whether this sender sent exactly this message lately; remembers it either way. */
  isRepeat(sender: string, message: Uint8Array): boolean {
    const known = this.has(sender, message)
    this.add(sender, message)
    return known
  }

  /** Whether a message is remembered. */
  has(sender: string, message: Uint8Array): boolean {
    return message.length <= this.bytes && this.seen.has(keyOf(sender, message))
  }

  /** Remembers a message. */
  add(sender: string, message: Uint8Array): void {
    const key = keyOf(sender, message)
    if (message.length > this.bytes || this.seen.has(key)) return
    this.seen.set(key, message.length)
    this.held += message.length
    for (const [oldest, length] of this.seen) {
      if (this.seen.size <= this.messages && this.held <= this.bytes) break
      this.seen.delete(oldest)
      this.held -= length
    }
  }
}
