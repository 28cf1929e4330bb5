/**
 * My interfaces and their candidates as pairs worth dialling, best first: on this machine, on the same network, across the
 * internet. What is not worth it is told with the reason.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Family, InterfaceAddress } from "../../schemas/NetworkInterface.ts"
import type { AddressInterface, CandidateKind, NatBrief } from "../../schemas/PeerAddress.ts"
import { classOf, isSiteOnly } from "../addresses/specialUse.ts"
import type { Chance } from "./chance.ts"
import { isNowhere, judge, localFor, same, type Seen, type Theirs } from "./judge.ts"

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
