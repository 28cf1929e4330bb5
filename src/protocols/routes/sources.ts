/**
 * Which local addresses to ask from: those of the interfaces that lead anywhere. What is left out is said, with the reason.
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import type { Family, InterfaceAddress, NetworkInterface } from "../../schemas/NetworkInterface.ts"
import type { RouteFailure } from "../../schemas/Route.ts"
import { canReach } from "../addresses/loop.ts"
import * as IpRange from "../addresses/IpRange.ts"
import { interfaceAddress } from "../interfaces/scope.ts"

/** Addresses asked from at once: a machine may have thousands. */
export const MAX_SOURCES = 256

/** An address to ask from. */
export interface Source {
  readonly interface: string
  readonly family: Family
  readonly address: InterfaceAddress
  /** Whether the interface has it. One of a routed block it may not have, and can be bound to all the same. */
  readonly assigned: boolean
  /** The block it stands for, where it does. */
  readonly block: IpRange.IpRange | undefined
  /** The interface's IPv6 link-local addresses. */
  readonly linkLocal: ReadonlyArray<InterfaceAddress>
}

/** A prefix that is routed to an interface as a whole. */
export interface RoutedBlock {
  readonly interface: string
  readonly block: IpNetwork.IpNetwork
}

export interface Wanted {
  /** Default: every interface that is up and no loopback. */
  readonly interfaces?: ReadonlyArray<string> | undefined
  readonly families?: ReadonlyArray<Family> | undefined
  /** Those that no address shows: see `blockOf`. */
  readonly blocks?: ReadonlyArray<RoutedBlock> | undefined
  /** Where the servers are. */
  readonly servers: ReadonlyArray<NetAddress.IpAddress>
}

export interface Sources {
  readonly ask: ReadonlyArray<Source>
  readonly failures: ReadonlyArray<RouteFailure>
  /** What stands in the way as a whole. */
  readonly problems: ReadonlyArray<string>
}

const FAMILIES = ["IPv4", "IPv6"] as const

/**
 * An address whose host part is 0 names a whole block routed to the interface, where a block can be somebody's own: not in
 * private space, and not on a link between two, where such an address is a host's (RFC 3021, RFC 6164).
 */
export const blockOf = ({ address, prefixLength, scope }: InterfaceAddress): IpRange.IpRange | undefined => {
  const width = IpRange.widthOf(NetAddress.familyOf(address))
  if (prefixLength === 0 || prefixLength >= width - 1 || scope !== "global") return undefined
  const block = IpRange.fromNetwork(IpNetwork.fromAddressUnsafe(address, prefixLength))
  return IpRange.toBigInt(block.first) === IpRange.toBigInt(address) ? block : undefined
}

export const sources = (interfaces: ReadonlyArray<NetworkInterface>, wanted: Wanted): Sources => {
  const ask: Array<Source> = []
  const failures: Array<RouteFailure> = []
  const isWanted = ({ flags, name }: NetworkInterface) =>
    wanted.interfaces?.includes(name) ?? (flags.up && !flags.loopback)
  const chosen = interfaces.filter(isWanted)
  for (const entry of chosen) {
    const linkLocal = entry.addresses.filter(
      ({ address, scope }) => scope === "link" && NetAddress.isIpv6Address(address)
    )
    for (const family of wanted.families ?? FAMILIES) {
      for (const candidate of candidates(entry, family, wanted.blocks ?? [])) {
        const { address } = candidate
        const problem = reasonAgainst(entry, address, family, wanted.servers, ask.length)
        if (problem === undefined) {
          ask.push({ interface: entry.name, family, ...candidate, linkLocal: family === "IPv6" ? linkLocal : [] })
        } else failures.push({ interface: entry.name, family, address: address.address, problem })
      }
    }
  }
  return { ask, failures, problems: problemsOf(chosen, ask.length + failures.length) }
}

// Every block once, asked from one address in it, then the addresses that are in none.
const candidates = (
  { addresses, name }: NetworkInterface,
  family: Family,
  routed: ReadonlyArray<RoutedBlock>
): ReadonlyArray<Pick<Source, "address" | "assigned" | "block">> => {
  const own = addresses.filter(
    ({ address, scope }) => NetAddress.familyOf(address) === family && !(scope === "link" && family === "IPv6")
  )
  const blocks = [
    ...own.flatMap((address) => blockOf(address) ?? []),
    ...routed.filter((one) => one.interface === name).map(({ block }) => IpRange.fromNetwork(block))
  ].filter((block) => IpRange.familyOf(block) === family)
  const inside = (block: IpRange.IpRange) => own.find(({ address }) => IpRange.contains(block, address))
  return [
    ...blocks.map((block) => {
      const address = inside(block)
      if (address !== undefined) return { address, assigned: true, block }
      const [{ prefixLength } = { prefixLength: 0 }] = IpRange.networks(block)
      return { address: interfaceAddress(block.first, prefixLength, undefined), assigned: false, block }
    }),
    ...own
      .filter(({ address }) => !blocks.some((block) => IpRange.contains(block, address)))
      .map((address) => ({ address, assigned: true, block: undefined }))
  ]
}

const reasonAgainst = (
  { flags }: NetworkInterface,
  { address, scope }: InterfaceAddress,
  family: Family,
  servers: ReadonlyArray<NetAddress.IpAddress>,
  before: number
): string | undefined => {
  if (scope === "link") return "a link-local address reaches no further than its link"
  if (!flags.up) return "the interface is down"
  if (!flags.running) return "the interface has no link"
  const there = servers.filter((server) => NetAddress.familyOf(server) === family)
  if (there.length === 0) return `no server has an ${family} address`
  if (!there.some((server) => canReach(address, server))) {
    return flags.loopback ? "no server is on this machine's loop" : "the servers are on this machine's loop"
  }
  return before < MAX_SOURCES ? undefined : `only ${MAX_SOURCES} addresses are asked from at once`
}

const problemsOf = (chosen: ReadonlyArray<NetworkInterface>, addresses: number): ReadonlyArray<string> => {
  if (chosen.length === 0) return ["no interface is up: connect this machine to a network"]
  if (addresses > 0) return []
  return [`${chosen.map(({ name }) => name).join(", ")}: no address that leads out; connect this machine to a network`]
}
