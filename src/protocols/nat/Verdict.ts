/** What becomes of a packet at a NAT or firewall: plain data, with the reason where it does not go on. */
import type { IpPacket } from "../packet/IpPacket.ts"

/** `inside` is the side whose hosts the device serves, `outside` the internet's. */
export type Side = "inside" | "outside"

export type Reason =
  /** The device does not carry packets of this address family. */
  | "family not carried"
  /** This transport is blocked, or ICMP is. */
  | "transport blocked"
  /** New flows to this remote port are not allowed. */
  | "remote port not allowed"
  /** The hop count ran out here. */
  | "ttl exceeded"
  /** From outside, to an address that is not one of the device's. */
  | "not for this device"
  /** No external address is left, or configured, for the sender. */
  | "no external address"
  /** Every port the sender could be given is taken. */
  | "no free port"
  /** The sender holds as many external ports as one inside address may. */
  | "port quota reached"
  /** No room for another flow. */
  | "table full"
  /** From outside, to a port nobody inside has opened. */
  | "no mapping"
  /** From outside, to an open port, from an endpoint its filter keeps out. */
  | "filtered"
  /** A TCP segment that starts no connection and belongs to none, or an ICMP error about a packet never seen. */
  | "no flow"
  /** From inside to one of the device's own external endpoints. */
  | "no hairpinning"

/** The packet goes on, rewritten, towards `side`; a hairpinned one goes back `inside`. */
export interface Forward {
  readonly _tag: "Forward"
  readonly side: Side
  readonly packet: IpPacket
}

export interface Drop {
  readonly _tag: "Drop"
  readonly reason: Reason
}

/** The packet is dropped, and `packet` goes back to where it came from: a reset or an ICMP error. */
export interface Answer {
  readonly _tag: "Answer"
  readonly packet: IpPacket
  readonly reason: Reason
}

export type Verdict = Forward | Drop | Answer

export const forward = (side: Side, packet: IpPacket): Verdict => ({ _tag: "Forward", side, packet })

export const drop = (reason: Reason): Verdict => ({ _tag: "Drop", reason })

/** Drops in silence where the protocol allows no answer. */
export const answer = (reason: Reason, packet: IpPacket | undefined): Verdict =>
  packet === undefined ? drop(reason) : { _tag: "Answer", packet, reason }
