/**
 * Where a broker is. Who names a broker in an address makes others connect there, so what is on their own machine or in their own
 * network is not for strangers to choose.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { classOf, isSiteOnly, type SpecialUse } from "../addresses/specialUse.ts"

/** `nowhere`: no broker can be there. */
export type Reach = "internet" | "local" | "loopback" | "nowhere"

/** Systems take the unspecified address for themselves. */
const here: ReadonlySet<SpecialUse> = new Set<SpecialUse>(["loopback", "unspecified"])

const nowhere: ReadonlySet<SpecialUse> = new Set<SpecialUse>([
  "this-network",
  "broadcast",
  "multicast",
  "discard",
  "reserved"
])

/** Of an IP address, or of a name that has no address yet. */
export const reachOf = (host: string): Reach => {
  const address = NetAddress.ipFromString(host)
  // RFC 6761 section 6.3.
  if (Result.isFailure(address)) return /(?:^|\.)localhost$/i.test(host) ? "loopback" : "internet"
  const plain = NetAddress.toCanonical(address.success)
  const use = classOf(plain)
  if (here.has(use)) return "loopback"
  if (nowhere.has(use)) return "nowhere"
  return isSiteOnly(plain) ? "local" : "internet"
}

/** Whether where it is shows only when it is looked up. */
export const isElusive = (host: string): boolean =>
  reachOf(host) === "internet" && Result.isFailure(NetAddress.ipFromString(host))

/** Why not to connect to an address for somebody else, by where one's own brokers are. */
export const problemOf = (host: string, own: ReadonlySet<Reach>): string | undefined => {
  const reach = reachOf(host)
  if (reach === "nowhere") return `no broker can be at ${host}`
  if (reach === "internet" || own.has(reach)) return undefined
  const where = reach === "loopback" ? "this machine itself" : "in a private network"
  return `${host} is ${where}, and no broker of this peer is: add it to these brokers, if it is meant`
}
