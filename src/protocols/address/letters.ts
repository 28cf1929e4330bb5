/**
 * Check letters: four behind the text of an address, which find every mistake in up to two pairs of letters and say where a single
 * one is, so that a slip of the pen is told apart from a forgery.
 *
 * Letters are taken in pairs from the end, a lone first one with a zero before it. A pair is a number of 10 bits, an element
 * of GF(2^10) modulo x^10 + x^3 + 1. The check letters are the two last pairs, such that the sum of all pairs is 0, and so is the
 * sum of all pairs each times x to the power of its distance from the last: a Reed-Solomon code.
 */

export const CHECK_LETTERS = 4

const FIELD = 0x409

/** Powers of x repeat after so many: in a longer text a place is one of several. */
const ORDER = 1023

const times = (value: number): number => (value & 0x200 ? (value << 1) ^ FIELD : value << 1)

interface Sums {
  readonly sum: number
  readonly weighted: number
}

const sumsOf = (words: Uint8Array): Sums => {
  let sum = 0
  let weighted = 0
  for (let at = -(words.length % 2); at < words.length; at += 2) {
    const pair = ((words[at] ?? 0) << 5) | words[at + 1]!
    sum ^= pair
    weighted = times(weighted) ^ pair
  }
  return { sum, weighted }
}

// The inverse of x + 1 is x^9 + x^8 + ... + x^3.
const byXPlus1 = (value: number): number => {
  let power = times(times(value))
  let sum = 0
  for (let exponent = 3; exponent <= 9; exponent++) sum ^= power = times(power)
  return sum
}

/** The check letters of words of 5 bits. */
export const checkWords = (words: Uint8Array): Uint8Array => {
  const { sum, weighted } = sumsOf(words)
  // first + last = sum, first x + last = weighted x^2.
  const first = byXPlus1(sum ^ times(times(weighted)))
  const last = sum ^ first
  return Uint8Array.of(first >> 5, first & 31, last >> 5, last & 31)
}

/**
 * What is wrong with words and their check letters: nothing; or those from `at` on, which should be `right`, one or two; or more
 * than can be told.
 */
export type Fault =
  | { readonly _tag: "None" }
  | { readonly _tag: "One"; readonly at: number; readonly right: ReadonlyArray<number> }
  | { readonly _tag: "Many" }

export const faultOf = (words: Uint8Array): Fault => {
  const { sum, weighted } = sumsOf(words)
  if (sum === 0 && weighted === 0) return { _tag: "None" }
  const pairs = Math.ceil(words.length / 2)
  if (sum === 0 || pairs > ORDER) return { _tag: "Many" }
  let moved = sum
  for (let distance = 0; distance < pairs; distance++, moved = times(moved)) {
    if (moved === weighted) return one(words, words.length - 2 * (distance + 1), sum)
  }
  return { _tag: "Many" }
}

// The pair that begins at a word, and by what it is off. The zero before a lone first word cannot be wrong.
const one = (words: Uint8Array, pair: number, off: number): Fault => {
  const offs = [off >> 5, off & 31]
  if (pair < 0 && offs[0] !== 0) return { _tag: "Many" }
  const from = offs[0] === 0 ? 1 : 0
  const to = offs[1] === 0 ? 1 : 2
  const right = offs.slice(from, to).map((value, index) => words[pair + from + index]! ^ value)
  return { _tag: "One", at: pair + from, right }
}
