/**
 * The cryptography that protocols stand on, as plain functions of bytes: given to them by whoever runs them, so that they
 * stay free of any platform. Nothing here is home-made; see the `Cryptography` service for who provides it.
 *
 * All are synchronous and deterministic: keys and nonces are arguments, and where luck is needed the caller brings it. Where
 * bytes come from strangers (public keys, signatures, what is sealed) any bytes give an answer. A secret, seed, key or
 * nonce of one's own with another size than is said here is a mistake of the program and throws a `RangeError`.
 */
export interface Primitives {
  readonly sha256: (data: Uint8Array) => Uint8Array
  readonly sha512: (data: Uint8Array) => Uint8Array
  readonly hmacSha256: (key: Uint8Array, data: Uint8Array) => Uint8Array
  /** RFC 8032. The public key of a 32-byte seed. */
  readonly ed25519PublicKey: (seed: Uint8Array) => Uint8Array
  /** A 64-byte signature. */
  readonly ed25519Sign: (seed: Uint8Array, message: Uint8Array) => Uint8Array
  /** False for keys that are none or stand for nobody (`ed25519Key`) and signatures that are none; never throws. */
  readonly ed25519Verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  /** RFC 7748. The public key of a 32-byte secret. */
  readonly x25519PublicKey: (secret: Uint8Array) => Uint8Array
  /** The shared secret, `undefined` where the public key is of small order or none at all (RFC 7748 section 6.1). */
  readonly x25519: (secret: Uint8Array, publicKey: Uint8Array) => Uint8Array | undefined
  /** ChaCha20-Poly1305 (RFC 8439): ciphertext and 16-byte tag. Key 32 bytes, nonce 12. */
  readonly aeadSeal: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) => Uint8Array
  /** The plaintext, `undefined` where it was not sealed by this key with this nonce and these data; never throws. */
  readonly aeadOpen: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array) => Uint8Array | undefined
}
