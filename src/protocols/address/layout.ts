/**
 * The numbers of the wire form. `docs/protocol.md` has all of it in words.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |  Version = 1  |            Length             |               |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+               +
 *   |                     Public key (32 bytes)                     |
 *   +               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |               |           Sequence (1 to 8 bytes)           ...
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                            Expires                            |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                           Fields                            ...
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                     Signature (64 bytes)                      |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Length counts all of it; the signature covers all that stands before it. A field is a type of one byte, the size of its value,
 * and the value; fields stand in the order of their types.
 */
import type { NatBrief } from "../../schemas/PeerAddress.ts"
import { KEY_BYTES } from "../../schemas/PeerId.ts"
import { SIGNATURE_BYTES } from "../crypto/signature.ts"

export const VERSION = 1

/** Version and length. */
export const PREFIX_BYTES = 3

/** The shortest address: a sequence of one byte and no fields. */
export const MIN_BYTES = PREFIX_BYTES + KEY_BYTES + 1 + 4 + SIGNATURE_BYTES

/** What a signature of an address is for: see `Identity.sign`. */
export const CONTEXT = "effect-p2p address v1"

/** Field types. One for each interface and broker, at most one locality. */
export const INTERFACE = 1
export const BROKER = 2
export const LOCALITY = 3

/** Fields from here on may be skipped by who does not know them; an unknown one below makes the address unreadable. */
export const FIRST_OPTIONAL = 128

/** Random, and public. */
export const SALT_BYTES = 8

/** Enough that two networks hardly ever meet by chance. What a guess gains is in `docs/peers.md`: little. */
export const TAG_BYTES = 6

/** In the order the presence bits and the briefs stand in. */
export const BRIEFS: ReadonlyArray<Pick<NatBrief, "family" | "transport">> = [
  { family: "IPv4", transport: "udp" },
  { family: "IPv4", transport: "tcp" },
  { family: "IPv6", transport: "udp" },
  { family: "IPv6", transport: "tcp" }
]
