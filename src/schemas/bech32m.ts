/**
 * Bech32m (BIP 350): bytes as text that survives being read aloud, typed and shouted in capitals, with a checksum that
 * finds every mistake of up to four letters.
 *
 *     prefix "1" data checksum        each letter of data and checksum is 5 bits, the checksum has six
 */
import * as Result from "effect/Result"

/** BIP 173: without letters that look alike. */
const LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

const CHECKSUM = 6

/** What the remainder of a right text is (BIP 350). */
const REMAINDER = 0x2bc830a3

/** BIP 173: up to here the checksum keeps its promise. */
export const MAX_LENGTH = 90

const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]

const valueOf = new Int8Array(128).fill(-1)
for (let value = 0; value < LETTERS.length; value++) valueOf[LETTERS.charCodeAt(value)] = value

const step = (remainder: number, value: number): number => {
  let next = ((remainder & 0x1ffffff) << 5) ^ value
  for (let bit = 0; bit < GENERATOR.length; bit++) {
    if ((remainder >>> (25 + bit)) & 1) next ^= GENERATOR[bit]!
  }
  return next
}

const remainderOf = (prefix: string, words: Iterable<number>): number => {
  let remainder = 1
  for (let at = 0; at < prefix.length; at++) remainder = step(remainder, prefix.charCodeAt(at) >>> 5)
  remainder = step(remainder, 0)
  for (let at = 0; at < prefix.length; at++) remainder = step(remainder, prefix.charCodeAt(at) & 31)
  for (const word of words) remainder = step(remainder, word)
  return remainder
}

/** The text of 5-bit words, in small letters. The prefix is 1 to 83 printable ASCII characters without capitals. */
export const encode = (prefix: string, words: Uint8Array): string => {
  let remainder = remainderOf(prefix, words)
  for (let at = 0; at < CHECKSUM; at++) remainder = step(remainder, 0)
  remainder ^= REMAINDER
  let text = `${prefix}1`
  for (const word of words) text += LETTERS[word]!
  for (let at = CHECKSUM - 1; at >= 0; at--) text += LETTERS[(remainder >>> (5 * at)) & 31]!
  return text
}

export interface Decoded {
  readonly prefix: string
  readonly words: Uint8Array
}

/** The prefix and the words of a text, or a sentence that says what is wrong with it. */
export const decode = (text: string): Result.Result<Decoded, string> => {
  if (text.length > MAX_LENGTH) return Result.fail(`too long: ${text.length} characters, ${MAX_LENGTH} are the most`)
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 33 || code > 126) return Result.fail(misplaced(text, at))
  }
  const lower = text.toLowerCase()
  if (lower !== text && text.toUpperCase() !== text) return Result.fail("capital and small letters are mixed")
  const separator = lower.lastIndexOf("1")
  if (separator < 1) return Result.fail('no prefix: it ends in "1"')
  const length = lower.length - separator - 1
  if (length < CHECKSUM) return Result.fail(`too short: ${length} letters after the prefix, ${CHECKSUM} are the least`)
  const words = new Uint8Array(length)
  for (let at = 0; at < length; at++) {
    const value = valueOf[lower.charCodeAt(separator + 1 + at)]!
    if (value < 0) return Result.fail(misplaced(text, separator + 1 + at))
    words[at] = value
  }
  const prefix = lower.slice(0, separator)
  if (remainderOf(prefix, words) !== REMAINDER) return Result.fail("a letter is mistyped")
  return Result.succeed({ prefix, words: words.subarray(0, length - CHECKSUM) })
}

const misplaced = (text: string, at: number) =>
  `${JSON.stringify(String.fromCodePoint(text.codePointAt(at)!))} at position ${at + 1} cannot be: after the prefix come letters and digits of ${LETTERS}`

/** Bytes as 5-bit words, the last one filled up with zero bits. */
export const toWords = (bytes: Uint8Array): Uint8Array => {
  const words = new Uint8Array(Math.ceil((bytes.length * 8) / 5))
  let bits = 0
  let held = 0
  let at = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    for (bits += 8; bits >= 5;) words[at++] = (held >>> (bits -= 5)) & 31
  }
  if (bits > 0) words[at] = (held << (5 - bits)) & 31
  return words
}

/** The bytes of 5-bit words; `undefined` where what is left over is a word or more, or not zero: each text has one reading. */
export const fromWords = (words: Uint8Array): Uint8Array | undefined => {
  const bytes = new Uint8Array(Math.floor((words.length * 5) / 8))
  let bits = 0
  let held = 0
  let at = 0
  for (const word of words) {
    held = ((held << 5) | word) & 0xfff
    if ((bits += 5) >= 8) bytes[at++] = (held >>> (bits -= 8)) & 0xff
  }
  return bits >= 5 || (held & ((1 << bits) - 1)) !== 0 ? undefined : bytes
}
