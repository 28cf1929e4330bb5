/**
 * The options of a SYN: maximum segment size (RFC 9293 section 3.7.1) and window scale (RFC 7323 section 2).
 *
 *   +-+-+---------+   +-+-+-+-------+
 *   |2|4|  bytes  |   |1|3|3| shift |
 *   +-+-+---------+   +-+-+-+-------+
 */
import { readMss } from "../packet/tcpOptions.ts"

/** RFC 7323 section 2.3. */
export const MAX_SHIFT = 14

/** What a segment can carry when the peer does not say (RFC 9293 section 3.7.1). */
const DEFAULT_MSS = { 4: 536, 6: 1220 } as const

const NO_OPERATION = 1
const WINDOW_SCALE = 3

export interface SynOptions {
  /** Payload bytes of the largest segment its sender can take. */
  readonly mss: number
  /** Bits its windows are shifted by; `undefined` where its sender does not scale. */
  readonly shift: number | undefined
}

export const write = (mss: number, shift: number | undefined): Uint8Array =>
  shift === undefined
    ? Uint8Array.of(2, 4, mss >> 8, mss & 0xff)
    : Uint8Array.of(2, 4, mss >> 8, mss & 0xff, NO_OPERATION, WINDOW_SCALE, 3, shift)

/** Total: damaged options read as absent ones. */
export const read = (options: Uint8Array, family: 4 | 6): SynOptions => {
  const shift = readShift(options)
  // A peer that says 0 could be sent nothing at all.
  const mss = Math.max(readMss(options) ?? DEFAULT_MSS[family], 64)
  return { mss, shift: shift === undefined ? undefined : Math.min(shift, MAX_SHIFT) }
}

const readShift = (options: Uint8Array): number | undefined => {
  let at = 0
  while (at < options.length && options[at] !== 0) {
    if (options[at] === NO_OPERATION) {
      at++
      continue
    }
    const length = options[at + 1] ?? 0
    if (length < 2 || at + length > options.length) return undefined
    if (options[at] === WINDOW_SCALE && length === 3) return options[at + 2]
    at += length
  }
  return undefined
}
