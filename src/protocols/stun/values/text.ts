/** UTF-8 text and opaque bytes. */
import { type Codec, Problem } from "../Problem.ts"

/** Bytes a receiver must take, for compatibility with RFC 5389 (RFC 8489 sections 14.3 and 14.8 to 14.14). */
const MAX_READ = 763

const encoder = new TextEncoder()
// Without `ignoreBOM` a leading byte order mark is dropped, and a nonce so read is not the nonce that was sent.
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder("utf-8", { ignoreBOM: true })

/** Bytes of the text in UTF-8; a surrogate alone is written as U+FFFD. */
export const utf8Length = (text: string): number => {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    length += unit < 0x800 ? 1 : 2
    // A pair takes 4 bytes: the 2 units already counted, and 2 more.
    if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++
  }
  return length
}

/** Writes the text and returns its bytes; they must fit. */
export const writeUtf8 = (text: string, bytes: Uint8Array, at: number): number => {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0x80) return encoder.encodeInto(text, bytes.subarray(at)).written
    bytes[at + i] = unit
  }
  return text.length
}

/**
 * For people to read: what is no UTF-8 is shown as U+FFFD, since a diagnosis must not cost the message, and the nulls
 * that some servers (coturn to old clients) count into the text are left out.
 */
export const readDiagnostic = (bytes: Uint8Array, at: number, length: number): string | Problem => {
  if (length > MAX_READ) return tooLong(length, MAX_READ)
  let end = at + length
  while (end > at && bytes[end - 1] === 0) end--
  return lenient.decode(bytes.subarray(at, end))
}

/** Characters of a text that must have fewer than 128 (RFC 8489 sections 14.8 to 14.10 and 14.14). */
const MAX_CHARACTERS = 127

export const shortSize = (text: string): number | Problem => {
  // Never more characters than UTF-16 units; count them only where it matters.
  if (text.length <= MAX_CHARACTERS) return utf8Length(text)
  let characters = 0
  for (const _ of text) characters++
  return characters > MAX_CHARACTERS
    ? new Problem(-2, `${characters} characters: at most ${MAX_CHARACTERS}`)
    : utf8Length(text)
}

const tooLong = (length: number, limit: number): Problem => new Problem(-2, `${length} bytes: at most ${limit}`)

const readExact = (bytes: Uint8Array, at: number, length: number): string | Problem => {
  if (length > MAX_READ) return tooLong(length, MAX_READ)
  const value = bytes.subarray(at, at + length)
  try {
    return strict.decode(value)
  } catch {
    return new Problem(0, "no UTF-8")
  }
}

/** Fewer than 128 characters that the receiver uses: REALM, NONCE. */
export const text: Codec<string> = { size: shortSize, write: writeUtf8, read: readExact }

/** Fewer than 128 characters that the receiver shows: SOFTWARE. */
export const diagnostic: Codec<string> = { size: shortSize, write: writeUtf8, read: readDiagnostic }

/** Text limited in bytes: USERNAME (fewer than 509), ALTERNATE-DOMAIN (at most 255). */
export const textOf = (limit: number): Codec<string> => ({
  size: (value) => {
    const size = utf8Length(value)
    return size > limit ? tooLong(size, limit) : size
  },
  write: writeUtf8,
  read: readExact
})

/** As many bytes as a message holds. What is read is a view into the message. */
export const bytes: Codec<Uint8Array> = {
  size: (value) => value.length,
  write: (value, target, at) => (target.set(value, at), value.length),
  read: (source, at, length) => source.subarray(at, at + length)
}

/** Bytes of a fixed number. */
export const bytesOf = (count: number): Codec<Uint8Array> => ({
  size: (value) => (value.length === count ? count : new Problem(-2, `${value.length} bytes: exactly ${count}`)),
  write: bytes.write,
  read: (source, at, length) =>
    length === count ? source.subarray(at, at + count) : new Problem(-2, `${length} bytes: exactly ${count}`)
})

/** MESSAGE-INTEGRITY-SHA256: 16 to 32 bytes, a multiple of 4 (RFC 8489 section 14.6). */
export const truncatedSha256: Codec<Uint8Array> = {
  size: (value) => truncation(value.length) ?? value.length,
  write: bytes.write,
  read: (source, at, length) => truncation(length) ?? source.subarray(at, at + length)
}

/** Why an HMAC-SHA256 may not have this length, if it may not. */
export const truncation = (length: number): Problem | undefined =>
  length >= 16 && length <= 32 && length % 4 === 0
    ? undefined
    : new Problem(-2, `${length} bytes: 16 to 32, a multiple of 4`)
