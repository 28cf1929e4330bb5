/** What the tests of cryptography share. */
import { type Luck, luck } from "../../lab/support/random.ts"

export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"))

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)

export const bytesOf = (random: Luck, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, () => random.below(256))

/** Seeds that are the same on each run. */
export const seeds = (count: number): ReadonlyArray<Uint8Array> => {
  const random = luck(count)
  return Array.from({ length: count }, () => bytesOf(random, 32))
}

/** The same bytes with one bit turned. */
export const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
  const copy = bytes.slice()
  copy[bit >> 3]! ^= 1 << (bit & 7)
  return copy
}

const withSign = (key: Uint8Array): Uint8Array => flipped(key, 255)

/**
 * Every way to write one of the eight points of small order, by libsodium's list: y of 0, 1, the two of order 8, p - 1, p and
 * p + 1, each with both signs of x.
 */
export const smallOrder: ReadonlyArray<Uint8Array> = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
].flatMap((text) => [hex(text), withSign(hex(text))])
