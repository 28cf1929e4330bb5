/**
 * Sequence numbers, as positions that never wrap.
 *
 * Inside an endpoint a position is a plain number: 0 is the SYN, 1 the first byte, one more than the last byte the FIN.
 * Only segments hold 32-bit sequence numbers: the initial one plus the position, modulo 2^32 (RFC 9293 section 3.4).
 */

export const toWire = (initial: number, position: number): number => (initial + position) >>> 0

/** The position nearest to `near` that has this sequence number. */
export const fromWire = (initial: number, wire: number, near: number): number =>
  near + ((wire - toWire(initial, near)) | 0)
