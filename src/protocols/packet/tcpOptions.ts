/** The TCP options this project reads or writes itself (RFC 9293 section 3.1); the rest travel untouched. */

const END = 0
const NO_OPERATION = 1
const MAXIMUM_SEGMENT_SIZE = 2

/** The option block a SYN announces its maximum segment size with. */
export const mss = (bytes: number): Uint8Array => Uint8Array.of(MAXIMUM_SEGMENT_SIZE, 4, bytes >> 8, bytes & 0xff)

/** The maximum segment size announced, `undefined` where there is none or the options are damaged before it. */
export const readMss = (options: Uint8Array): number | undefined => {
  for (let at = 0; at < options.length;) {
    const kind = options[at]!
    if (kind === END) return undefined
    if (kind === NO_OPERATION) {
      at += 1
      continue
    }
    const length = options[at + 1]
    if (length === undefined || length < 2 || at + length > options.length) return undefined
    if (kind === MAXIMUM_SEGMENT_SIZE && length === 4) return (options[at + 2]! << 8) | options[at + 3]!
    at += length
  }
  return undefined
}
