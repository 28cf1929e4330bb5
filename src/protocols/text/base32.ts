/** Base32 (RFC 4648 section 6) in small letters, without filling. A letter is a word of 5 bits. */
import { toWords } from "../../schemas/bech32m.ts"

/** By the value of their words. */
export const LETTERS = "abcdefghijklmnopqrstuvwxyz234567"

export const lettersOf = (words: Iterable<number>): string => Array.from(words, (word) => LETTERS[word]!).join("")

export const encode = (bytes: Uint8Array): string => lettersOf(toWords(bytes))
