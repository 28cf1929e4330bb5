/** DER as text (RFC 7468): `CERTIFICATE`, `PRIVATE KEY`. */
import * as Base64 from "effect/encoding/Base64"

const LINE = 64

export const encode = (label: string, der: Uint8Array): string => {
  const lines = Base64.encode(der).match(new RegExp(`.{1,${LINE}}`, "g")) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n")
}
