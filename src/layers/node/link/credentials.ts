/**
 * What a peer brings to every TLS handshake, made once: its certificate and key, and the parameters of docs/protocol-links.md.
 */
import * as Redacted from "effect/Redacted"
import { constants } from "node:crypto"
import * as tls from "node:tls"
import * as Certificate from "../../../protocols/x509/certificate.ts"
import * as Ed25519 from "../../../protocols/x509/ed25519.ts"
import * as Pem from "../../../protocols/x509/pem.ts"
import * as PeerId from "../../../schemas/PeerId.ts"
import type { Identity } from "../../../services/Identity.ts"
import { primitives } from "../Cryptography.ts"

/** What this library calls its links in TLS (RFC 7301). */
export const ALPN = "effect-p2p/1"

/** The same, from a server to which any link is welcome: what a server chooses is the first thing it says in secret. */
export const WELCOME = `${ALPN} welcome`

// The hybrid is safe against those who record today and have a quantum computer later; a share for each (`*`, OpenSSL 3.5)
// means that no round trip is lost where the other side has X25519 alone.
const groups = ["*X25519MLKEM768:*X25519", "X25519"]

const contextOf = (credentials: tls.SecureContextOptions, ecdhCurve: string): tls.SecureContext =>
  tls.createSecureContext({
    ...credentials,
    // No authorities: none is trusted, and none is named to the other side.
    ca: [],
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    ciphers: "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
    ecdhCurve,
    sigalgs: "ed25519",
    // Every link proves its ends anew: a session that could be resumed would be a proof from another day.
    secureOptions: constants.SSL_OP_NO_TICKET
  })

export const make = ({ peerId, seed }: Identity["Service"]): tls.SecureContext => {
  const secret = Redacted.value(seed)
  const certificate = Certificate.selfSigned(PeerId.toKey(peerId), peerId, (message) =>
    primitives.ed25519Sign(secret, message)
  )
  const credentials = {
    cert: Pem.encode("CERTIFICATE", certificate),
    key: Pem.encode("PRIVATE KEY", Ed25519.privateKeyInfo(secret))
  }
  try {
    return contextOf(credentials, groups[0]!)
  } catch {
    // An OpenSSL that knows no hybrid; if it is something else, it says so now.
    return contextOf(credentials, groups[1]!)
  }
}
