/**
 * What a failed TLS handshake between peers means.
 */
import type { LinkSecurityError } from "../../../services/LinkSecurity.ts"
import { type Attempt, failure, left, untrusted } from "../../link/verdict.ts"
import { codeOf, kindOf } from "../errno.ts"
import { PeerLeft, reasonOf, speaksNoTls } from "../tls/handshake.ts"
import { otherProtocol } from "./proof.ts"

const oldVersion = "it speaks only TLS before 1.3: another program is there"
const noKey = "it shows a certificate whose key it does not hold: do not trust what it says"

// OpenSSL's errors, and its names for the alerts of the other side.
const meanings: { readonly [code: string]: string } = {
  ERR_SSL_UNSUPPORTED_PROTOCOL: oldVersion,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: oldVersion,
  ERR_SSL_NO_APPLICATION_PROTOCOL: otherProtocol,
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: otherProtocol,
  ERR_SSL_PROVIDER_SIGNATURE_FAILURE: noKey,
  ERR_SSL_BAD_SIGNATURE: noKey
}

const detailOf = (cause: Error): string => {
  const code = codeOf(cause)
  if (speaksNoTls(code)) {
    return "it does not speak TLS: it is no peer, or one with plaintext links, and those must be chosen on both sides"
  }
  return meanings[code] ?? `the handshake broke off (${reasonOf(cause)}): it is no peer, or has no Ed25519 key`
}

export const handshakeFailed =
  (attempt: Attempt) =>
  (cause: Error): LinkSecurityError => {
    if (cause instanceof PeerLeft) return left(attempt, cause)
    const kind = kindOf(cause)
    return kind === "Unknown"
      ? untrusted(attempt, detailOf(cause), cause)
      : failure(attempt, { reason: "Network", kind, cause })
  }
