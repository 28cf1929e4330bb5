/**
 * My interfaces and their candidates as pairs worth dialling, best first: on this machine, on the same network, across the
 * internet. What is not worth it is told with the reason.
 *
 * An address that means something only on its own network is dialled only where there is evidence that this is that network:
 * elsewhere it is some stranger's machine. All of the evidence comes from the other side, though, and who knows a network can make
 * it up. That is good enough for a peer this one wants to reach. A stranger who asks to be dialled could have any machine here
 * knocked at: for him more is asked for, and less is dialled.
 */
import * as Equal from "effect/Equal"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Family, InterfaceAddress } from "../../schemas/NetworkInterface.ts"
import type { AddressInterface, Candidate, CandidateKind, NatBrief } from "../../schemas/PeerAddress.ts"
import { classOf, isSiteOnly, type SpecialUse } from "../addresses/specialUse.ts"
import { briefOf, chanceThrough, type Chance } from "./chance.ts"

/** One interface of this machine. */
export interface MyInterface {
  readonly name: string
  readonly addresses: ReadonlyArray<InterfaceAddress>
  /** The families it reaches the internet in. */
  readonly leadsOut: ReadonlyArray<Family>
  /** What the internet sees of it, where that is known. */
  readonly external: ReadonlyArray<NetAddress.IpAddress>
  readonly gateways: ReadonlyArray<NetAddress.IpAddress>
  readonly nats: ReadonlyArray<NatBrief>
}

export interface Mine {
  readonly interfaces: ReadonlyArray<MyInterface>
  /** All of this machine, those of interfaces that are not used as well. */
  readonly addresses: ReadonlyArray<NetAddress.IpAddress>
  /** Where this peer itself listens: never dialled. */
  readonly endpoints: ReadonlyArray<NetAddress.InetAddress>
}

/** What the keyed hashes of an address say about where it is; `undefined` where they say nothing. */
export interface Relation {
  readonly sameMachine: boolean | undefined
  /**
   * Whether an interface of mine is on the network of one of theirs (by its place in the address). `exactly`: they know as much of
   * it as this side does, its address outside too.
   */
  readonly sameNetwork: (mine: string, theirs: number, exactly: boolean) => boolean | undefined
}

export type Nearness = "same-machine" | "same-lan" | "internet"

export interface Pair {
  readonly nearness: Nearness
  readonly family: Family
  readonly interface: string
  readonly local: NetAddress.IpAddress
  /** A link-local address has the scope id of my interface. */
  readonly remote: NetAddress.InetAddress
  readonly kind: CandidateKind
  readonly chance: Chance
  /** For people. */
  readonly why: string
}

/** A candidate that is not dialled. */
export interface Skipped {
  readonly remote: NetAddress.InetAddress
  readonly kind: CandidateKind
  readonly why: string
}

export interface Pairs {
  readonly pairs: ReadonlyArray<Pair>
  readonly skipped: ReadonlyArray<Skipped>
}

export interface PairOptions {
  /** The other asks to be dialled, and this side knows nothing of it. Default false. */
  readonly stranger?: boolean | undefined
  readonly families?: ReadonlyArray<Family> | undefined
  readonly interfaces?: ReadonlyArray<string> | undefined
}

/** Pairs at most: an address holds 128 candidates, and a machine has any number of interfaces. */
export const MAX_PAIRS = 32

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

