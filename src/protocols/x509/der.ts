/**
 * Writes DER (ITU-T X.690): the few types a certificate and a private key are made of. Nothing is read here: what comes from
 * others is read by the platform's own library.
 *
 *     identifier (1 byte) | length (1 byte below 128, else 0x80 + n and n bytes) | contents
 */

const INTEGER = 0x02
const BIT_STRING = 0x03
const OCTET_STRING = 0x04
const OBJECT_IDENTIFIER = 0x06
const UTF8_STRING = 0x0c
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
const SEQUENCE = 0x30
const SET = 0x31

const utf8 = new TextEncoder()

const lengthOf = (size: number): ReadonlyArray<number> => {
  if (size < 0x80) return [size]
  const bytes: Array<number> = []
  for (let left = size; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256)
  return [0x80 | bytes.length, ...bytes]
}

const write = (identifier: number, ...contents: ReadonlyArray<Uint8Array>): Uint8Array => {
  const size = contents.reduce((sum, part) => sum + part.length, 0)
  const head = [identifier, ...lengthOf(size)]
  const bytes = new Uint8Array(head.length + size)
  bytes.set(head)
  let at = head.length
  for (const part of contents) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

export const sequence = (...members: ReadonlyArray<Uint8Array>): Uint8Array => write(SEQUENCE, ...members)

/** Of one member: more would have to be sorted. */
export const set = (member: Uint8Array): Uint8Array => write(SET, member)

/** A whole number that is not negative, the most significant byte first. */
export const integer = (magnitude: Uint8Array): Uint8Array => {
  let start = 0
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++
  const digits = magnitude.subarray(start)
  // X.690 section 8.3: as short as can be, and a first bit of 1 would make it negative.
  const positive = digits.length > 0 && digits[0]! < 0x80
  return positive ? write(INTEGER, digits) : write(INTEGER, Uint8Array.of(0), digits)
}

/** Whole bytes: no unused bits. */
export const bitString = (bytes: Uint8Array): Uint8Array => write(BIT_STRING, Uint8Array.of(0), bytes)

export const octetString = (bytes: Uint8Array): Uint8Array => write(OCTET_STRING, bytes)

export const utf8String = (text: string): Uint8Array => write(UTF8_STRING, utf8.encode(text))

/** `YYMMDDhhmmssZ`: the years 1950 to 2049 (RFC 5280 section 4.1.2.5.1). */
export const utcTime = (text: string): Uint8Array => write(UTC_TIME, utf8.encode(text))

/** `YYYYMMDDhhmmssZ`. */
export const generalizedTime = (text: string): Uint8Array => write(GENERALIZED_TIME, utf8.encode(text))

/** The arcs of an object identifier, as in `1.3.101.112`. */
export const objectIdentifier = (first: number, second: number, ...arcs: ReadonlyArray<number>): Uint8Array => {
  const bytes: Array<number> = []
  for (const arc of [first * 40 + second, ...arcs]) {
    const digits = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift(0x80 | (left & 0x7f))
    bytes.push(...digits)
  }
  return write(OBJECT_IDENTIFIER, Uint8Array.from(bytes))
}

/** What stands under a context-specific tag that is explicit, as `[0]` in a certificate. */
export const explicit = (tag: number, member: Uint8Array): Uint8Array => write(0xa0 | tag, member)
