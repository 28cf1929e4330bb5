/** The internet checksum (RFC 1071), and the pseudo-headers it covers (RFC 9293 section 3.1, RFC 8200 section 8.1). */

/** Adds `length` bytes from `offset` to a running one's-complement sum; an odd last byte counts as its high half. */
export const add = (sum: number, bytes: Uint8Array, offset: number, length: number): number => {
  const end = offset + (length & ~1)
  for (let at = offset; at < end; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!
  if (length & 1) sum += bytes[end]! << 8
  return sum
}

/** The 16-bit checksum of a running sum. A block that holds its own right checksum gives 0. */
export const finish = (sum: number): number => {
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}

/** Adds the pseudo-header: both addresses (as they stand in `bytes`, side by side at `addresses`), protocol and length. */
export const pseudoHeader = (
  bytes: Uint8Array,
  addresses: number,
  addressBytes: 4 | 16,
  protocol: number,
  length: number
): number => add(0, bytes, addresses, 2 * addressBytes) + protocol + (length >>> 16) + (length & 0xffff)
