/**
 * Which bytes may be an Ed25519 public key that stands for somebody.
 *
 * There are eight points for which anyone can make signatures that verify, and OpenSSL 3.0 takes these for valid. Whoever
 * takes a key from bytes and then believes what it signed asks here.
 */

/** The field: integers modulo 2^255 - 19 (RFC 8032 section 5.1). */
export const P = BigInt("0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed")

const ONE = BigInt(1)

/** y of a point of order 8, not negative. */
const ORDER_8 = BigInt("0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826")

/** Each is the y of two of the eight points, or of one where x is 0. */
const SMALL_ORDER: ReadonlySet<bigint> = new Set([ONE, P - ONE, BigInt(0), ORDER_8, P - ORDER_8])

const KEY_BYTES = 32

/**
 * A private key as PKCS #8 (RFC 8410 section 7), up to its 32-byte seed: version 0, the object identifier 1.3.101.112, an octet
 * string in an octet string.
 */
export const PKCS8_START = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20
])

// Little-endian, without the top bit, which is the sign of x (RFC 8032 section 5.1.2).
const yOf = (key: Uint8Array): bigint => {
  let hex = "0x"
  for (let at = KEY_BYTES - 1; at >= 0; at--) {
    hex += (at === KEY_BYTES - 1 ? key[at]! & 0x7f : key[at]!).toString(16).padStart(2, "0")
  }
  return BigInt(hex)
}

/**
 * y of a key; `undefined` for another size than 32 bytes, for a second way to write a point (RFC 8032 section 5.1.3: y below
 * P) and for the eight points. Whether there is a point with this y is left to the verification.
 */
export const usableY = (key: Uint8Array): bigint | undefined => {
  if (key.length !== KEY_BYTES) return undefined
  const y = yOf(key)
  return y >= P || SMALL_ORDER.has(y) ? undefined : y
}

export const isUsable = (key: Uint8Array): boolean => usableY(key) !== undefined
