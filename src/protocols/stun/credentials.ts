/** Keys and names made from usernames and passwords (RFC 8489 section 9). Hash functions are the caller's. */

/** MD5 or SHA-256 of bytes. */
export type Hash = (data: Uint8Array) => Uint8Array

/** RFC 8489 section 18.5. MD5 is for servers that know no better. */
export const MD5 = 0x0001
export const SHA256 = 0x0002

const encoder = new TextEncoder()

/**
 * A password or realm as both sides must see it before they hash it: the OpaqueString profile (RFC 8265 section 4.2),
 * without its refusals. Every kind of space becomes a space, and the text is composed (NFC).
 */
export const opaqueString = (text: string): string => text.replace(/\p{Zs}/gu, " ").normalize("NFC")

/** The key of short-term credentials (RFC 8489 section 9.1.1). */
export const shortTermKey = (password: string): Uint8Array => encoder.encode(opaqueString(password))

/**
 * The key of long-term credentials (RFC 8489 sections 9.2.2 and 18.5.1): MD5, unless the server offers SHA-256 in
 * PASSWORD-ALGORITHMS. The username and realm are those in USERNAME and REALM.
 */
export const longTermKey = (hash: Hash, username: string, realm: string, password: string): Uint8Array =>
  hash(encoder.encode(`${bare(username)}:${opaqueString(bare(realm))}:${opaqueString(trimmed(password))}`))

/** USERHASH, for servers that know users without being told their names (RFC 8489 section 14.4). */
export const userhash = (sha256: Hash, username: string, realm: string): Uint8Array =>
  sha256(encoder.encode(`${opaqueString(username)}:${opaqueString(realm)}`))

// "With any quotes and trailing nulls removed": what some senders count into the value.
const trimmed = (text: string): string => text.replace(/\0+$/, "")

const bare = (text: string): string => trimmed(text).replace(/^"(.*)"$/su, "$1")
