/**
 * The bytes of one message, read as a value. Untrusted bytes: never throws, never reads past the end, takes no memory
 * for a length before that many bytes are seen to be there, and names the place of the first thing wrong.
 *
 * Checked: the header, that attributes fill the message exactly, every value of a known attribute, and FINGERPRINT. Not
 * checked here: message integrity (`integrity.ts`, it needs a key), and whether a known attribute makes sense in such a
 * message. Attributes behind MESSAGE-INTEGRITY are left out, since anyone on the way can add them; only the other
 * MESSAGE-INTEGRITY-SHA256 and FINGERPRINT may stand there (RFC 5389 section 15.4).
 */
import * as Result from "effect/Result"
import type { Attribute } from "./Attribute.ts"
import { entryOfType, FINGERPRINT, MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, nameOf } from "./Attribute.ts"
import { fingerprint } from "./fingerprint.ts"
import { classOf, HEADER, MAGIC_COOKIE, methodOf, padded, read16, read32 } from "./header.ts"
import type { Message } from "./Message.ts"
import { Problem } from "./Problem.ts"
import { fail, type StunError } from "./StunError.ts"

export interface Options {
  /** Takes messages without the magic cookie too (RFC 3489): what a server does for old clients. Default: no. */
  readonly classic?: boolean | undefined
  /**
   * What is done about FINGERPRINT: `checked` where there is one; `required` refuses a message without, for a port that
   * other protocols use too (RFC 8489 section 7). Default: `checked`.
   */
  readonly fingerprint?: "checked" | "required" | undefined
}

const defaults: Options = {}

/** The message in a datagram, or in a frame of a stream. Its bytes and unknown values are views into `bytes`. */
export const decode = (bytes: Uint8Array, options: Options = defaults): Result.Result<Message, StunError> => {
  const size = bytes.length
  if (size < HEADER) return fail("header", size, `cut short: ${size} bytes, the header has ${HEADER}`)
  const type = read16(bytes, 0)
  if (type > 0x3fff) return fail("header", 0, "the first two bits are not 0")
  const length = read16(bytes, 2)
  if ((length & 3) !== 0) return fail("header", 2, `length ${length} is no multiple of 4`)
  if (length + HEADER !== size) return fail("header", 2, `says ${length + HEADER} bytes, ${size} are here`)
  const classic = read32(bytes, 4) !== MAGIC_COOKIE
  if (classic && options.classic !== true) return fail("header", 4, "no magic cookie")

  const attributes: Array<Attribute> = []
  // The last integrity attribute seen: what may stand behind it depends on it.
  let sealed = 0
  let fingerprinted = false
  for (let at = HEADER; at < size;) {
    // What is left is a multiple of 4, so an attribute's 4 bytes of type and length are here.
    const type = read16(bytes, at)
    const length = read16(bytes, at + 2)
    const start = at + 4
    if (length > size - start) return fail(nameOf(type), at + 2, `says ${length} bytes, ${size - start} are left`)
    const end = start + padded(length)
    if (sealed === 0 || type === FINGERPRINT || (sealed === MESSAGE_INTEGRITY && type === MESSAGE_INTEGRITY_SHA256)) {
      const entry = entryOfType.get(type)
      if (entry === undefined) {
        attributes.push({ _tag: "Unknown", type, value: bytes.subarray(start, start + length) })
      } else {
        const value = entry.codec.read(bytes, start, length)
        if (value instanceof Problem) return fail(entry.name, start + value.offset, value.text)
        attributes.push({ _tag: entry.tag, value } as Attribute)
        if (type === MESSAGE_INTEGRITY || type === MESSAGE_INTEGRITY_SHA256) sealed = type
        if (type === FINGERPRINT) {
          if (end !== size) return fail(entry.name, at, "not the last attribute")
          if (value !== fingerprint(bytes, at)) return fail(entry.name, start, "does not match")
          fingerprinted = true
        }
      }
    }
    at = end
  }
  if (!fingerprinted && options.fingerprint === "required") return fail("message", size, "no FINGERPRINT")
  return Result.succeed({
    method: methodOf(type),
    class: classOf(type),
    transactionId: bytes.subarray(classic ? 4 : 8, HEADER),
    attributes
  })
}
