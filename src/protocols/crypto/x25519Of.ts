/**
 * The X25519 form of an Ed25519 key: the same point on the other shape of the curve, so that who knows a peer's signing key
 * can seal to it. What libsodium's `crypto_sign_ed25519_pk_to_curve25519` and `..._sk_to_curve25519` give.
 */
import { P, usableY } from "./ed25519Key.ts"
import type { Primitives } from "./Primitives.ts"

const ZERO = BigInt(0)
const ONE = BigInt(1)

const modulo = (value: bigint): bigint => {
  const rest = value % P
  return rest < ZERO ? rest + P : rest
}

// By Euclid's algorithm. The time it takes tells something of the value, which is public here.
const inverse = (value: bigint): bigint => {
  let [low, high] = [modulo(value), P]
  let [x, y] = [ONE, ZERO]
  while (low !== ONE) {
    const quotient = high / low
    ;[low, high] = [high - quotient * low, low]
    ;[x, y] = [y - quotient * x, x]
  }
  return modulo(x)
}

/**
 * u = (1 + y) / (1 - y) (RFC 7748 section 4.1), little-endian; `undefined` for a key that stands for nobody
 * (`ed25519Key`). For y without a point it gives a u whose secret nobody has.
 */
export const publicOf = (key: Uint8Array): Uint8Array | undefined => {
  const y = usableY(key)
  if (y === undefined) return undefined
  const hex = modulo((ONE + y) * inverse(ONE - y))
    .toString(16)
    .padStart(64, "0")
  return Uint8Array.from({ length: 32 }, (_, at) => Number.parseInt(hex.slice(62 - 2 * at, 64 - 2 * at), 16))
}

/** The secret of a seed: the first half of its SHA-512, clamped (RFC 8032 section 5.1.5), as Ed25519 itself makes it. */
export const secretOf = (primitives: Primitives, seed: Uint8Array): Uint8Array => {
  const secret = primitives.sha512(seed).slice(0, 32)
  secret[0]! &= 0xf8
  secret[31] = (secret[31]! & 0x7f) | 0x40
  return secret
}
