/**
 * HMAC (RFC 2104) by one-shot hashes: setting up `createHmac` takes several times as long as hashing a STUN message.
 */
import * as Crypto from "node:crypto"

/** Bytes of a block of SHA-1 and of SHA-256. */
const BLOCK = 64
const INNER = 0x36
const OUTER = 0x5c

/** For messages of up to 2048 bytes. Keys do not stay in it. */
const scratch = new Uint8Array(BLOCK + 2048)

/** The hash of the key, filled up to a block and every byte changed by `pad`, and of the data behind it. */
const padded = (algorithm: "sha1" | "sha256", key: Uint8Array, pad: number, data: Uint8Array): Buffer => {
  const size = BLOCK + data.length
  const bytes = size <= scratch.length ? scratch.subarray(0, size) : new Uint8Array(size)
  bytes.fill(pad, 0, BLOCK)
  for (let i = 0; i < key.length; i++) bytes[i]! ^= key[i]!
  bytes.set(data, BLOCK)
  const hashed = Crypto.hash(algorithm, bytes, "buffer")
  bytes.fill(0, 0, BLOCK)
  return hashed
}

const hmac =
  (algorithm: "sha1" | "sha256") =>
  (key: Uint8Array, data: Uint8Array): Uint8Array => {
    const short = key.length > BLOCK ? Crypto.hash(algorithm, key, "buffer") : key
    return new Uint8Array(padded(algorithm, short, OUTER, padded(algorithm, short, INNER, data)))
  }

export const hmacSha1 = hmac("sha1")
export const hmacSha256 = hmac("sha256")
