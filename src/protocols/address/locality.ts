/**
 * How peers on the same machine or the same network recognise each other by their addresses, which anybody may read.
 *
 *     machine tag = HMAC-SHA256(machine secret, "effect-p2p machine v1" salt key), first 6 bytes
 *     network tag = HMAC-SHA256(fingerprint,    "effect-p2p network v1" salt key), first 6 bytes
 *
 * `salt` is drawn anew for each version of an address, `key` is the peer's public key: so no two addresses have a tag in
 * common, and a tag says something only to who knows what it was made of. The machine secret is random and stays on the machine: a
 * tag of it tells nobody else anything. What a network's fingerprint is made of can be guessed, so a guess can be tested:
 * `docs/protocol.md` says what that gives away, and `withPrivacy` leaves it out. A router's MAC address is not part of it:
 * there are public lists of those with their places, short enough to try them all.
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import type { NetworkInterface } from "../../schemas/NetworkInterface.ts"
import type { AddressInterface, Locality, PeerAddress } from "../../schemas/PeerAddress.ts"
import * as PeerId from "../../schemas/PeerId.ts"
import { isSiteOnly } from "../addresses/specialUse.ts"
import type { Primitives } from "../crypto/Primitives.ts"
import { ascii } from "../text/ascii.ts"
import { TAG_BYTES } from "./layout.ts"

/** What all hosts of a network know of it, in one family. */
export interface NetworkFacts {
  readonly gateway?: NetAddress.IpAddress | undefined
  readonly prefix: IpNetwork.IpNetwork
  /** The address all of them have outside; absent where each has its own, and where it is not known. */
  readonly external?: NetAddress.IpAddress | undefined
}

type Mac = Pick<Primitives, "hmacSha256">

const MACHINE = ascii("effect-p2p machine v1")
const NETWORK = ascii("effect-p2p network v1")

const tag = ({ hmacSha256 }: Mac, secret: Uint8Array, label: Uint8Array, salt: Uint8Array, peer: PeerId.PeerId) =>
  hmacSha256(secret, Uint8Array.from([...label, ...salt, ...PeerId.toKey(peer)])).slice(0, TAG_BYTES)

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, at) => byte === b[at])

/** `192.168.1.1 192.168.1.0/24 203.0.113.7`: gateway, prefix, external address, `-` for what is not known. */
const fingerprint = ({ external, gateway, prefix }: NetworkFacts): Uint8Array => {
  const text = (address: NetAddress.IpAddress | undefined) =>
    address === undefined ? "-" : NetAddress.formatIp(address)
  return ascii(`${text(gateway)} ${IpNetwork.format(prefix)} ${text(external)}`)
}

/** The locality of one version of an address. Salt: 8 random bytes. Machine secret: 16 random bytes or more, or none. */
export const localityOf = (
  primitives: Mac,
  peer: PeerId.PeerId,
  salt: Uint8Array,
  machineSecret: Uint8Array | undefined
): Locality =>
  machineSecret === undefined ? { salt } : { salt, machine: tag(primitives, machineSecret, MACHINE, salt, peer) }

/** The tag of an interface in an address with this salt. */
export const networkTag = (primitives: Mac, peer: PeerId.PeerId, salt: Uint8Array, facts: NetworkFacts): Uint8Array =>
  tag(primitives, fingerprint(facts), NETWORK, salt, peer)

/** Whether a peer is on the machine with this secret. */
export const sameMachine = (primitives: Mac, machineSecret: Uint8Array, theirs: PeerAddress): boolean => {
  const { locality, peer } = theirs
  if (locality?.machine === undefined) return false
  return equal(tag(primitives, machineSecret, MACHINE, locality.salt, peer), locality.machine)
}

/**
 * Those of a peer's interfaces that are on a network of these facts. The tag has what its owner knew; so where the external
 * address is known here, it is tried with it and without. Networks numbered alike whose external address one side does
 * not know are taken for the same: dial with the care owed to a stranger. `exactly`: only with it, if it is known here.
 */
export const sameNetwork = (
  primitives: Mac,
  mine: ReadonlyArray<NetworkFacts>,
  theirs: PeerAddress,
  exactly = false
): ReadonlyArray<AddressInterface> => {
  const { interfaces, locality, peer } = theirs
  if (locality === undefined) return []
  const tags = mine
    .flatMap((facts) =>
      facts.external === undefined || exactly ? [facts] : [facts, { ...facts, external: undefined }]
    )
    .map((facts) => networkTag(primitives, peer, locality.salt, facts))
  return interfaces.filter(({ network }) => network !== undefined && tags.some((own) => equal(own, network)))
}

/**
 * What an interface knows of its networks, the best to make a tag of first: IPv4 before IPv6, and in a family as the system
 * lists its addresses. `external`: the address the internet sees it by in IPv4, which counts where a NAT shares it.
 */
export const networkFacts = (
  entry: NetworkInterface,
  external: NetAddress.Ipv4Address | undefined
): ReadonlyArray<NetworkFacts> => {
  const facts = new Map<string, NetworkFacts>()
  for (const family of ["IPv4", "IPv6"] as const) {
    const gateway = entry.gateways.find((one) => one.family === family)?.address
    for (const { address, prefixLength, scope } of entry.addresses) {
      if (NetAddress.familyOf(address) !== family || scope === "host" || NetAddress.isLinkLocal(address)) continue
      const prefix = IpNetwork.fromAddressUnsafe(address, prefixLength)
      const shared = family === "IPv4" && isSiteOnly(address) ? external : undefined
      const own: NetworkFacts = { gateway, prefix, external: shared }
      facts.set(IpNetwork.format(prefix), own)
    }
  }
  return [...facts.values()]
}
