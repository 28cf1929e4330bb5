/**
 * Probing back, an extension of ours: over an open TCP connection the asker has the server dial the asker's own endpoint, as the
 * server sees it, from elsewhere, and tell how that ended. It shows which strangers a NAT lets in over TCP, and what it does
 * with those it does not, which no client can see from its own side.
 *
 *   asker   the same connection as always                        server
 *     |  Binding request: PROBE-BACK (from where, nonce)           |
 *     | ---------------------------------------------------------> |
 *     |  SYN to the asker's mapped endpoint, from elsewhere        |
 *     | <= = = = = = = = = = = = = = = = = = = = = = = = = = = = = |  for 250 ms at most
 *     |  if that connects, on it:                                  |
 *     |  Binding indication: PROBE-BACK (the same)                 |
 *     | <========================================================= |
 *     |  Binding success response: PROBE-BACK-REPORT (result),     |
 *     |  XOR-MAPPED-ADDRESS (what was dialled)                     |
 *     | <--------------------------------------------------------- |
 *     |  then the dialled connection is closed                     |
 *
 * PROBE-BACK, 0x5042, 12 bytes, in requests and indications: flags as those of CHANGE-REQUEST (RFC 5780 section 7.2), A for
 * the other address of the server, B for another port, at least one of them; and a nonce of 8 bytes, chosen by the asker. A
 * dial comes from any port but the one that was asked.
 *
 * PROBE-BACK-REPORT, 0xD042, 4 bytes, in success responses: 1 connected; 2 refused (RST, or ICMP port unreachable, which systems
 * report alike); 3 unreachable (any other ICMP error); 4 silent (nothing came for 250 ms); then 24 reserved bits. Several requests
 * may be under way on one connection; the indication has the transaction ID of its request.
 *
 * Why so. It is a Binding request, and PROBE-BACK has to be understood (below 0x8000), because then a server without the
 * extension says at once that it has none (error 420); a method it does not know it would drop without a word. RFC 8489 section
 * 18.3 has no numbers for private use: these are "PB" in ASCII, unassigned, from the part an expert gives out.
 *
 * Errors: 420 the server does not do this, over this transport or from that address; 400 no flag is set; 403 the asker's
 * address is one the server dials for nobody; 508 too many at present; 500 the server could not dial.
 *
 * What AutoNAT v2 taught: only the endpoint a connection was made from is dialled, so who asks has proved that it is there;
 * nothing in a request names an address. The nonce tells the asker which connection is the server's. One SYN and one small
 * message go out for each request, all of it limited for each source and in total.
 */
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { decode } from "./decode.ts"
import { encode } from "./encode.ts"
import { get, indication, type Message, Method, request, success } from "./Message.ts"
import { fail, type StunError } from "./StunError.ts"
import type { ProbeBack, ProbeResult } from "./values/probeBack.ts"

export { NONCE, type ProbeBack, type ProbeResult } from "./values/probeBack.ts"

/** What the asker sends; each request has a transaction ID of its own, and may have a nonce of its own. */
export const probeRequest = (transactionId: Uint8Array, probe: ProbeBack): Result.Result<Uint8Array, StunError> =>
  encode(request(Method.Binding, transactionId, [{ _tag: "ProbeBack", value: probe }]))

/** What the server answers to a request, having dialled `mapped`. */
export const probeReport = (asked: Message, mapped: NetAddress.InetAddress, result: ProbeResult): Message =>
  success(asked, [
    { _tag: "XorMappedAddress", value: mapped },
    { _tag: "ProbeBackReport", value: result }
  ])

/** How the server ended a probe. */
export type Report =
  | { readonly _tag: "Reported"; readonly result: ProbeResult; readonly mapped: NetAddress.InetAddress | undefined }
  | { readonly _tag: "Rejected"; readonly code: number; readonly reason: string }

/** A response to a probe request, whose transaction ID the caller has matched. */
export const readReport = (response: Message): Result.Result<Report, StunError> => {
  const error = get(response, "ErrorCode")
  if (response.class === "error" && error !== undefined) return Result.succeed({ _tag: "Rejected", ...error })
  const result = get(response, "ProbeBackReport")
  if (response.class !== "success" || result === undefined) return fail("message", 0, "no report on a probe")
  return Result.succeed({ _tag: "Reported", result, mapped: get(response, "XorMappedAddress") })
}

/** What the server says first, and only, on a connection it has dialled. */
export const probeGreeting = (transactionId: Uint8Array, probe: ProbeBack): Result.Result<Uint8Array, StunError> =>
  encode(indication(Method.Binding, transactionId, [{ _tag: "ProbeBack", value: probe }]))

/** The probe a connection that was accepted belongs to, from the first frame on it. */
export const readGreeting = (bytes: Uint8Array): Result.Result<ProbeBack, StunError> =>
  Result.flatMap(decode(bytes), (message) => {
    const probe = get(message, "ProbeBack")
    return message.class === "indication" && probe !== undefined
      ? Result.succeed(probe)
      : fail("message", 0, "no greeting of a probe")
  })
