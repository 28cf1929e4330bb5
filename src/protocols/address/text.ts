/**
 * An address as text: `p2p:` and letters of RFC 4648 base32, four check letters last. Written in small letters, read in
 * either case: capitals make a smaller QR code. Reading passes over what programs and people put between and around:
 * spaces, line breaks, hyphens, brackets, quotes, any other punctuation, and letters that cannot be seen.
 */
import * as Result from "effect/Result"
import * as Bech32m from "../../schemas/bech32m.ts"
import type { SignedPeerAddress } from "../../schemas/PeerAddress.ts"
import { limits } from "../../schemas/PeerAddress.ts"
import * as Base32 from "../text/base32.ts"
import { addressError, type AddressError, fail } from "./AddressError.ts"
import { decode, type DecodeOptions } from "./decode.ts"
import { MIN_BYTES } from "./layout.ts"
import { CHECK_LETTERS, checkWords, faultOf } from "./letters.ts"

const PREFIX = "p2p"

/** Letters that hold version and length. */
const HEADER_LETTERS = 5

const lettersOf = (bytes: number): number => Math.ceil((bytes * 8) / 5) + CHECK_LETTERS

/** Beyond, no text is looked at: the longest address with as much again of what is passed over. */
const MAX_TEXT = 2 * (PREFIX.length + 1 + lettersOf(limits.bytes))

/** Punctuation, symbols, separators; control, format and other letters without a shape. */
const passedOver = /[\p{P}\p{S}\p{Z}\p{C}]+/gu

export const encodeText = ({ bytes }: Pick<SignedPeerAddress, "bytes">): string => {
  const words = Bech32m.toWords(bytes)
  return `${PREFIX}:${Base32.lettersOf(words)}${Base32.lettersOf(checkWords(words))}`
}

/** As {@link decode}; a text that is cut or mistyped says so, and where a single letter is, says which. */
export const decodeText = (text: string, options: DecodeOptions): Result.Result<SignedPeerAddress, AddressError> => {
  if (text.length > MAX_TEXT) return fail("NoAddress", "", `${text.length} letters: an address has fewer`)
  const seen = text.replace(passedOver, "")
  if (seen.slice(0, PREFIX.length).toLowerCase() !== PREFIX) {
    return fail("NoAddress", "", `it begins with ${JSON.stringify(seen.slice(0, 8))}, an address with "${PREFIX}:"`)
  }
  if (seen[PREFIX.length] === "1") {
    return fail("NoAddress", "", `a peer id says who, not where: ask for the address, which begins with "${PREFIX}:"`)
  }
  const letters = seen.slice(PREFIX.length).toLowerCase()
  const words = new Uint8Array(letters.length)
  for (let at = 0; at < letters.length; at++) {
    const value = Base32.LETTERS.indexOf(letters[at]!)
    if (value < 0) {
      const { length } = String.fromCodePoint(letters.codePointAt(at)!)
      return Result.fail(mistyped(letters, at, length, "an address has letters from a to z and digits from 2 to 7"))
    }
    words[at] = value
  }
  const problem = faultIn(words, letters)
  if (problem !== undefined) return Result.fail(problem)
  const bytes = Bech32m.fromWords(words.subarray(0, words.length - CHECK_LETTERS))
  return bytes === undefined
    ? fail("Mistyped", "", "its last bits are not zero: copy it again")
    : decode(bytes, options)
}

const faultIn = (words: Uint8Array, letters: string): AddressError | undefined => {
  const count = words.length
  if (count <= HEADER_LETTERS + CHECK_LETTERS) return addressError("Cut", "", `${count} letters: copy all of it`)
  const fault = faultOf(words)
  if (fault._tag === "None") return undefined
  if (fault._tag === "One") {
    const { at, right } = fault
    const mended = words.slice()
    mended.set(right, at)
    // Letters that are missing or too many can look like one that is wrong.
    if (expectedLetters(mended) === count) {
      return mistyped(letters, at, right.length, `"${Base32.lettersOf(right)}" would fit there`)
    }
  }
  const missing = (expectedLetters(words) ?? count) - count
  if (missing > 0) return addressError("Cut", "", `${lettersAre(missing)} missing: copy all of it`)
  if (missing < 0) return addressError("Mistyped", "", `${lettersAre(-missing)} too many: copy it again`)
  return addressError("Mistyped", "", "several letters are mistyped: copy it again")
}

const lettersAre = (count: number): string => (count === 1 ? "1 letter is" : `${count} letters are`)

/** How many letters there should be by the length in the header, if an address can have that length. */
const expectedLetters = ([, w1, w2, w3, w4]: Uint8Array): number | undefined => {
  const length = ((w1! & 3) << 14) | (w2! << 9) | (w3! << 4) | (w4! >> 1)
  return length >= MIN_BYTES && length <= limits.bytes ? lettersOf(length) : undefined
}

const mistyped = (letters: string, at: number, length: number, advice: string): AddressError => {
  const around = letters.slice(Math.max(0, at - 4), at + length + 4)
  const place = `letter ${at + 1} after "${PREFIX}:"`
  return addressError("Mistyped", place, `"${letters.slice(at, at + length)}" in "${around}" is mistyped: ${advice}`)
}
