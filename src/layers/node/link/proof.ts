/**
 * Who is at the other end of a TLS handshake that is done. OpenSSL has seen a signature of this very handshake by the key of
 * the certificate (CertificateVerify, RFC 8446 section 4.4.3); here it is asked whose key that is.
 */
import * as Result from "effect/Result"
import type { X509Certificate } from "node:crypto"
import type * as tls from "node:tls"
import { isUsable } from "../../../protocols/crypto/ed25519Key.ts"
import * as PeerId from "../../../schemas/PeerId.ts"
import { ALPN, WELCOME } from "./credentials.ts"
import { dropOldest } from "../../../protocols/limits/dropOldest.ts"

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

/** Certificates of ours are of about 230 bytes. */
const CERTIFICATE_BYTES = 512
const REMEMBERED = 64

/** Whose certificates were seen lately: a peer shows the same one on all its links, and reading one takes long. */
export class Certificates {
  private readonly known = new Map<string, PeerId.PeerId>()

  private ownerOf(certificate: X509Certificate): PeerId.PeerId | undefined {
    const { raw } = certificate
    const text = raw.length > CERTIFICATE_BYTES ? undefined : raw.toString("latin1")
    const known = text === undefined ? undefined : this.known.get(text)
    if (known !== undefined) return known
    const key = keyOf(certificate)
    if (key === undefined) return undefined
    const peer = PeerId.fromKey(key)
    if (text !== undefined) {
      this.known.set(text, peer)
      dropOldest(this.known, REMEMBERED)
    }
    return peer
  }

  /** The peer that proved itself, or what is wrong with the proof. */
  peerOf(socket: tls.TLSSocket): Result.Result<PeerId.PeerId, string> {
    if (socket.alpnProtocol !== ALPN && socket.alpnProtocol !== WELCOME) return Result.fail(otherProtocol)
    if (socket.isSessionReused()) return Result.fail("it resumed an old session, which proves nothing today")
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) {
      return Result.fail("it showed no certificate with an Ed25519 key: it may be no peer, or one without identity")
    }
    const peer = this.ownerOf(certificate)
    return peer === undefined
      ? Result.fail("its certificate is not one that an Ed25519 key made for itself: it is no peer")
      : Result.succeed(peer)
  }
}
