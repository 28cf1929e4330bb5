/**
 * The 20 bytes before the attributes (RFC 8489 section 5).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |0 0|     STUN Message Type     |         Message Length        |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                         Magic Cookie                          |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                     Transaction ID (96 bits)                  |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * The length counts what follows the header. In RFC 3489 the cookie's place is part of a transaction ID of 128 bits.
 */

/** Bytes of the header. */
export const HEADER = 20

/** RFC 8489 section 5. */
export const MAGIC_COOKIE = 0x2112a442

/** Bytes of a transaction ID, and of one without the cookie before it (RFC 3489 section 11.1). */
export const TRANSACTION_ID = 12
export const CLASSIC_TRANSACTION_ID = 16

/** Bytes of the longest message: the length is a multiple of 4 in 16 bits. */
export const MAX_MESSAGE = HEADER + 0xfffc

/** In the order of the class bits C1 C0 (RFC 8489 section 5). */
export const CLASSES = ["request", "indication", "success", "error"] as const

export type Class = (typeof CLASSES)[number]

const classBits = { request: 0x000, indication: 0x010, success: 0x100, error: 0x110 } as const

/**
 * Figure 3 of RFC 8489: the class bits stand between those of the method.
 *
 *    13 12 11 10 9  8  7  6  5  4  3  2  1  0
 *   |M |M |M |M |M |C |M |M |M |C |M |M |M |M |
 *   |11|10|9 |8 |7 |1 |6 |5 |4 |0 |3 |2 |1 |0 |
 */
export const typeOf = (method: number, kind: Class): number =>
  ((method & 0xf80) << 2) | ((method & 0x70) << 1) | (method & 0xf) | classBits[kind]

export const methodOf = (type: number): number => ((type >> 2) & 0xf80) | ((type >> 1) & 0x70) | (type & 0xf)

export const classOf = (type: number): Class => CLASSES[((type >> 7) & 2) | ((type >> 4) & 1)]!

export const read16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!

export const read32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

export const write16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export const write32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Values end on a boundary of 4 bytes (RFC 8489 section 14). */
export const padded = (length: number): number => (length + 3) & ~3

/**
 * Whether a datagram is STUN where other protocols use the same port (RFC 8489 section 5): two zero bits, the cookie,
 * and a length that fits. Where that is not sure enough, decode with `fingerprint: "required"` (section 7).
 */
export const isStun = (bytes: Uint8Array): boolean =>
  bytes.length >= HEADER &&
  bytes[0]! < 0x40 &&
  read32(bytes, 4) === MAGIC_COOKIE &&
  (bytes[3]! & 3) === 0 &&
  read16(bytes, 2) === bytes.length - HEADER
