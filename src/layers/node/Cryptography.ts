/**
 * `Cryptography` by `node:crypto`.
 *
 * Node takes no raw keys, so they are put behind the fixed bytes of their DER form (RFC 8410). Reading such a key costs about
 * as much as using it; what was read is kept: secrets as long as the bytes they came from, public keys a bounded number.
 */
import * as Layer from "effect/Layer"
import * as Crypto from "node:crypto"
import { isUsable, PKCS8_START } from "../../protocols/crypto/ed25519Key.ts"
import type { Primitives } from "../../protocols/crypto/Primitives.ts"
import { Cryptography } from "../../services/Cryptography.ts"
import { hmacSha256 } from "./hmac.ts"
import { dropOldest } from "../../protocols/limits/dropOldest.ts"

type Curve = "ed25519" | "x25519"

/** A private key up to its 32 bytes (RFC 8410 section 7); the object identifier of X25519 is 1.3.101.110. */
const privateStart: Record<Curve, Uint8Array> = {
  ed25519: PKCS8_START,
  x25519: Buffer.from("302e020100300506032b656e04220420", "hex")
}

/** A public key (SubjectPublicKeyInfo) up to its 32 bytes (RFC 8410 section 4). */
const publicStart: Record<Curve, Uint8Array> = {
  ed25519: Buffer.from("302a300506032b6570032100", "hex"),
  x25519: Buffer.from("302a300506032b656e032100", "hex")
}

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const NONCE_BYTES = 12
const TAG_BYTES = 16

const AEAD = "chacha20-poly1305"

/** Public keys kept: more peers than talk at once, in less than a megabyte. */
const MAX_PUBLIC_KEYS = 1024

const checkSize = (what: string, bytes: Uint8Array, size: number): void => {
  if (bytes.length !== size) throw new RangeError(`${what} of ${bytes.length} bytes: it has ${size}`)
}

// Buffers may be windows into a pool others write to and keep alive.
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

const readPrivate = (curve: Curve, secret: Uint8Array): Crypto.KeyObject => {
  const der = Buffer.concat([privateStart[curve], secret])
  const key = Crypto.createPrivateKey({ key: der, format: "der", type: "pkcs8" })
  der.fill(0)
  return key
}

const readPublic = (curve: Curve, key: Uint8Array): Crypto.KeyObject =>
  Crypto.createPublicKey({ key: Buffer.concat([publicStart[curve], key]), format: "der", type: "spki" })

// Kept with a copy of the bytes it came from, since those may be written over.
const secretKeys = (curve: Curve, what: string) => {
  const known = new WeakMap<Uint8Array, { readonly from: Uint8Array; readonly key: Crypto.KeyObject }>()
  return (secret: Uint8Array): Crypto.KeyObject => {
    checkSize(what, secret, KEY_BYTES)
    const found = known.get(secret)
    if (found !== undefined && Buffer.compare(found.from, secret) === 0) return found.key
    const key = readPrivate(curve, secret)
    known.set(secret, { from: plain(secret), key })
    return key
  }
}

const ed25519Secret = secretKeys("ed25519", "an Ed25519 seed")
const x25519Secret = secretKeys("x25519", "an X25519 secret")

const ed25519Publics = new Map<string, Crypto.KeyObject>()

// Throws where OpenSSL does not take the bytes. The least recently used key leaves first.
const ed25519Public = (bytes: Uint8Array): Crypto.KeyObject => {
  const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
  const key = ed25519Publics.get(name) ?? readPublic("ed25519", bytes)
  ed25519Publics.delete(name)
  ed25519Publics.set(name, key)
  dropOldest(ed25519Publics, MAX_PUBLIC_KEYS)
  return key
}

const publicOf = (curve: Curve, secret: Crypto.KeyObject): Uint8Array =>
  plain(Crypto.createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(publicStart[curve].length))

export const primitives: Primitives = {
  sha256: (data) => plain(Crypto.createHash("sha256").update(data).digest()),
  sha512: (data) => plain(Crypto.createHash("sha512").update(data).digest()),
  hmacSha256,
  ed25519PublicKey: (seed) => publicOf("ed25519", ed25519Secret(seed)),
  ed25519Sign: (seed, message) => plain(Crypto.sign(null, message, ed25519Secret(seed))),
  ed25519Verify: (publicKey, message, signature) => {
    if (signature.length !== SIGNATURE_BYTES || !isUsable(publicKey)) return false
    try {
      return Crypto.verify(null, message, ed25519Public(publicKey), signature)
    } catch {
      return false
    }
  },
  x25519PublicKey: (secret) => publicOf("x25519", x25519Secret(secret)),
  x25519: (secret, publicKey) => {
    const privateKey = x25519Secret(secret)
    if (publicKey.length !== KEY_BYTES) return undefined
    try {
      return plain(Crypto.diffieHellman({ privateKey, publicKey: readPublic("x25519", publicKey) }))
    } catch {
      // OpenSSL refuses a shared secret of zeros, which points of small order give.
      return undefined
    }
  },
  aeadSeal: (key, nonce, aad, plaintext) => {
    checkSize("a key", key, KEY_BYTES)
    checkSize("a nonce", nonce, NONCE_BYTES)
    const cipher = Crypto.createCipheriv(AEAD, key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(aad, { plaintextLength: plaintext.length })
    const sealed = new Uint8Array(plaintext.length + TAG_BYTES)
    sealed.set(cipher.update(plaintext))
    cipher.final()
    sealed.set(cipher.getAuthTag(), plaintext.length)
    return sealed
  },
  aeadOpen: (key, nonce, aad, sealed) => {
    const length = sealed.length - TAG_BYTES
    if (key.length !== KEY_BYTES || nonce.length !== NONCE_BYTES || length < 0) return undefined
    try {
      const decipher = Crypto.createDecipheriv(AEAD, key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(aad, { plaintextLength: length })
      decipher.setAuthTag(sealed.subarray(length))
      const opened = decipher.update(sealed.subarray(0, length))
      decipher.final()
      return plain(opened)
    } catch {
      return undefined
    }
  }
}

export const layer: Layer.Layer<Cryptography> = Layer.succeed(Cryptography, Cryptography.of(primitives))
