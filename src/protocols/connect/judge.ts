/**
 * How one candidate of theirs stands to one interface of mine, and whether it is dialled from there.
 *
 * An address that means something only on its own network is dialled only where there is evidence that this is that network:
 * elsewhere it is some stranger's machine. All of the evidence comes from the other side, though, and who knows a network can make
 * it up. That is good enough for a peer this one wants to reach. A stranger who asks to be dialled could have any machine here
 * knocked at: for him more is asked for, and less is dialled.
 */
import * as Equal from "effect/Equal"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import type { Family, InterfaceAddress } from "../../schemas/NetworkInterface.ts"
import type { Candidate, NatBrief } from "../../schemas/PeerAddress.ts"
import { classOf, isSiteOnly, type SpecialUse } from "../addresses/specialUse.ts"
import { briefOf, chanceThrough, type Chance } from "./chance.ts"
import type { MyInterface, Nearness, Pair, Relation } from "./pair.ts"

/** Ports below are those of services of the system (RFC 6335 section 6): no stranger has them dialled near here. */
export const FIRST_STRANGER_PORT = 1024

/** No peer is there. */
const nowhere: ReadonlySet<SpecialUse> = new Set<SpecialUse>([
  "unspecified",
  "this-network",
  "broadcast",
  "multicast",
  "mapped",
  "discard",
  "reserved",
  "nat64-local"
])

/** Classes of IPv4 addresses. An IPv6 address in one is that of a translator or a relay. */
const onlyIpv4: ReadonlySet<SpecialUse> = new Set<SpecialUse>(["private", "cgnat"])

/** Whether no peer can be at an address of this class. */
export const isNowhere = (address: NetAddress.IpAddress, use: SpecialUse): boolean => {
  if (nowhere.has(use)) return true
  if (NetAddress.isIpv4Address(address)) return false
  return (
    onlyIpv4.has(use) ||
    (use === "loopback" && !NetAddress.isLoopback(address)) ||
    (use === "link-local" && !NetAddress.isLinkLocal(address))
  )
}

/** Whether an address means the same everywhere. Documentation ranges do, in networks made for tests. */
export const isFar = (address: NetAddress.IpAddress): boolean => {
  const use = classOf(address)
  return use !== "loopback" && !isNowhere(address, use) && !isSiteOnly(address)
}

export const same = (a: NetAddress.IpAddress, b: NetAddress.IpAddress): boolean => Equal.equals(a, b)

const isOnLink = ({ address, prefixLength }: InterfaceAddress, other: NetAddress.IpAddress): boolean =>
  NetAddress.familyOf(address) === NetAddress.familyOf(other) &&
  IpNetwork.contains(IpNetwork.fromAddressUnsafe(address, prefixLength), other)

/** A candidate of theirs, and what its address tells by itself. */
export interface Seen {
  readonly candidate: Candidate
  readonly family: Family
  readonly use: SpecialUse
  readonly isSite: boolean
  /** Whether this machine has that address. */
  readonly isOwn: boolean
}

/** The address to dial from, the one on the remote's own network first. */
export const localFor = (mine: MyInterface, { candidate, family, isSite, use }: Seen): InterfaceAddress | undefined => {
  const own = mine.addresses.filter((each) => NetAddress.familyOf(each.address) === family)
  if (use === "link-local") return own.find(({ scope }) => scope === "link")
  if (use === "loopback") return own.find(({ scope }) => scope === "host")
  const onLink = own.find((each) => isOnLink(each, candidate.endpoint.address))
  if (onLink !== undefined) return onLink
  const wanted = isSite ? ["site", "global"] : ["global", "site"]
  return wanted.flatMap((scope) => own.filter((each) => each.scope === scope))[0]
}

/** One interface of theirs, and what is known of all of it. */
export interface Theirs {
  readonly index: number
  readonly nats: ReadonlyArray<NatBrief>
  /** Reflexive and mapped addresses. */
  readonly external: ReadonlyArray<NetAddress.IpAddress>
}

export type Verdict = Pick<Pair, "nearness" | "chance" | "why"> | { readonly skip: string }

const skip = (why: string): Verdict => ({ skip: why })

const pick = (nearness: Nearness, chance: Chance, why: string): Verdict => ({ nearness, chance, why })

const sharesOutside = (mine: MyInterface, theirs: Theirs): boolean =>
  theirs.external.some((outside) => mine.external.some((own) => same(own, outside)))

