/** What a Binding response says, whichever generation of server wrote it. */
import type * as NetAddress from "effect/net/NetAddress"
import type { Message } from "./Message.ts"
import { get } from "./Message.ts"

/**
 * The endpoint the server saw the request come from. The XOR forms before the plain one, which some routers rewrite on
 * its way back (RFC 8489 section 14.2).
 */
export const mappedEndpoint = (response: Message): NetAddress.InetAddress | undefined =>
  get(response, "XorMappedAddress") ?? get(response, "LegacyXorMappedAddress") ?? get(response, "MappedAddress")

/** Where the server says the response was sent from: RESPONSE-ORIGIN, or SOURCE-ADDRESS of RFC 3489. */
export const originEndpoint = (response: Message): NetAddress.InetAddress | undefined =>
  get(response, "ResponseOrigin") ?? get(response, "SourceAddress")

/** The server's other address and other port: OTHER-ADDRESS, or CHANGED-ADDRESS of RFC 3489. */
export const otherEndpoint = (response: Message): NetAddress.InetAddress | undefined =>
  get(response, "OtherAddress") ?? get(response, "ChangedAddress")
