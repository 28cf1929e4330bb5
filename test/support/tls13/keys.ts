/**
 * The key schedule and the record protection of TLS 1.3 with TLS_AES_128_GCM_SHA256 (RFC 8446 sections 5.2 and 7), for peers
 * that lie: a TLS library would not.
 */
import * as Crypto from "node:crypto"

const HASH = 32

export const sha256 = (...parts: ReadonlyArray<Uint8Array>): Buffer =>
  parts.reduce((hash, part) => hash.update(part), Crypto.createHash("sha256")).digest()

export const hmac = (key: Uint8Array, data: Uint8Array): Buffer =>
  Crypto.createHmac("sha256", key).update(data).digest()

// One block of HKDF-Expand is enough for everything here.
const expandLabel = (secret: Uint8Array, label: string, context: Uint8Array, length: number): Buffer => {
  const name = Buffer.from(`tls13 ${label}`)
  const info = [Buffer.of(length >> 8, length & 255, name.length), name, Buffer.of(context.length), context]
  return hmac(secret, Buffer.concat([...info, Buffer.of(1)])).subarray(0, length)
}

/** The traffic secrets of the handshake. */
export const handshakeSecrets = (shared: Uint8Array, transcript: ReadonlyArray<Uint8Array>) => {
  const zeros = Buffer.alloc(HASH)
  const early = hmac(zeros, zeros)
  const secret = hmac(expandLabel(early, "derived", sha256(), HASH), shared)
  const hash = sha256(...transcript)
  return {
    client: expandLabel(secret, "c hs traffic", hash, HASH),
    server: expandLabel(secret, "s hs traffic", hash, HASH)
  }
}

/** The contents of Finished (section 4.4.4). */
export const finished = (secret: Uint8Array, transcript: ReadonlyArray<Uint8Array>): Buffer =>
  hmac(expandLabel(secret, "finished", Buffer.alloc(0), HASH), sha256(...transcript))

/** What CertificateVerify signs (section 4.4.3). */
export const toBeSigned = (role: "client" | "server", transcript: ReadonlyArray<Uint8Array>): Buffer =>
  Buffer.concat([
    Buffer.alloc(64, 0x20),
    Buffer.from(`TLS 1.3, ${role} CertificateVerify`),
    Buffer.of(0),
    sha256(...transcript)
  ])

/** One direction of protected records. */
export class Protection {
  private readonly key: Buffer
  private readonly iv: Buffer
  private sequence = 0

  constructor(secret: Uint8Array) {
    this.key = expandLabel(secret, "key", Buffer.alloc(0), 16)
    this.iv = expandLabel(secret, "iv", Buffer.alloc(0), 12)
  }

  private nonce(): Buffer {
    const nonce = Buffer.from(this.iv)
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.sequence++) >>> 0, 8)
    return nonce
  }

  /** A handshake message as a record. */
  seal(message: Uint8Array): Buffer {
    const inner = Buffer.concat([message, Buffer.of(22)])
    const header = Buffer.of(23, 3, 3, (inner.length + 16) >> 8, (inner.length + 16) & 255)
    const cipher = Crypto.createCipheriv("aes-128-gcm", this.key, this.nonce()).setAAD(header)
    return Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()])
  }

  /** The handshake bytes in the fragment of a record. */
  open(fragment: Buffer): Buffer {
    const header = Buffer.of(23, 3, 3, fragment.length >> 8, fragment.length & 255)
    const decipher = Crypto.createDecipheriv("aes-128-gcm", this.key, this.nonce()).setAAD(header)
    decipher.setAuthTag(fragment.subarray(-16))
    const inner = Buffer.concat([decipher.update(fragment.subarray(0, -16)), decipher.final()])
    return inner.subarray(0, -1)
  }
}
