/**
 * Prefixes and addresses: those described, checked, and free ones for the rest.
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Ip from "../../../protocols/packet/Ip.ts"
import type { FamilyRules } from "../../../schemas/NatDevice.ts"
import type { NicAddress } from "../net/Nic.ts"
import { contains, fromNetwork, type Prefix } from "../net/prefix.ts"
import { type Draft, type DraftGateway, type DraftNetwork, INTERNET, type Path } from "./Draft.ts"

/** What an address on the internet shows as its prefix: what servers usually have. */
const INTERNET_PREFIX = { 4: 24, 6: 64 } as const

/** Addresses looked at for a free one before a network counts as full. */
const MAX_TRIES = 100_000

export const address = (draft: Draft): void => {
  let index = 0
  for (const network of draft.networks.values()) {
    if (network.name !== INTERNET) network.prefixes = prefixesOf(draft, network, ++index)
    else if (draft.world.networks?.[INTERNET]?.prefixes !== undefined) {
      draft.refuse(["networks", INTERNET, "prefixes"], "the internet has none: every public address may be on it")
    }
  }
  // What is said first, so that nothing given freely is in its way. Then in the order of the description, so that what is
  // added at its end moves nobody's address: a host after the gateways made for it.
  const given: Array<() => void> = []
  const gateways = [...draft.gateways.values()]
  for (const gateway of gateways) if (!draft.hosts.has(gateway.owner ?? "")) addressGateway(draft, gateway, given)
  for (const host of draft.hosts.values()) {
    for (const gateway of gateways) if (gateway.owner === host.name) addressGateway(draft, gateway, given)
    for (const nic of host.nics) {
      const network = draft.networks.get(nic.network)!
      assign(draft, network, host.name, nic.described.addresses, nic.path, given, (own) => (nic.addresses = own))
    }
  }
  for (const run of given) run()
}

const addressGateway = (draft: Draft, gateway: DraftGateway, given: Array<() => void>): void => {
  const { described, name, path } = gateway
  given.push(() => {
    gateway.insideAddresses = gateway.inside.map((inside) =>
      freeAddresses(draft, draft.networks.get(inside), name, path)
    )
  })
  const outside = draft.networks.get(gateway.outside)!
  assign(draft, outside, name, described.addresses, path, given, (own) => (gateway.outsideAddresses = own))
}

const assign = (
  draft: Draft,
  network: DraftNetwork,
  owner: string,
  texts: ReadonlyArray<string> | undefined,
  path: Path,
  given: Array<() => void>,
  set: (addresses: ReadonlyArray<NicAddress>) => void
): void => {
  if (texts === undefined) given.push(() => set(freeAddresses(draft, network, owner, path)))
  else set(parseAll(draft, network, owner, texts, [...path, "addresses"]))
}

const prefixesOf = (draft: Draft, network: DraftNetwork, index: number): ReadonlyArray<Prefix> => {
  const texts = draft.world.networks?.[network.name]?.prefixes
  if (texts === undefined) return defaultPrefixes(draft, network, index)
  const path = [...network.path, "prefixes"]
  if (texts.length === 0) draft.refuse(path, "a network needs a prefix")
  const prefixes: Array<Prefix> = []
  for (const [at, text] of texts.entries()) {
    const parsed = IpNetwork.fromString(text)
    if (Result.isFailure(parsed)) {
      draft.refuse([...path, at], `"${text}" is no prefix: ${parsed.failure.message}`)
      continue
    }
    const prefix = fromNetwork(parsed.success)
    if (prefixes.some((other) => IpNetwork.overlaps(other.network, prefix.network))) {
      draft.refuse([...path, at], `${text} overlaps another prefix of ${network.name}`)
    }
    prefixes.push(prefix)
  }
  return prefixes
}

const translates = (rules: FamilyRules): boolean => rules._tag === "PortNat" || rules._tag === "AddressNat"

const prefix = (text: string): Prefix => fromNetwork(IpNetwork.fromStringUnsafe(text))

const defaultPrefixes = (draft: Draft, network: DraftNetwork, index: number): ReadonlyArray<Prefix> => {
  const gateway = network.servedBy[0]
  const isMiddle = [...draft.gateways.values()].some((other) => other.outside === network.name)
  const place = gateway?.inside.indexOf(network.name) ?? 0
  const [high, low] = [index >> 8, index & 0xff]
  const prefixes: Array<Prefix> = []
  if (gateway === undefined || translates(gateway.device.ipv4)) {
    // RFC 6598 space between a carrier and its customers, else what home routers use.
    prefixes.push(prefix(isMiddle ? "100.64.0.0/10" : `192.168.${1 + place}.0/24`))
  } else if (gateway.device.ipv4._tag !== "Absent") {
    prefixes.push(prefix(gateway.outside === INTERNET ? `11.${64 + high}.${low}.0/24` : `10.${low}.${high}.0/24`))
  }
  if (draft.world.ipv6 === true && gateway?.device.ipv6._tag !== "Absent") {
    prefixes.push(
      prefix(gateway === undefined ? `fd00:0:${index.toString(16)}::/64` : `2a11:0:${index.toString(16)}::/64`)
    )
  }
  return prefixes.length > 0 ? prefixes : [prefix(`192.168.${1 + place}.0/24`)]
}

