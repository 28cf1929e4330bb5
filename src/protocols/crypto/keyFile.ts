/**
 * A peer's key as text: PEM (RFC 7468) of a PKCS #8 Ed25519 key (RFC 8410), as `openssl genpkey -algorithm ed25519` writes it,
 * with the peer id above.
 *
 *     peer id: p2p1...
 *     Whoever has this file is this peer. Show it to nobody.
 *     -----BEGIN PRIVATE KEY-----
 *     MC4CAQAwBQYDK2VwBCIE...
 *     -----END PRIVATE KEY-----
 */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as PeerId from "../../schemas/PeerId.ts"
import { PKCS8_START } from "./ed25519Key.ts"

/** Characters of a key file at most, its comments counted. */
export const MAX_LENGTH = 4096

const SEED_BYTES = 32

const BEGIN = "-----BEGIN PRIVATE KEY-----"
const END = "-----END PRIVATE KEY-----"

export const encode = (seed: Uint8Array, peer: PeerId.PeerId): string => {
  const der = new Uint8Array(PKCS8_START.length + SEED_BYTES)
  der.set(PKCS8_START)
  der.set(seed, PKCS8_START.length)
  const body = Base64.encode(der)
  return `peer id: ${peer}\nWhoever has this file is this peer. Show it to nobody.\n${BEGIN}\n${body}\n${END}\n`
}

export interface KeyText {
  readonly seed: Uint8Array
  /** The id that stands above the key, for the reader to compare. */
  readonly peer: PeerId.PeerId | undefined
}

/** The key in a text, or what is wrong with it. Nothing of the key is in what it says. */
export const decode = (text: string): Result.Result<KeyText, string> => {
  if (text.length > MAX_LENGTH) return Result.fail(`is longer than ${MAX_LENGTH} characters`)
  if (text.trim() === "") return Result.fail("is empty")
  const [, label] = /-----BEGIN ([A-Z ]*)-----/.exec(text) ?? []
  if (label === undefined) return Result.fail("has no -----BEGIN PRIVATE KEY----- line")
  if (label !== "PRIVATE KEY") return Result.fail(`holds ${article(label)}, and no private key in clear`)
  const start = text.indexOf(BEGIN)
  const end = text.indexOf(END, start)
  if (end < 0) return Result.fail("is cut short: the -----END PRIVATE KEY----- line is missing")
  const der = Base64.decode(text.slice(start + BEGIN.length, end).replace(/\s/g, ""))
  if (Result.isFailure(der)) return Result.fail("has letters in its key that are no base64")
  const bytes = der.success
  if (bytes.length !== PKCS8_START.length + SEED_BYTES || PKCS8_START.some((byte, at) => byte !== bytes[at])) {
    return Result.fail("holds another kind of key: an Ed25519 key is wanted")
  }
  const [, name] = /^peer id: *(\S+)/m.exec(text.slice(0, start)) ?? []
  const peer = name === undefined ? undefined : PeerId.fromString(name)
  if (peer !== undefined && Result.isFailure(peer)) return Result.fail(`names no peer: ${peer.failure.message}`)
  return Result.succeed({ seed: bytes.slice(PKCS8_START.length), peer: peer?.success })
}

const article = (label: string): string => `${/^[AEIOU]/.test(label) ? "an" : "a"} ${label}`
