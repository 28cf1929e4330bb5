/** Numbers and flags. What is reserved is written as 0 and not looked at. */
import { read16, read32, write16, write32 } from "../header.ts"
import { type Codec, Problem } from "../Problem.ts"

const wrongLength = (length: number, wanted: string): Problem => new Problem(-2, `${length} bytes: exactly ${wanted}`)

/** Why a number does not fit, if it does not. */
export const range = (value: number, max: number): Problem | undefined =>
  Number.isInteger(value) && value >= 0 && value <= max
    ? undefined
    : new Problem(0, `${value} is no whole number from 0 to ${max}`)

/** 32 bits. */
export const uint32: Codec<number> = {
  size: (value) => range(value, 0xffffffff) ?? 4,
  write: (value, bytes, at) => (write32(bytes, at, value), 4),
  read: (bytes, at, length) => (length === 4 ? read32(bytes, at) : wrongLength(length, "4"))
}

/** 16 bits and 16 reserved ones. RFC 5780's figure of RESPONSE-PORT can be read as 2 bytes: both lengths are taken. */
export const uint16: Codec<number> = {
  size: (value) => range(value, 0xffff) ?? 4,
  write: (value, bytes, at) => (write16(bytes, at, value), 4),
  read: (bytes, at, length) => (length === 4 || length === 2 ? read16(bytes, at) : wrongLength(length, "4"))
}

/** 8 bits and 24 reserved ones. */
export const uint8: Codec<number> = {
  size: (value) => range(value, 0xff) ?? 4,
  write: (value, bytes, at) => ((bytes[at] = value), 4),
  read: (bytes, at, length) => (length === 4 ? bytes[at]! : wrongLength(length, "4"))
}

/** The address family of TURN, 8 bits and 24 reserved ones: 1 is IPv4, 2 is IPv6 (RFC 8656 section 18.6). */
export const family: Codec<4 | 6> = {
  size: () => 4,
  write: (value, bytes, at) => ((bytes[at] = value === 4 ? 1 : 2), 4),
  read: (bytes, at, length) => {
    if (length !== 4) return wrongLength(length, "4")
    const found = bytes[at]!
    return found === 1 ? 4 : found === 2 ? 6 : new Problem(0, `address family ${found}`)
  }
}

/** Present or not; nothing in it. */
export const flag: Codec<true> = {
  size: () => 0,
  write: () => 0,
  read: (_bytes, _at, length) => (length === 0 ? true : wrongLength(length, "0"))
}

/** The first bit of one byte: EVEN-PORT (RFC 8656 section 18.7). */
export const firstBit: Codec<boolean> = {
  size: () => 1,
  write: (value, bytes, at) => ((bytes[at] = value ? 0x80 : 0), 1),
  read: (bytes, at, length) => (length === 1 ? bytes[at]! >= 0x80 : wrongLength(length, "1"))
}

/** Bytes whose value does not matter, as their number: PADDING (RFC 5780 section 7.6). */
export const filler: Codec<number> = {
  size: (value) => range(value, 0xffff) ?? value,
  write: (value) => value,
  read: (_bytes, _at, length) => length
}
