/**
 * The first message of a peer on a link that is proved and not encrypted (docs/protocol-links.md). Bytes in, values out.
 *
 *      0                   7   8                       40                      72  73
 *     +-------------------+---+-----------------------+-----------------------+---+
 *     | 89 "p2plnk"       | 1 | Ed25519 public key    | nonce                 | w |
 *     +-------------------+---+-----------------------+-----------------------+---+
 *
 * The first byte is no letter and begins no TLS record, so a peer that speaks something else is known by its first byte.
 */
import * as Result from "effect/Result"

/** How every hello begins, before its version. */
export const MAGIC: Uint8Array = Uint8Array.of(0x89, 0x70, 0x32, 0x70, 0x6c, 0x6e, 0x6b)

export const VERSION = 1

export const NONCE = 32

const KEY_AT = MAGIC.length + 1
const NONCE_AT = KEY_AT + 32

/** Bytes of a hello. */
export const SIZE = NONCE_AT + NONCE + 1

const WELCOME_AT = SIZE - 1

export interface Hello {
  readonly publicKey: Uint8Array
  /** New for each link. */
  readonly nonce: Uint8Array
  /** Of a server: whether any link is welcome (1, else 0). A client's is of no meaning. */
  readonly welcome: boolean
}

/** Why bytes are no hello. */
export type Problem =
  /** A record of TLS (RFC 8446 section 5.1). */
  | { readonly _tag: "Tls" }
  | { readonly _tag: "Foreign" }
  | { readonly _tag: "OtherVersion"; readonly version: number }
  | { readonly _tag: "CutShort"; readonly size: number }

export const encode = ({ nonce, publicKey, welcome }: Hello): Uint8Array => {
  const bytes = new Uint8Array(SIZE)
  bytes.set(MAGIC)
  bytes[MAGIC.length] = VERSION
  bytes.set(publicKey, KEY_AT)
  bytes.set(nonce, NONCE_AT)
  bytes[WELCOME_AT] = welcome ? 1 : 0
  return bytes
}

/** What is wrong with the bytes so far: one is enough to know another protocol. */
export const problemOf = (start: Uint8Array): Problem | undefined => {
  const size = Math.min(start.length, MAGIC.length)
  for (let at = 0; at < size; at++) {
    if (start[at] !== MAGIC[at]) return at === 0 && isTlsType(start[0]!) ? { _tag: "Tls" } : { _tag: "Foreign" }
  }
  const version = start[MAGIC.length]
  return version === undefined || version === VERSION ? undefined : { _tag: "OtherVersion", version }
}

// change_cipher_spec, alert, handshake, application_data.
const isTlsType = (byte: number): boolean => byte >= 0x14 && byte <= 0x17

/** Reads a hello of exactly `SIZE` bytes; its parts are views of them. */
export const decode = (bytes: Uint8Array): Result.Result<Hello, Problem> => {
  const problem = problemOf(bytes)
  if (problem !== undefined) return Result.fail(problem)
  if (bytes.length !== SIZE) return Result.fail({ _tag: "CutShort", size: bytes.length })
  return Result.succeed({
    publicKey: bytes.subarray(KEY_AT, NONCE_AT),
    nonce: bytes.subarray(NONCE_AT, WELCOME_AT),
    welcome: bytes[WELCOME_AT] === 1
  })
}
