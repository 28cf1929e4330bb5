/**
 * Who a peer is: its Ed25519 public key, and nothing else.
 *
 * As text it is Bech32m (BIP 350) with the prefix `p2p`: 62 letters and digits, checksummed, case-insensitive, safe to read
 * aloud and dense in a QR code. In memory it is that text in lower case, so it compares with `===` and is a `Map` key.
 *
 * Any 32 bytes have a text. Whether they are a key that proves anything is asked where it is used: a signature by a key
 * anyone can sign with does not verify, and nothing is sealed to it (`protocols/crypto/ed25519Key`).
 */
import type * as Brand from "effect/Brand"
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Bech32m from "./bech32m.ts"

export type PeerId = string & Brand.Brand<"effect-p2p/PeerId">

/** Bytes of the key. */
export const KEY_BYTES = 32

/** Letters of the text. */
export const LENGTH = 62

const PREFIX = "p2p"
const START = `${PREFIX}1`

/** Text that is no peer id, and why. */
export class PeerIdError extends Data.TaggedError("PeerIdError")<{
  readonly input: string
  readonly problem: string
}> {
  override get message() {
    return `${JSON.stringify(this.input)} is no peer id: ${this.problem}`
  }
}

/** The id of a public key of 32 bytes. Another size is a mistake of the program and throws. */
export const fromKey = (key: Uint8Array): PeerId => {
  if (key.length !== KEY_BYTES) throw new RangeError(`a key of ${key.length} bytes: a peer id is one of ${KEY_BYTES}`)
  return Bech32m.encode(PREFIX, Bech32m.toWords(key)) as PeerId
}

/** The 32-byte public key, a fresh copy. */
export const toKey = (id: PeerId): Uint8Array => {
  const words = Bech32m.decode(id)
  const key = Result.isSuccess(words) ? Bech32m.fromWords(words.success.words) : undefined
  if (key?.length !== KEY_BYTES) throw new TypeError(`${JSON.stringify(id)} was never a peer id`)
  return key
}

/** Reads what `fromKey` wrote, in small letters or in capitals. */
export const fromString = (text: string): Result.Result<PeerId, PeerIdError> => {
  const refuse = (problem: string) => Result.fail(new PeerIdError({ input: text.slice(0, LENGTH + 2), problem }))
  const start = text.slice(0, START.length)
  if (start.toLowerCase() !== START) return refuse(`it begins with ${JSON.stringify(start)}, a peer id with "${START}"`)
  if (text.length < LENGTH) return refuse(`too short: ${text.length} of ${LENGTH} letters`)
  if (text.length > LENGTH) return refuse(`too long: ${text.length} letters, a peer id has ${LENGTH}`)
  // The last "1" ends a prefix, which may have others.
  const at = text.lastIndexOf("1")
  if (at !== PREFIX.length) return refuse(`"1" at position ${at + 1} cannot be: it comes after "${PREFIX}" alone`)
  const decoded = Bech32m.decode(text)
  if (Result.isFailure(decoded)) return refuse(decoded.failure)
  if (Bech32m.fromWords(decoded.success.words) === undefined) return refuse("its last bits are not zero")
  return Result.succeed(text.toLowerCase() as PeerId)
}

export const isPeerId = (value: unknown): value is PeerId =>
  typeof value === "string" &&
  Result.match(fromString(value), { onFailure: () => false, onSuccess: (id) => id === value })

/** The first letters, for logs: enough to tell the peers of one program apart, and no proof of anything. */
export const short = (id: PeerId): string => id.slice(0, START.length + 8)

/** A peer id as people write it, in small letters or capitals. */
export const PeerIdFromString: Schema.Codec<PeerId, string> = Schema.String.check(
  Schema.makeFilter((text) =>
    Result.match(fromString(text), { onFailure: (error) => error.message, onSuccess: () => true })
  )
).pipe(
  Schema.decodeTo(
    Schema.declare(isPeerId, { identifier: "PeerId" }),
    SchemaTransformation.transform({ decode: (text) => text.toLowerCase() as PeerId, encode: (id): string => id })
  )
)