// Both are known, in a family they have in common, and differ.
const differsOutside = (mine: MyInterface, theirs: Theirs): boolean =>
  !sharesOutside(mine, theirs) &&
  theirs.external.some((outside) =>
    mine.external.some((own) => NetAddress.familyOf(own) === NetAddress.familyOf(outside))
  )

const isNear = (mine: MyInterface, address: NetAddress.IpAddress): boolean =>
  mine.addresses.some((each) => isOnLink(each, address))

/** An address that only its own network knows. */
const near = (mine: MyInterface, theirs: Theirs, { candidate, use }: Seen, network: boolean | undefined): Verdict => {
  if (network === true) {
    // Networks with the same numbers look alike to who does not know their outside.
    const chance = sharesOutside(mine, theirs) ? "open" : "unknown"
    return pick("same-lan", chance, `on the network of ${mine.name}`)
  }
  if (use === "link-local") return skip("it means something only on its own network, which is not this one")
  if (sharesOutside(mine, theirs)) return pick("same-lan", "unknown", "behind the same outside address")
  if (network === false || differsOutside(mine, theirs)) return skip("a private address of another network")
  return isNear(mine, candidate.endpoint.address)
    ? pick("same-lan", "unknown", `in the address range of ${mine.name}, and nothing says it is elsewhere`)
    : skip("a private address of a network this machine is not on")
}

/** The same for a stranger, who may have guessed what he says of the network. */
const nearStranger = (mine: MyInterface, theirs: Theirs, seen: Seen, network: boolean | undefined): Verdict => {
  const { address, port } = seen.candidate.endpoint
  if (network !== true || differsOutside(mine, theirs) || !isNear(mine, address)) {
    return skip("a private address, of a peer that does not show that it is on the same network")
  }
  if (mine.gateways.some((gateway) => same(gateway, address))) return skip("the gateway of this network")
  if (port < FIRST_STRANGER_PORT) return skip("a port of the system's, on this network")
  return near(mine, theirs, seen, network)
}

const hairpinOf = (family: Family, ...sides: ReadonlyArray<ReadonlyArray<NatBrief>>): boolean | undefined => {
  const known = sides.flatMap((nats) => briefOf(nats, family)?.hairpin ?? [])
  return known.includes(false) ? false : known[0]
}

/** An address the whole internet knows. */
const far = (mine: MyInterface, theirs: Theirs, { candidate, family }: Seen, stranger: boolean): Verdict => {
  const { endpoint, kind } = candidate
  if (!mine.leadsOut.includes(family)) return skip(`no interface of this machine leads to the internet by ${family}`)
  const isOutside = mine.external.some((own) => same(own, endpoint.address))
  if (isOutside && stranger && endpoint.port < FIRST_STRANGER_PORT) {
    return skip("a port of the system's, at this machine's own router")
  }
  if (isOutside && kind !== "host") {
    const hairpin = hairpinOf(family, mine.nats, theirs.nats)
    if (hairpin === false)
      return skip("behind this machine's own outside address, whose router does not turn packets round")
    return pick("internet", hairpin === true ? "open" : "filtered", "by way of the outside address both are behind")
  }
  const chance = kind === "mapped" ? "open" : chanceThrough(briefOf(theirs.nats, family))
  const why = {
    open: "its network lets in who comes from outside",
    unknown: "what its network lets in is not known",
    filtered: "its network lets in only whom it has sent to; this may not hold"
  }[chance]
  return pick("internet", chance, kind === "mapped" ? "its router was asked to open this port" : why)
}

/** How a candidate stands to one interface of mine, or why it is not dialled from there. */
export const judge = (
  mine: MyInterface,
  theirs: Theirs,
  seen: Seen,
  relation: Relation,
  stranger: boolean
): Verdict => {
  const { candidate, isOwn, isSite, use } = seen
  const { address } = candidate.endpoint
  if (isOwn && relation.sameMachine === true && mine.addresses.some((each) => same(each.address, address))) {
    // What is bound to an interface does not hear this machine.
    return pick("same-machine", use === "loopback" ? "open" : "unknown", "on this very machine")
  }
  if (use === "loopback") return skip("a loopback address of another machine")
  // Else a stranger could have this machine's own services dialled.
  if (isOwn) return skip("this machine has that address itself")
  const network = relation.sameNetwork(mine.name, theirs.index, stranger)
  if (isSite) return (stranger ? nearStranger : near)(mine, theirs, seen, network)
  // No router is between the two, and so none that filters.
  if (network === true && isNear(mine, address)) return pick("same-lan", "open", `on the network of ${mine.name}`)
  return far(mine, theirs, seen, stranger)
}
