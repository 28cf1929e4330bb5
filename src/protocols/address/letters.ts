/**
 * Check letters: four behind the text of an address, which find every mistake in up to two pairs of letters and say where a single
 * one is, so that a slip of the pen is told apart from a forgery.
 *
 * Letters are taken in pairs from the end, a lone first one with a zero before it. A pair is a number of 10 bits, an element
 * of GF(2^10) modulo x^10 + x^3 + 1. The first two check letters are the sum of all pairs, the last two the sum of all pairs, each
 * times x to the power of its distance from the last: P and Q, as disks in RAID 6 have them.
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

/** The check letters of words of 5 bits. */
export const checkWords = (words: Uint8Array): Uint8Array => {
  const { sum, weighted } = sumsOf(words)
  return Uint8Array.of(sum >> 5, sum & 31, weighted >> 5, weighted & 31)
}

/**
 * What is wrong with words and their check letters: nothing; or the word at `at` (from 0, and perhaps the next one too), with
 * what would be right there; or more than can be told.
 */
export type Fault =
  | { readonly _tag: "None" }
  | { readonly _tag: "One"; readonly at: number; readonly right: ReadonlyArray<number> }
  | { readonly _tag: "Many" }

/** The words must be more than {@link CHECK_LETTERS}. */
export const faultOf = (all: Uint8Array): Fault => {
  const words = all.subarray(0, all.length - CHECK_LETTERS)
  const [p1, p2, q1, q2] = all.subarray(words.length)
  const { sum, weighted } = sumsOf(words)
  const p = sum ^ ((p1! << 5) | p2!)
  const q = weighted ^ ((q1! << 5) | q2!)
  if (p === 0 && q === 0) return { _tag: "None" }
  if (q === 0) return one(all, words.length, p)
  if (p === 0) return one(all, words.length + 2, q)
  const pairs = Math.ceil(words.length / 2)
  if (pairs > ORDER) return { _tag: "Many" }
  let moved = p
  for (let distance = 0; distance < pairs; distance++, moved = times(moved)) {
    if (moved === q) return one(all, words.length - 2 * (distance + 1), p)
  }
  return { _tag: "Many" }
}

// The pair that begins at a word, and by what it is off; a first word alone has a zero before it, which cannot be wrong.
const one = (all: Uint8Array, pair: number, off: number): Fault => {
  const offs = [off >> 5, off & 31]
  if (pair < 0 && offs[0] !== 0) return { _tag: "Many" }
  const from = offs[0] === 0 ? 1 : 0
  const to = offs[1] === 0 ? 1 : 2
  const right = offs.slice(from, to).map((value, index) => all[pair + from + index]! ^ value)
  return { _tag: "One", at: pair + from, right }
}
