/**
 * What this machine knows of its own networks, in the forms that connecting needs: what to dial from, and what to tell
 * others.
 */
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import type { NatProfile } from "../../schemas/NatProfile.ts"
import type { Family, NetworkInterface } from "../../schemas/NetworkInterface.ts"
import { type AddressInterface, type Candidate, limits, type NatBrief } from "../../schemas/PeerAddress.ts"
import { networkFacts, type NetworkFacts } from "../address/locality.ts"
import { classicName } from "../natprofile/names.ts"
import { isFar } from "./judge.ts"
import type { Mine, MyInterface } from "./pair.ts"

/** A socket that listens. */
export interface Listening {
  readonly interface: string
  readonly endpoint: NetAddress.InetAddress
  /** Where the internet reaches it, as a server saw it. */
  readonly mapped?: NetAddress.InetAddress | undefined
}

export interface Own {
  /** The interfaces in use. */
  readonly interfaces: ReadonlyArray<NetworkInterface>
  /** All of this machine, those of other interfaces as well. */
  readonly addresses: ReadonlyArray<NetAddress.IpAddress>
  readonly listening: ReadonlyArray<Listening>
  readonly profiles: ReadonlyArray<NatProfile>
}

const FAMILIES: ReadonlyArray<Family> = ["IPv4", "IPv6"]

/**
 * The interfaces to use of those there are: those named, or all that lead anywhere, or else this machine's own loop.
 * `loop`: that one as well, last, for peers on the same machine: a socket bound to another interface does not hear them.
 */
export const chosen = (
  all: ReadonlyArray<NetworkInterface>,
  names: ReadonlyArray<string> | undefined,
  loop: boolean
): ReadonlyArray<NetworkInterface> => {
  const up = all.filter(({ addresses, flags }) => flags.up && flags.running && addresses.length > 0)
  const outward = up.filter(({ flags }) => !flags.loopback)
  const wanted = names === undefined ? outward : up.filter(({ name }) => names.includes(name))
  if (!loop && (wanted.length > 0 || names !== undefined)) return wanted
  return [...wanted, ...up.filter((entry) => entry.flags.loopback && !wanted.includes(entry))]
}

/** Addresses of one interface to listen on: a machine may have hundreds. */
const MAX_ADDRESSES = 8

/** The addresses to listen on: link-local ones only where there is nothing better, and one of the loop. */
export const listenable = ({ addresses, flags }: NetworkInterface): NetworkInterface["addresses"] => {
  if (flags.loopback) return addresses.slice(0, 1)
  const wide = addresses.filter(({ scope }) => scope !== "link")
  return (wide.length > 0 ? wide : addresses).slice(0, MAX_ADDRESSES)
}

const valueOf = <A>(measured: { readonly _tag: "Known"; readonly value: A } | { readonly _tag: "Unknown" }) =>
  measured._tag === "Known" ? measured.value : undefined

/** What others are told of a profile. */
export const briefOf = (profile: NatProfile): NatBrief => {
  const { delta, family, filtering, hairpin, mapping, range, transport, unsolicited } = profile
  return {
    family,
    transport,
    type: valueOf(classicName(profile)),
    mapping: valueOf(mapping),
    filtering: valueOf(filtering),
    delta: valueOf(delta),
    range: valueOf(range),
    unsolicited: valueOf(unsolicited),
    hairpin: valueOf(hairpin)
  }
}

const briefsOf = ({ profiles }: Own, name: string): ReadonlyArray<NatBrief> =>
  profiles.filter((profile) => profile.interface === name).map(briefOf)

const externalOf = ({ listening, profiles }: Own, name: string): ReadonlyArray<NetAddress.IpAddress> => [
  ...listening.flatMap((each) => (each.interface === name && each.mapped !== undefined ? [each.mapped.address] : [])),
  ...profiles.flatMap((profile) => (profile.interface === name ? (valueOf(profile.external) ?? []) : []))
]

const leadsOut = ({ addresses, gateways, isDefault }: NetworkInterface): ReadonlyArray<Family> =>
  FAMILIES.filter(
    (family) =>
      isDefault[family] ||
      gateways.some((gateway) => gateway.family === family) ||
      addresses.some(({ address }) => NetAddress.familyOf(address) === family && isFar(address))
  )

export const mineOf = (own: Own): Mine => ({
  interfaces: own.interfaces.map((entry): MyInterface => ({
    name: entry.name,
    addresses: entry.addresses,
    leadsOut: leadsOut(entry),
    external: externalOf(own, entry.name),
    gateways: entry.gateways.map(({ address }) => address),
    nats: briefsOf(own, entry.name)
  })),
  addresses: own.addresses,
  endpoints: own.listening.map(({ endpoint }) => endpoint)
})

/** What is known of the networks of each interface, by its name. */
export const networksOf = (own: Own): ReadonlyMap<string, ReadonlyArray<NetworkFacts>> =>
  new Map(
    own.interfaces.map((entry) => [
      entry.name,
      networkFacts(entry, externalOf(own, entry.name).find(NetAddress.isIpv4Address))
    ])
  )

// Without the scope id: it means nothing elsewhere.
const plain = ({ address, port }: NetAddress.InetAddress) => NetAddress.inetAddressUnsafe(address, port)

const candidatesOf = ({ listening }: Own, name: string): ReadonlyArray<Candidate> => {
  const here = listening.filter((each) => each.interface === name)
  const hosts = here.map(({ endpoint }): Candidate => ({ kind: "host", transport: "tcp", endpoint: plain(endpoint) }))
  const reflexive = here.flatMap(({ endpoint, mapped }): ReadonlyArray<Candidate> =>
    mapped === undefined || Equal.equals(plain(mapped), plain(endpoint))
      ? []
      : [{ kind: "reflexive", transport: "tcp", endpoint: plain(mapped) }]
  )
  return [...reflexive, ...hosts].slice(0, limits.candidatesPerInterface)
}

/** What an address says of the interfaces: those that lead out first. `tag`: recognises a network. */
export const addressInterfaces = (
  own: Own,
  tag: (facts: NetworkFacts) => Uint8Array
): ReadonlyArray<AddressInterface> => {
  const networks = networksOf(own)
  return own.interfaces
    .toSorted((a, b) => leadsOut(b).length - leadsOut(a).length)
    .flatMap(({ name }): ReadonlyArray<AddressInterface> => {
      const candidates = candidatesOf(own, name)
      const nats = briefsOf(own, name)
      const [facts] = networks.get(name) ?? []
      if (candidates.length === 0 && nats.length === 0) return []
      return [{ candidates, nats, network: facts === undefined ? undefined : tag(facts) }]
    })
    .slice(0, limits.interfaces)
}
