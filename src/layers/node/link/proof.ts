/**
 * Who is at the other end of a TLS handshake that is done. OpenSSL has seen a signature of this very handshake by the key of
 * the certificate (CertificateVerify, RFC 8446 section 4.4.3); here it is asked whose key that is.
 */
import * as Result from "effect/Result"
import type { X509Certificate } from "node:crypto"
import type * as tls from "node:tls"
import { isUsable } from "../../../protocols/crypto/ed25519Key.ts"
import * as PeerId from "../../../schemas/PeerId.ts"
import { ALPN } from "./credentials.ts"

// The certificate's own signature is left alone: the one of the handshake proves more.
const keyOf = (certificate: X509Certificate): Uint8Array | undefined => {
  try {
    // A JWK (RFC 8037) is made of what OpenSSL has at hand; DER has to be encoded.
    const { crv, x } = certificate.publicKey.export({ format: "jwk" })
    const key = crv === "Ed25519" && x !== undefined ? new Uint8Array(Buffer.from(x, "base64url")) : undefined
    return key !== undefined && isUsable(key) && certificate.checkIssued(certificate) ? key : undefined
  } catch {
    // A key that OpenSSL cannot read.
    return undefined
  }
}

export const otherProtocol = `it speaks TLS and not ${ALPN}: another program is there, or another version of this one`

/** The peer that proved itself, or what is wrong with the proof. */
export const peerOf = (socket: tls.TLSSocket): Result.Result<PeerId.PeerId, string> => {
  if (socket.alpnProtocol !== ALPN) return Result.fail(otherProtocol)
  if (socket.isSessionReused()) return Result.fail("it resumed an old session, which proves nothing today")
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) {
    return Result.fail("it showed no certificate with an Ed25519 key: it may be no peer, or one without identity")
  }
  const key = keyOf(certificate)
  return key === undefined
    ? Result.fail("its certificate is not one that an Ed25519 key made for itself: it is no peer")
    : Result.succeed(PeerId.fromKey(key))
}
