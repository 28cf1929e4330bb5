/**
 * The start of a NONCE that says what its server can do, so that nobody on the way can take it from the response unseen
 * (RFC 8489 sections 9.2 and 9.2.1): `obMatJos2` and 24 bits in base64.
 *
 * Bit 0 is the last of the 24, as verified erratum 6290 and the RFC's example (appendix B.1) have it, and not the
 * first, as section 18.1 says.
 */

/** RFC 8489 section 18.1. */
export interface SecurityFeatures {
  /** The response has PASSWORD-ALGORITHMS; one without has been tampered with. */
  readonly passwordAlgorithms: boolean
  /** USERHASH may, and then must, stand for USERNAME. */
  readonly usernameAnonymity: boolean
}

const PREFIX = "obMatJos2"
const PASSWORD_ALGORITHMS = 1
const USERNAME_ANONYMITY = 2

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/** What a server that implements RFC 8489 puts before its nonces. */
export const nonceCookie = (features: SecurityFeatures): string => {
  const bits =
    (features.passwordAlgorithms ? PASSWORD_ALGORITHMS : 0) | (features.usernameAnonymity ? USERNAME_ANONYMITY : 0)
  // The bits known today all stand in the last of the four characters.
  return `${PREFIX}AAA${alphabet[bits]}`
}

/**
 * What a nonce says; `undefined` for one without the cookie, from a server of RFC 5389. Bits not known here are
 * ignored.
 */
export const securityFeatures = (nonce: string): SecurityFeatures | undefined => {
  if (!nonce.startsWith(PREFIX) || nonce.length < PREFIX.length + 4) return undefined
  let bits = 0
  for (let i = 0; i < 4; i++) {
    const six = alphabet.indexOf(nonce.charAt(PREFIX.length + i))
    if (six === -1) return undefined
    bits = (bits << 6) | six
  }
  return {
    passwordAlgorithms: (bits & PASSWORD_ALGORITHMS) !== 0,
    usernameAnonymity: (bits & USERNAME_ANONYMITY) !== 0
  }
}
