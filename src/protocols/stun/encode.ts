/**
 * A message as bytes, in one buffer of its size, sealed as asked: integrity over what stands before, FINGERPRINT over
 * all.
 */
import * as Result from "effect/Result"
import type { Attribute } from "./Attribute.ts"
import {
  entryOfTag,
  FINGERPRINT,
  MESSAGE_INTEGRITY,
  MESSAGE_INTEGRITY_SHA256,
  nameOf,
  SHA1_BYTES,
  SHA256_BYTES
} from "./Attribute.ts"
import { fingerprint } from "./fingerprint.ts"
import {
  CLASSIC_TRANSACTION_ID,
  HEADER,
  MAGIC_COOKIE,
  MAX_MESSAGE,
  padded,
  TRANSACTION_ID,
  typeOf,
  write16,
  write32
} from "./header.ts"
import type { Hmac } from "./integrity.ts"
import type { Message } from "./Message.ts"
import { Problem } from "./Problem.ts"
import * as Slab from "./slab.ts"
import { fail, type StunError } from "./StunError.ts"
import { truncation } from "./values/text.ts"

/** What follows the attributes, in this order. Nothing unless said. */
export interface Seal {
  /** MESSAGE-INTEGRITY (RFC 8489 section 14.5): HMAC-SHA1. */
  readonly sha1?: { readonly key: Uint8Array; readonly hmac: Hmac } | undefined
  /** MESSAGE-INTEGRITY-SHA256 (section 14.6): HMAC-SHA256, of 32 bytes unless the usage allows fewer (16 to 32). */
  readonly sha256?: { readonly key: Uint8Array; readonly hmac: Hmac; readonly length?: number | undefined } | undefined
  /** FINGERPRINT (section 14.7). */
  readonly fingerprint?: boolean | undefined
}

const unsealed: Seal = {}

/**
 * Fails when a value does not fit its attribute, the message is longer than its header can say, or a sealing attribute
 * among `attributes` is followed by another (they are written as they are: a decoded message is encoded to what it
 * was).
 */
export const encode = (message: Message, seal: Seal = unsealed): Result.Result<Uint8Array, StunError> => {
  const { attributes, method, transactionId } = message
  const id = transactionId.length
  if (id !== TRANSACTION_ID && id !== CLASSIC_TRANSACTION_ID) {
    return fail("header", 8, `a transaction ID of ${id} bytes: 12, or 16 in a classic message`)
  }
  if (!(method >= 0 && method <= 0xfff)) return fail("header", 0, `method ${method} has more than 12 bits`)

  let size = HEADER
  let last = 0
  for (const attribute of attributes) {
    const type = typeOfAttribute(attribute)
    const length = sizeOf(attribute)
    if (length instanceof Problem) return fail(nameOf(type), size + 4 + length.offset, length.text)
    if (rank(type) < rank(last)) return fail(nameOf(type), size, `behind ${nameOf(last)}`)
    last = type
    size += 4 + padded(length)
  }
  const { fingerprint: fingerprinted = false, sha1, sha256 } = seal
  const sha256Length = sha256?.length ?? SHA256_BYTES
  const problem = truncation(sha256Length)
  if (problem !== undefined) return fail("MESSAGE-INTEGRITY-SHA256", size + 2, problem.text)
  const first = sha1 ? MESSAGE_INTEGRITY : sha256 ? MESSAGE_INTEGRITY_SHA256 : fingerprinted ? FINGERPRINT : 0
  if (first !== 0 && rank(first) <= rank(last)) return fail(nameOf(first), size, `behind ${nameOf(last)}`)
  if (sha1) size += 4 + SHA1_BYTES
  if (sha256) size += 4 + sha256Length
  if (fingerprinted) size += 8
  if (size > MAX_MESSAGE) return fail("header", 2, `${size} bytes: at most ${MAX_MESSAGE}`)

  const bytes = Slab.take(size)
  write16(bytes, 0, typeOf(method, message.class))
  write32(bytes, 4, MAGIC_COOKIE)
  bytes.set(transactionId, HEADER - id)
  let at = HEADER
  for (const attribute of attributes) at = writeAttribute(attribute, bytes, at)
  if (sha1) at = writeHmac(bytes, at, MESSAGE_INTEGRITY, SHA1_BYTES, sha1)
  if (sha256) at = writeHmac(bytes, at, MESSAGE_INTEGRITY_SHA256, sha256Length, sha256)
  write16(bytes, 2, size - HEADER)
  if (fingerprinted) {
    write16(bytes, at, FINGERPRINT)
    write16(bytes, at + 2, 4)
    write32(bytes, at + 4, fingerprint(bytes, at))
  }
  return Result.succeed(bytes)
}

const typeOfAttribute = (attribute: Attribute): number =>
  attribute._tag === "Unknown" ? attribute.type : entryOfTag.get(attribute._tag)!.type

const sizeOf = (attribute: Attribute): number | Problem => {
  if (attribute._tag !== "Unknown") return entryOfTag.get(attribute._tag)!.codec.size(attribute.value)
  return attribute.type >>> 16 === 0 ? attribute.value.length : new Problem(-4, `type ${attribute.type}: at most 65535`)
}

const writeAttribute = (attribute: Attribute, bytes: Uint8Array, at: number): number => {
  let length: number
  if (attribute._tag === "Unknown") {
    write16(bytes, at, attribute.type)
    bytes.set(attribute.value, at + 4)
    length = attribute.value.length
  } else {
    const entry = entryOfTag.get(attribute._tag)!
    write16(bytes, at, entry.type)
    length = entry.codec.write(attribute.value, bytes, at + 4)
  }
  write16(bytes, at + 2, length)
  return at + 4 + padded(length)
}

/** The order that sealing attributes have to each other and to all others. */
const rank = (type: number): number =>
  type === FINGERPRINT ? 3 : type === MESSAGE_INTEGRITY_SHA256 ? 2 : type === MESSAGE_INTEGRITY ? 1 : 0

const writeHmac = (
  bytes: Uint8Array,
  at: number,
  type: number,
  length: number,
  { hmac, key }: { readonly hmac: Hmac; readonly key: Uint8Array }
): number => {
  const end = at + 4 + length
  // The HMAC covers a header whose length ends with this attribute.
  write16(bytes, 2, end - HEADER)
  write16(bytes, at, type)
  write16(bytes, at + 2, length)
  bytes.set(hmac(key, bytes.subarray(0, at)).subarray(0, length), at + 4)
  return end
}
