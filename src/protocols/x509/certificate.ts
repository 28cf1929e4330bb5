/**
 * The certificate a peer shows in TLS: its own Ed25519 key, signed by itself (RFC 5280, RFC 8410).
 *
 * All of it follows from the key, so it says nothing of the machine or the day it was made on, and is the same each time.
 */
import * as Der from "./der.ts"
import * as Ed25519 from "./ed25519.ts"

/** Version 3, the only one that every TLS library takes. */
const version = Der.explicit(0, Der.integer(Uint8Array.of(2)))

/**
 * Always: the key is what is trusted, for as long as its owner keeps it, and no clock is asked. The end is RFC 5280's "no
 * well-defined expiration date" (section 4.1.2.5).
 */
const validity = Der.sequence(Der.utcTime("700101000000Z"), Der.generalizedTime("99991231235959Z"))

/** id-at-commonName, at most 64 letters long. */
const commonName = Der.objectIdentifier(2, 5, 4, 3)

/** Fewer than the 20 that RFC 5280 allows (section 4.1.2.2). */
const SERIAL_BYTES = 16

// Unique to the key; always positive and never shorter, whatever the key begins with.
const serialOf = (publicKey: Uint8Array): Uint8Array => {
  const serial = Uint8Array.from(publicKey.subarray(0, SERIAL_BYTES))
  serial[0] = (serial[0]! & 0x3f) | 0x40
  return Der.integer(serial)
}

/** The certificate of a public key under a name of at most 64 letters. `sign` makes the 64-byte signature of its key. */
export const selfSigned = (
  publicKey: Uint8Array,
  name: string,
  sign: (message: Uint8Array) => Uint8Array
): Uint8Array => {
  const who = Der.sequence(Der.set(Der.sequence(commonName, Der.utf8String(name))))
  const toBeSigned = Der.sequence(
    version,
    serialOf(publicKey),
    Ed25519.algorithm,
    who,
    validity,
    who,
    Ed25519.publicKeyInfo(publicKey)
  )
  return Der.sequence(toBeSigned, Ed25519.algorithm, Der.bitString(sign(toBeSigned)))
}