const isNowhere = (address: NetAddress.IpAddress, use: SpecialUse): boolean => {
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

const same = (a: NetAddress.IpAddress, b: NetAddress.IpAddress): boolean => Equal.equals(a, b)

const isOnLink = ({ address, prefixLength }: InterfaceAddress, other: NetAddress.IpAddress): boolean =>
  NetAddress.familyOf(address) === NetAddress.familyOf(other) &&
  IpNetwork.contains(IpNetwork.fromAddressUnsafe(address, prefixLength), other)

/** A candidate of theirs, and what its address tells by itself. */
interface Seen {
  readonly candidate: Candidate
  readonly family: Family
  readonly use: SpecialUse
  readonly isSite: boolean
  /** Whether this machine has that address. */
  readonly isOwn: boolean
}

/** The address to dial from, the one on the remote's own network first. */
const localFor = (mine: MyInterface, { candidate, family, isSite, use }: Seen): InterfaceAddress | undefined => {
  const own = mine.addresses.filter((each) => NetAddress.familyOf(each.address) === family)
  if (use === "link-local") return own.find(({ scope }) => scope === "link")
  if (use === "loopback") return own.find(({ scope }) => scope === "host")
  const onLink = own.find((each) => isOnLink(each, candidate.endpoint.address))
  if (onLink !== undefined) return onLink
  const wanted = isSite ? ["site", "global"] : ["global", "site"]
  return wanted.flatMap((scope) => own.filter((each) => each.scope === scope))[0]
}

/** One interface of theirs, and what is known of all of it. */
interface Theirs {
  readonly index: number
  readonly nats: ReadonlyArray<NatBrief>
  /** Reflexive and mapped addresses. */
  readonly external: ReadonlyArray<NetAddress.IpAddress>
}

type Verdict = Pick<Pair, "nearness" | "chance" | "why"> | { readonly skip: string }

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

const judge = (mine: MyInterface, theirs: Theirs, seen: Seen, relation: Relation, stranger: boolean): Verdict => {
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

const scoped = (endpoint: NetAddress.InetAddress, local: InterfaceAddress): NetAddress.InetAddress =>
  local.scope === "link" && local.scopeId !== undefined && NetAddress.isIpv6Address(endpoint.address)
    ? Result.getOrThrow(NetAddress.inetAddressV6(endpoint.address, endpoint.port, { scopeId: local.scopeId }))
    : endpoint

const sameEndpoint = (a: NetAddress.InetAddress, b: NetAddress.InetAddress): boolean =>
  a.port === b.port && same(a.address, b.address)

/** The pairs of one candidate, or why there are none. */
const pairsOfOne = (
  mine: ReadonlyArray<MyInterface>,
  theirs: Theirs,
  seen: Seen,
  relation: Relation,
  stranger: boolean
): ReadonlyArray<Pair> | string => {
  const { candidate, family } = seen
  const made: Array<Pair> = []
  let why: string | undefined
  for (const each of mine) {
    if (!each.addresses.some(({ address }) => NetAddress.familyOf(address) === family)) continue
    const verdict = judge(each, theirs, seen, relation, stranger)
    if ("skip" in verdict) {
      why ??= verdict.skip
      continue
    }
    const local = localFor(each, seen)
    if (local === undefined) continue
    const { endpoint, kind } = candidate
    made.push({
      ...verdict,
      family,
      interface: each.name,
      local: local.address,
      remote: scoped(endpoint, local),
      kind
    })
  }
  // On this machine all interfaces lead to the same place, the one with the address most surely.
  const here = made.find(({ nearness }) => nearness === "same-machine")
  if (here !== undefined) return [here]
  return made.length > 0 ? made : (why ?? `this machine has no interface with ${family}`)
}

const rank = {
  nearness: ["same-machine", "same-lan", "internet"],
  chance: ["open", "unknown", "filtered"],
  /** RFC 6724 and RFC 8305 prefer it, and no NAT is in its way. */
  family: ["IPv6", "IPv4"]
} as const

const order = (a: Pair, b: Pair): number =>
  rank.chance.indexOf(a.chance) - rank.chance.indexOf(b.chance) ||
  rank.nearness.indexOf(a.nearness) - rank.nearness.indexOf(b.nearness) ||
  rank.family.indexOf(a.family) - rank.family.indexOf(b.family)

const externalOf = ({ candidates }: AddressInterface): ReadonlyArray<NetAddress.IpAddress> =>
  candidates.filter(({ kind }) => kind !== "host").map(({ endpoint }) => endpoint.address)

/** The order of interfaces and of candidates decides between equals. */
export const pairsOf = (
  mine: Mine,
  theirs: ReadonlyArray<AddressInterface>,
  relation: Relation,
  { families, interfaces, stranger = false }: PairOptions = {}
): Pairs => {
  const own = mine.interfaces.filter(({ name }) => interfaces?.includes(name) ?? true)
  const pairs = new Map<string, Pair>()
  const skipped: Array<Skipped> = []
  theirs.forEach((each, index) => {
    const there: Theirs = { index, nats: each.nats, external: externalOf(each) }
    for (const candidate of each.candidates) {
      const { endpoint, kind, transport } = candidate
      if (transport !== "tcp") continue
      const { address } = endpoint
      const family = NetAddress.familyOf(address)
      const use = classOf(address)
      const not = (why: string) => skipped.push({ remote: endpoint, kind, why })
      if (families?.includes(family) === false) not("its address family was not asked for")
      else if (isNowhere(address, use) || endpoint.port === 0) not("no peer can be there")
      else if (mine.endpoints.some((self) => sameEndpoint(self, endpoint))) not("this peer itself listens there")
      else {
        const isOwn = mine.addresses.some((each) => same(each, address))
        const seen: Seen = { candidate, family, use, isSite: isSiteOnly(address), isOwn }
        const made = pairsOfOne(own, there, seen, relation, stranger)
        if (typeof made === "string") not(made)
        else for (const pair of made) keepBest(pairs, pair)
      }
    }
  })
  const sorted = [...pairs.values()].toSorted(order)
  const over = sorted
    .slice(MAX_PAIRS)
    .map(({ kind, remote }) => ({ remote, kind, why: "there are better ones enough" }))
  return { pairs: sorted.slice(0, MAX_PAIRS), skipped: [...skipped, ...over] }
}

// The same endpoint may be named by several interfaces of theirs.
const keepBest = (pairs: Map<string, Pair>, pair: Pair): void => {
  const key = `${pair.interface} ${NetAddress.formatInet(pair.remote)}`
  const known = pairs.get(key)
  if (known === undefined || order(pair, known) < 0) pairs.set(key, pair)
}
