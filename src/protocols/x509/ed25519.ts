/**
 * Ed25519 keys in DER (RFC 8410).
 */
import * as Der from "./der.ts"

/** id-Ed25519, without parameters (section 3): the name of the key and of its signatures. */
export const algorithm = Der.sequence(Der.objectIdentifier(1, 3, 101, 112))

/** A public key as a SubjectPublicKeyInfo (section 4). */
export const publicKeyInfo = (publicKey: Uint8Array): Uint8Array => Der.sequence(algorithm, Der.bitString(publicKey))

/** A seed as a PKCS #8 private key (section 7), version 1: the public key is not in it. */
export const privateKeyInfo = (seed: Uint8Array): Uint8Array =>
  Der.sequence(Der.integer(Uint8Array.of(0)), algorithm, Der.octetString(Der.octetString(seed)))
