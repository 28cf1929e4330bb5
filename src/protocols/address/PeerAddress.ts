/**
 * Addresses of peers: the record of `schemas/PeerAddress`, signed, as bytes and as text. `docs/protocol.md` describes both.
 *
 *     toSign(address)            what Identity.sign signs in the context CONTEXT
 *     assemble(address, signature)   -> SignedPeerAddress, whose `bytes` are passed on
 *     encodeText, decodeText, decode
 */
import * as Result from "effect/Result"
import type { PeerAddress, SignedPeerAddress } from "../../schemas/PeerAddress.ts"
import { SIGNATURE_BYTES } from "../crypto/signature.ts"
import { AddressError, fail } from "./AddressError.ts"
import { toSign } from "./encode.ts"
import { parse } from "./parse.ts"

export { AddressError } from "./AddressError.ts"
export { CLOCK_TOLERANCE, decode, type DecodeOptions, MAX_LIFETIME } from "./decode.ts"
export { toSign } from "./encode.ts"
export { CONTEXT } from "./layout.ts"
export { type Privacy, withPrivacy } from "./privacy.ts"
export { decodeText, encodeText } from "./text.ts"
export type * from "../../schemas/PeerAddress.ts"

/**
 * An address with its owner's signature of {@link toSign}, in the form others read it: sorted, each thing once. Whether the
 * signature is right is not asked.
 */
export const assemble = (
  address: PeerAddress,
  signature: Uint8Array
): Result.Result<SignedPeerAddress, AddressError> => {
  if (signature.length !== SIGNATURE_BYTES) {
    return fail("Malformed", "signature", `${signature.length} bytes: it has ${SIGNATURE_BYTES}`)
  }
  return Result.flatMap(toSign(address), (signed) => {
    const bytes = Uint8Array.from([...signed, ...signature])
    const parsed = parse(bytes)
    return parsed instanceof AddressError ? Result.fail(parsed) : Result.succeed({ address: parsed.address, bytes })
  })
}