const parseAll = (
  draft: Draft,
  network: DraftNetwork,
  owner: string,
  texts: ReadonlyArray<string>,
  path: Path
): ReadonlyArray<NicAddress> => {
  const addresses: Array<NicAddress> = []
  for (const [index, text] of texts.entries()) {
    const at = [...path, index]
    const address = parse(draft, network, text, at)
    if (address === undefined) continue
    take(draft, network, owner, address.ip, at)
    addresses.push(address)
  }
  return addresses
}

/** An address of a network as described, checked; `undefined` after a problem. */
export const parse = (draft: Draft, network: DraftNetwork, text: string, path: Path): NicAddress | undefined => {
  const parsed = NetAddress.ipFromString(text)
  if (Result.isFailure(parsed)) {
    draft.refuse(path, `"${text}" is no IP address: ${parsed.failure.message}`)
    return undefined
  }
  const value = NetAddress.toCanonical(parsed.success)
  if (!NetAddress.isUnicast(value) || NetAddress.isLoopback(value)) {
    draft.refuse(path, `${text} is nobody's own address`)
    return undefined
  }
  const ip = Ip.fromAddress(value)
  const family = Ip.familyOf(ip)
  if (network.name === INTERNET) return { ip, family, prefixLength: INTERNET_PREFIX[family] }
  if (NetAddress.isIpv6Address(value) && NetAddress.isLinkLocal(value)) return { ip, family, prefixLength: 64 }
  const home = network.prefixes.find((prefix) => contains(prefix, ip))
  if (home !== undefined) return { ip, family, prefixLength: home.length }
  const prefixes = network.prefixes.map(({ network }) => IpNetwork.format(network)).join(", ")
  draft.refuse(path, `${text} is not of the network "${network.name}" (${prefixes})`)
  return undefined
}

const take = (draft: Draft, network: DraftNetwork, owner: string, ip: Ip.Ip, path: Path): void => {
  const other = network.owners.get(ip)
  if (other !== undefined) draft.refuse(path, `${ip} is ${other}'s address on "${network.name}" already`)
  network.owners.set(ip, owner)
}

/** A free address of each family of a network. */
const freeAddresses = (
  draft: Draft,
  network: DraftNetwork | undefined,
  owner: string,
  path: Path
): ReadonlyArray<NicAddress> => {
  if (network === undefined) return []
  if (network.name === INTERNET) {
    const families = draft.world.ipv6 === true ? ([4, 6] as const) : ([4] as const)
    return families.map((family) => {
      const ip = next(network, family, (number) => internetAddress(family, number))
      network.owners.set(ip!, owner)
      return { ip: ip!, family, prefixLength: INTERNET_PREFIX[family] }
    })
  }
  const addresses: Array<NicAddress> = []
  for (const { family, length, network: block } of network.prefixes) {
    if (addresses.some((address) => address.family === family)) continue
    const ip = next(network, family, (number) => nth(block, number))
    if (ip === undefined) draft.refuse(path, `no address is free on "${network.name}" (${IpNetwork.format(block)})`)
    else {
      network.owners.set(ip, owner)
      addresses.push({ ip, family, prefixLength: length })
    }
  }
  return addresses
}

// Where the search for a free address goes on: from one to the next, not from the beginning each time.
const searched = new WeakMap<DraftNetwork, { 4: number; 6: number }>()

const next = (
  network: DraftNetwork,
  family: 4 | 6,
  candidate: (number: number) => Ip.Ip | undefined
): Ip.Ip | undefined => {
  const from = searched.get(network) ?? { 4: 0, 6: 0 }
  searched.set(network, from)
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const ip = candidate(++from[family])
    if (ip === undefined) return undefined
    if (!network.owners.has(ip)) return ip
  }
  return undefined
}

// Globally routed blocks, so that programs take them for public: 11.0.0.0/10 and 2a10::/64.
const internetAddress = (family: 4 | 6, number: number): Ip.Ip => {
  if (family === 6)
    return Ip.fromStringUnsafe(`2a10::${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`)
  // No .0 and no .255, which look like networks and broadcasts.
  const last = 1 + ((number - 1) % 254)
  const rest = Math.floor((number - 1) / 254)
  return `11.${(rest >> 8) & 0x3f}.${rest & 0xff}.${last}` as Ip.Ip
}

// The nth address of a block, `undefined` past its end; the IPv4 broadcast address is past it.
const nth = (block: IpNetwork.IpNetwork, number: number): Ip.Ip | undefined => {
  const { address } = block
  const width = NetAddress.isIpv4Address(address) ? 32 : 128
  const bits = Math.min(32, width - block.prefixLength)
  if (number >= 2 ** bits - (width === 32 && bits > 1 ? 1 : 0)) return undefined
  const bytes = Uint8Array.from(
    NetAddress.isIpv4Address(address) ? NetAddress.ipv4ToOctets(address) : NetAddress.ipv6ToOctets(address)
  )
  const view = new DataView(bytes.buffer)
  const last = bytes.length - 4
  view.setUint32(last, view.getUint32(last) + number)
  return Ip.read(bytes, 0, width === 32 ? 4 : 6)
}
