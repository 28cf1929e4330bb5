/**
 * CRC-32 of ITU V.42, as FINGERPRINT wants it (RFC 8489 section 14.7): reflected polynomial 0xedb88320, four bytes a
 * step.
 */

// Four tables of 256: entry [k][n] is the CRC of byte n followed by k zero bytes.
const tables = ((): Int32Array => {
  const table = new Int32Array(1024)
  for (let n = 0; n < 256; n++) {
    let crc = n
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
    table[n] = crc
  }
  for (let n = 256; n < 1024; n++) table[n] = (table[n - 256]! >>> 8) ^ table[table[n - 256]! & 0xff]!
  return table
})()

/** Of the first `end` bytes, as an unsigned number. */
export const crc32 = (bytes: Uint8Array, end: number): number => {
  let crc = -1
  let at = 0
  for (; at + 4 <= end; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      tables[768 + (crc & 0xff)]! ^
      tables[512 + ((crc >>> 8) & 0xff)]! ^
      tables[256 + ((crc >>> 16) & 0xff)]! ^
      tables[crc >>> 24]!
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 0xff]!
  return ~crc >>> 0
}
