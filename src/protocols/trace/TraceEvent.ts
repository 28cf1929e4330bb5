/**
 * What happened to the packets of a network, hop by hop: what the writers of this folder turn into lines, a capture file
 * and a picture.
 *
 * A hop is one packet crossing one network, from the node that sent it to the node it was carried to. A packet from a host
 * behind a NAT to a server is two hops; the first one's fate says what the NAT made of it. Events come in the order the
 * packets were sent. Times are milliseconds since the beginning.
 */
import type { IpPacket } from "../packet/IpPacket.ts"

/** What became of a packet on one hop. */
export type Fate =
  /** Not there yet when the trace was read. */
  | { readonly _tag: "InFlight" }
  /** A host took it. */
  | { readonly _tag: "Delivered"; readonly at: number }
  /** A router, NAT or firewall sent it on as `packet`, changed in its hop count at least. */
  | { readonly _tag: "Translated"; readonly at: number; readonly packet: IpPacket }
  /** It vanished on the way. */
  | { readonly _tag: "Lost"; readonly at: number; readonly reason: string }
  /** The node it reached did not want it; `answered` if it said so by a packet, which has events of its own. */
  | { readonly _tag: "Dropped"; readonly at: number; readonly reason: string; readonly answered: boolean }

/** One packet on one hop. */
export interface TraceEvent {
  /** When it was sent. */
  readonly time: number
  /** Names of the nodes at both ends; `undefined` where nobody has the address. */
  readonly from: string
  readonly to: string | undefined
  /** The network it crossed. */
  readonly network: string
  /** As it was sent. */
  readonly packet: IpPacket
  /** A second copy that the network made. */
  readonly duplicate: boolean
  readonly fate: Fate
}
