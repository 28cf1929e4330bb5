/**
 * Watches a stream of MQTT packets go by and says when one is announced that is too large, before it is held in memory.
 *
 *     fixed header = type and flags (1 byte), remaining length (1 to 4 bytes, 7 bits each, the low ones first)
 *
 * MQTT 3.1.1 section 2.2, MQTT 5 section 2.1.
 */

/** Digits of a remaining length. */
const MAX_DIGITS = 4

export class PacketSizes {
  private readonly limit: number
  /** Bytes of the current packet that are still to come; `undefined` inside a fixed header. */
  private rest: number | undefined = undefined
  private digits = -1
  private length = 0

  /** `limit`: bytes of a packet after its fixed header. */
  constructor(limit: number) {
    this.limit = limit
  }

  /** Whether these bytes, which come next, announce no packet beyond the limit. */
  accept(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length;) {
      if (this.rest !== undefined) {
        const step = Math.min(this.rest, bytes.length - at)
        at += step
        this.rest -= step
        if (this.rest === 0) this.rest = undefined
        continue
      }
      const byte = bytes[at++]!
      if (this.digits++ < 0) continue
      this.length += (byte & 0x7f) * 128 ** (this.digits - 1)
      if (this.length > this.limit || (byte >= 0x80 && this.digits === MAX_DIGITS)) return false
      if (byte >= 0x80) continue
      if (this.length > 0) this.rest = this.length
      this.digits = -1
      this.length = 0
    }
    return true
  }
}
