/**
 * Hybrid public key encryption (RFC 9180): base mode, one message a key, of the suite DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, ChaCha20-Poly1305.
 *
 *     sealed = public key of the ephemeral secret (32 bytes), ciphertext, tag (16 bytes)
 *
 * Nothing tells who sealed it. An ephemeral secret is for one message: with a second one the key would repeat.
 */
import * as Bytes from "effect/Bytes"
import type { Primitives } from "./Primitives.ts"

/** Bytes sealing adds. */
export const OVERHEAD = 48

const KEY_BYTES = 32
const NONCE_BYTES = 12

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

/** RFC 9180 section 4: every derivation names the version, the suite and its purpose. */
const VERSION = ascii("HPKE-v1")

/** Section 4.1, with the number of the KEM (section 7.1). */
const KEM_SUITE = Uint8Array.of(...ascii("KEM"), 0x00, 0x20)

/** Section 5.1, with the numbers of KEM, KDF and AEAD (section 7). */
const HPKE_SUITE = Uint8Array.of(...ascii("HPKE"), 0x00, 0x20, 0x00, 0x01, 0x00, 0x03)

const MODE_BASE = Uint8Array.of(0x00)
const NOTHING = new Uint8Array(0)

/** HKDF of one suite (RFC 5869, RFC 9180 section 4). */
class Derivation {
  private readonly primitives: Primitives
  private readonly suite: Uint8Array

  constructor(primitives: Primitives, suite: Uint8Array) {
    this.primitives = primitives
    this.suite = suite
  }

  extract(salt: Uint8Array, label: string, input: Uint8Array): Uint8Array {
    return this.primitives.hmacSha256(salt, Bytes.concat([VERSION, this.suite, ascii(label), input]))
  }

  /** At most 32 bytes: the first block of HKDF-Expand is all of it. */
  expand(secret: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array {
    const labeled = Bytes.concat([Uint8Array.of(0, length), VERSION, this.suite, ascii(label), info, Uint8Array.of(1)])
    return this.primitives.hmacSha256(secret, labeled).subarray(0, length)
  }
}

/**
 * The secret both sides have (section 4.1), from a Diffie-Hellman result and the two public keys that made it.
 */
const sharedSecret = (
  primitives: Primitives,
  secret: Uint8Array,
  theirs: Uint8Array,
  encapsulated: Uint8Array,
  recipient: Uint8Array
): Uint8Array | undefined => {
  const agreed = primitives.x25519(secret, theirs)
  if (agreed === undefined) return undefined
  const kem = new Derivation(primitives, KEM_SUITE)
  const extracted = kem.extract(NOTHING, "eae_prk", agreed)
  return kem.expand(extracted, "shared_secret", Bytes.concat([encapsulated, recipient]), KEY_BYTES)
}

export interface Encapsulated {
  readonly encapsulated: Uint8Array
  readonly shared: Uint8Array
}

/** `undefined` where `recipient` is no public key. */
export const encapsulate = (
  primitives: Primitives,
  recipient: Uint8Array,
  ephemeral: Uint8Array
): Encapsulated | undefined => {
  const encapsulated = primitives.x25519PublicKey(ephemeral)
  const shared = sharedSecret(primitives, ephemeral, recipient, encapsulated, recipient)
  return shared === undefined ? undefined : { encapsulated, shared }
}

/** An X25519 key pair. */
export interface KeyPair {
  readonly secret: Uint8Array
  readonly publicKey: Uint8Array
}

/** `undefined` where `encapsulated` is no public key. */
export const decapsulate = (
  primitives: Primitives,
  { publicKey, secret }: KeyPair,
  encapsulated: Uint8Array
): Uint8Array | undefined => sharedSecret(primitives, secret, encapsulated, encapsulated, publicKey)

/** Key and nonce of the first message (section 5.1, base mode: `psk` and `psk_id` are empty). */
export const keySchedule = (primitives: Primitives, shared: Uint8Array, info: Uint8Array) => {
  const hpke = new Derivation(primitives, HPKE_SUITE)
  const pskIdHash = hpke.extract(NOTHING, "psk_id_hash", NOTHING)
  const context = Bytes.concat([MODE_BASE, pskIdHash, hpke.extract(NOTHING, "info_hash", info)])
  const secret = hpke.extract(shared, "secret", NOTHING)
  return {
    key: hpke.expand(secret, "key", context, KEY_BYTES),
    nonce: hpke.expand(secret, "base_nonce", context, NONCE_BYTES)
  }
}

/** What both sides must agree on and is not sent. */
export interface Bound {
  readonly info: Uint8Array
  readonly aad: Uint8Array
}

/** Seals to an X25519 public key; `undefined` where that is none. `ephemeral`: 32 secret bytes of luck, used once. */
export const seal = (
  primitives: Primitives,
  recipient: Uint8Array,
  ephemeral: Uint8Array,
  { aad, info, plaintext }: Bound & { readonly plaintext: Uint8Array }
): Uint8Array | undefined => {
  const made = encapsulate(primitives, recipient, ephemeral)
  if (made === undefined) return undefined
  const { key, nonce } = keySchedule(primitives, made.shared, info)
  return Bytes.concat([made.encapsulated, primitives.aeadSeal(key, nonce, aad, plaintext)])
}

/** What was sealed to this key pair; `undefined` for anything else. */
export const open = (
  primitives: Primitives,
  recipient: KeyPair,
  { aad, info, sealed }: Bound & { readonly sealed: Uint8Array }
): Uint8Array | undefined => {
  if (sealed.length < OVERHEAD) return undefined
  const shared = decapsulate(primitives, recipient, sealed.subarray(0, KEY_BYTES))
  if (shared === undefined) return undefined
  const { key, nonce } = keySchedule(primitives, shared, info)
  return primitives.aeadOpen(key, nonce, aad, sealed.subarray(KEY_BYTES))
}
