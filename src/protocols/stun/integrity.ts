/**
 * Whether a message comes from who has the key, unchanged (RFC 8489 sections 14.5 and 14.6). `encode` writes what is
 * checked here. The integrity of RFC 3489, over a text filled up to 64 bytes, is another and is not spoken: a classic
 * message with it is found invalid.
 */
import { MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, SHA1_BYTES, SHA256_BYTES } from "./Attribute.ts"
import { HEADER, padded, read16, write16 } from "./header.ts"

/** An HMAC whole: 20 bytes for SHA-1, 32 for SHA-256. The protocol does no hashing of its own. */
export type Hmac = (key: Uint8Array, data: Uint8Array) => Uint8Array

/** `absent` is no failure to be read over: a message without integrity is one anyone can have made. */
export type Verdict = "valid" | "invalid" | "absent"

/** Checks MESSAGE-INTEGRITY of bytes that `decode` took. */
export const verifySha1 = (bytes: Uint8Array, key: Uint8Array, hmac: Hmac): Verdict =>
  verify(bytes, MESSAGE_INTEGRITY, SHA1_BYTES, key, hmac)

/**
 * Checks MESSAGE-INTEGRITY-SHA256 of bytes that `decode` took. A value of fewer than `least` bytes is invalid; fewer
 * than 32 only where the usage allows truncation (RFC 8489 section 14.6).
 */
export const verifySha256 = (bytes: Uint8Array, key: Uint8Array, hmac: Hmac, least: number = SHA256_BYTES): Verdict =>
  verify(bytes, MESSAGE_INTEGRITY_SHA256, least, key, hmac)

const verify = (bytes: Uint8Array, type: number, least: number, key: Uint8Array, hmac: Hmac): Verdict => {
  const at = find(bytes, type)
  if (at === -1) return "absent"
  const length = read16(bytes, at + 2)
  if (length < least) return "invalid"
  // The HMAC covers a header whose length ends with this attribute; the caller's bytes stay as they are.
  const covered = bytes.slice(0, at)
  write16(covered, 2, at + 4 + length - HEADER)
  return same(hmac(key, covered), bytes, at + 4, length) ? "valid" : "invalid"
}

// The attribute that `decode` shows as the first of its type: behind MESSAGE-INTEGRITY-SHA256 stands no other.
const find = (bytes: Uint8Array, wanted: number): number => {
  for (let at = HEADER; at + 4 <= bytes.length; at += 4 + padded(read16(bytes, at + 2))) {
    const type = read16(bytes, at)
    if (type === wanted) return at
    if (type === MESSAGE_INTEGRITY_SHA256) return -1
  }
  return -1
}

// Takes the same time wherever the first difference is.
const same = (expected: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean => {
  if (expected.length < length) return false
  let difference = 0
  for (let i = 0; i < length; i++) difference |= expected[i]! ^ bytes[at + i]!
  return difference === 0
}
