/**
 * Ed25519 keys in DER (RFC 8410).
 */
import * as Der from "./der.ts"

const KEY_BYTES = 32

/** id-Ed25519, without parameters (section 3): the name of the key and of its signatures. */
export const algorithm = Der.sequence(Der.objectIdentifier(1, 3, 101, 112))

/** A public key as a SubjectPublicKeyInfo (section 4). */
export const publicKeyInfo = (publicKey: Uint8Array): Uint8Array => Der.sequence(algorithm, Der.bitString(publicKey))

/** A seed as a PKCS #8 private key (section 7), version 1: the public key is not in it. */
export const privateKeyInfo = (seed: Uint8Array): Uint8Array =>
  Der.sequence(Der.integer(Uint8Array.of(0)), algorithm, Der.octetString(Der.octetString(seed)))

const start = publicKeyInfo(new Uint8Array(KEY_BYTES)).slice(0, -KEY_BYTES)

/** The 32 bytes in a SubjectPublicKeyInfo, `undefined` where it is of another kind. DER has one way to write it. */
export const publicKeyOf = (info: Uint8Array): Uint8Array | undefined =>
  info.length === start.length + KEY_BYTES && start.every((byte, at) => info[at] === byte)
    ? Uint8Array.from(info.subarray(start.length))
    : undefined
