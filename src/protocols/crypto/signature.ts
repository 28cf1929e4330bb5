/**
 * Signatures with a context, so that one made for one purpose is none for another.
 *
 *     signed bytes = length of the context (1 byte), context (ASCII), message
 *
 * The same key signs TLS 1.3 handshakes and its certificate. Those bytes begin with 64 spaces (RFC 8446 section 4.4.3) and with
 * 0x30 and a length of 128 or more (DER); no context has spaces first or letters beyond ASCII, so these never look like that.
 */
import type { Primitives } from "./Primitives.ts"

/** Bytes of a signature. */
export const SIGNATURE_BYTES = 64

/** The bytes an Ed25519 signature is made of. The context: 1 to 255 printable ASCII characters, the first no space. */
export const signedBytes = (context: string, message: Uint8Array): Uint8Array => {
  if (!/^[!-~][ -~]{0,254}$/.test(context)) {
    throw new RangeError(`${JSON.stringify(context)} is no context: 1 to 255 ASCII characters, the first no space`)
  }
  const bytes = new Uint8Array(1 + context.length + message.length)
  bytes[0] = context.length
  for (let at = 0; at < context.length; at++) bytes[1 + at] = context.charCodeAt(at)
  bytes.set(message, 1 + context.length)
  return bytes
}

export const sign = (primitives: Primitives, seed: Uint8Array, context: string, message: Uint8Array): Uint8Array =>
  primitives.ed25519Sign(seed, signedBytes(context, message))

/** Whether the owner of a public key signed this message in this context. Any key and signature give an answer. */
export const verify = (
  primitives: Primitives,
  key: Uint8Array,
  context: string,
  message: Uint8Array,
  signature: Uint8Array
): boolean => primitives.ed25519Verify(key, signedBytes(context, message), signature)
