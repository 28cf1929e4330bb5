/**
 * The envelope around a message: what is signed, what is sealed, what a broker sees (docs/protocol-envelope.md).
 *
 *     envelope  = version (1 byte), sealed
 *     sealed    = HPKE to the recipient: info = INFO, additional data = the version byte
 *     plaintext = sender's key (32), signature (64), length of the content (2, big-endian), content, zeros
 *     signed    = sender's key, recipient's key, content        in the context CONTEXT
 *
 * A recipient that seals the content anew for somebody else has no signature for it, since both ids are signed. Zeros fill
 * every envelope up to one of a few sizes, so that its size tells little of what is in it.
 */
import * as Result from "effect/Result"
import { KEY_BYTES } from "../../schemas/PeerId.ts"
import { OVERHEAD as HPKE_OVERHEAD } from "../crypto/hpke.ts"
import { SIGNATURE_BYTES } from "../crypto/signature.ts"
import { ascii } from "../text/ascii.ts"
import * as Content from "./Content.ts"

export const VERSION = 1

/** HPKE's `info`: what the seal is for. */
export const INFO: Uint8Array = ascii("effect-p2p envelope v1")

/** The context of the signature. */
export const CONTEXT = "effect-p2p envelope v1"

/** HPKE's additional data: what stands in clear before the seal. */
export const HEADER: Uint8Array = Uint8Array.of(VERSION)

/** Bytes an envelope may have. */
export const SIZES: ReadonlyArray<number> = [512, 1024, 2048, 4096, 8192, 16_384]

export const MAX_SIZE: number = SIZES.at(-1)!

const CONTENT_AT = KEY_BYTES + SIGNATURE_BYTES + 2
const OVERHEAD = HEADER.length + HPKE_OVERHEAD + CONTENT_AT

/** Bytes of a body at most. */
export const MAX_BODY: number = MAX_SIZE - OVERHEAD - Content.OVERHEAD

/** What the sender signs. */
export const signed = (sender: Uint8Array, recipient: Uint8Array, content: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(2 * KEY_BYTES + content.length)
  bytes.set(sender)
  bytes.set(recipient, KEY_BYTES)
  bytes.set(content, 2 * KEY_BYTES)
  return bytes
}

export interface Letter {
  /** The sender's key. */
  readonly sender: Uint8Array
  readonly signature: Uint8Array
  readonly content: Uint8Array
}

/** What is sealed. Content of more than {@link MAX_BODY} and its fields is a mistake of the program and throws. */
export const plaintext = ({ content, sender, signature }: Letter): Uint8Array => {
  const size = SIZES.find((size) => size >= content.length + OVERHEAD)
  if (size === undefined) throw new RangeError(`content of ${content.length} bytes does not fit into an envelope`)
  const bytes = new Uint8Array(size - HEADER.length - HPKE_OVERHEAD)
  bytes.set(sender)
  bytes.set(signature, KEY_BYTES)
  bytes[CONTENT_AT - 2] = content.length >> 8
  bytes[CONTENT_AT - 1] = content.length & 0xff
  bytes.set(content, CONTENT_AT)
  return bytes
}

/** Takes a plaintext apart; the parts are views into it. Fails with what is wrong. */
export const letter = (plaintext: Uint8Array): Result.Result<Letter, string> => {
  if (plaintext.length < CONTENT_AT) return Result.fail(`${plaintext.length} bytes are too few`)
  const end = CONTENT_AT + ((plaintext[CONTENT_AT - 2]! << 8) | plaintext[CONTENT_AT - 1]!)
  if (end > plaintext.length) return Result.fail("its content is longer than itself")
  const padding = SIZES.find((size) => size >= end + HEADER.length + HPKE_OVERHEAD)
  if (padding !== plaintext.length + HEADER.length + HPKE_OVERHEAD) return Result.fail("a smaller size would do")
  for (let at = end; at < plaintext.length; at++)
    if (plaintext[at] !== 0) return Result.fail("its filling is not zeros")
  return Result.succeed({
    sender: plaintext.subarray(0, KEY_BYTES),
    signature: plaintext.subarray(KEY_BYTES, KEY_BYTES + SIGNATURE_BYTES),
    content: plaintext.subarray(CONTENT_AT, end)
  })
}

/** The whole envelope. */
export const wrap = (sealed: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(HEADER.length + sealed.length)
  bytes.set(HEADER)
  bytes.set(sealed, HEADER.length)
  return bytes
}

/** The sealed part, as a view. Looks at the size and the version only, so it costs nothing to refuse. */
export const unwrap = (envelope: Uint8Array): Result.Result<Uint8Array, string> => {
  if (!SIZES.includes(envelope.length)) return Result.fail(`${envelope.length} bytes are no size of envelopes`)
  if (envelope[0] !== VERSION) return Result.fail(`version ${envelope[0]} is unknown`)
  return Result.succeed(envelope.subarray(HEADER.length))
}
