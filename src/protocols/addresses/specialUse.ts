/**
 * What an IP address is for: the classes of the IANA special-purpose registries (RFC 6890) that decide whether a peer
 * can be reached at it, and `global` for all the rest.
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"

/** The most specific range first: the first one that contains an address is its class. */
const table = {
  unspecified: ["0.0.0.0/32", "::/128"],
  /** RFC 1122 section 3.2.1.3: "this network", sources only. */
  "this-network": ["0.0.0.0/8"],
  loopback: ["127.0.0.0/8", "::1/128"],
  broadcast: ["255.255.255.255/32"],
  /** RFC 1918. */
  private: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
  /** RFC 6598: between a carrier's NAT and its customers. */
  cgnat: ["100.64.0.0/10"],
  /** RFC 3927, RFC 4291 section 2.5.6. */
  "link-local": ["169.254.0.0/16", "fe80::/10"],
  /** RFC 4193. */
  "unique-local": ["fc00::/7"],
  /** Deprecated by RFC 3879, still met. */
  "site-local": ["fec0::/10"],
  /** RFC 5737, RFC 3849, RFC 9637. */
  documentation: ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"],
  /** RFC 2544, RFC 5180. */
  benchmarking: ["198.18.0.0/15", "2001:2::/48"],
  /** RFC 4291 section 2.5.5.2: not an address of the wire. */
  mapped: ["::ffff:0:0/96"],
  /** RFC 6052: stands for an IPv4 host. */
  nat64: ["64:ff9b::/96"],
  /** RFC 8215: the same, by translators of the local network, who alone know where in it the IPv4 address is. */
  "nat64-local": ["64:ff9b:1::/48"],
  /** RFC 4380. */
  teredo: ["2001::/32"],
  /** RFC 3056. The IPv4 side is the anycast relay of RFC 3068, deprecated by RFC 7526. */
  "6to4": ["2002::/16", "192.88.99.0/24"],
  multicast: ["224.0.0.0/4", "ff00::/8"],
  /** RFC 6666: to be thrown away. */
  discard: ["100::/64"],
  /**
   * RFC 1112 section 4 for class E; IETF protocol assignments (RFC 6890, RFC 2928); and the part of IPv6 that has not been
   * given out as global unicast (2000::/3), with the segment-routing block in it (RFC 9602).
   */
  reserved: ["240.0.0.0/4", "192.0.0.0/24", "2001::/23", "::/3", "4000::/2", "8000::/1"]
} as const satisfies Record<string, ReadonlyArray<string>>

export type SpecialUse = keyof typeof table | "global"

const classes = Object.entries(table).map(([name, blocks]) => ({
  name: name as keyof typeof table,
  networks: blocks.map((block) => IpNetwork.fromStringUnsafe(block))
}))

/** Assigned inside 192.0.0.0/24 and 2001::/23, and global all the same. */
const globalExceptions = [
  /** Port Control Protocol and TURN anycast: RFC 7723, RFC 8155. */
  "192.0.0.9/32",
  "192.0.0.10/32",
  "2001:1::1/128",
  "2001:1::2/128",
  /** Automatic multicast tunnelling (RFC 7450), AS112 (RFC 7535), ORCHIDv2 (RFC 7343), drone remote ID (RFC 9374). */
  "2001:3::/32",
  "2001:4:112::/48",
  "2001:20::/28",
  "2001:30::/28"
].map((block) => IpNetwork.fromStringUnsafe(block))

/** The blocks of a class, as the registries list them. */
export const blocksOf = (use: keyof typeof table): ReadonlyArray<IpNetwork.IpNetwork> =>
  classes.find(({ name }) => name === use)!.networks

/** Of classes whose addresses lead to an IPv4 host, where its address begins: RFC 6052 section 2.2, RFC 3056 section 2. */
const ipv4At: Partial<Record<SpecialUse, number>> = { nat64: 12, "6to4": 2, teredo: 12 }

/** RFC 4380 section 4: all bits of a Teredo client's address are inverted. */
const inverted = (octets: ReadonlyArray<number>): ReadonlyArray<number> => octets.map((octet) => octet ^ 0xff)

/**
 * The class of an address; of one that leads to an IPv4 host, the class of that host's address unless it is global. An IPv4-mapped
 * IPv6 address is `mapped`: use `NetAddress.toCanonical` for the one inside.
 */
export const classOf = (address: NetAddress.IpAddress): SpecialUse => {
  const holds = (network: IpNetwork.IpNetwork): boolean => IpNetwork.contains(network, address)
  if (globalExceptions.some(holds)) return "global"
  const use = classes.find(({ networks }) => networks.some(holds))?.name ?? "global"
  const at = ipv4At[use]
  if (at === undefined || NetAddress.isIpv4Address(address)) return use
  const octets = NetAddress.ipv6ToOctets(address).slice(at, at + 4)
  const inside = classOf(NetAddress.ipv4FromBytesUnsafe(Uint8Array.from(use === "teredo" ? inverted(octets) : octets)))
  return inside === "global" ? use : inside
}

/**
 * Whether an address, taken alone, can be one that the whole internet reaches: global ones, and those tunnelled by 6to4 and
 * Teredo. Whether it is, servers on the internet have to agree.
 */
export const isPublic = (address: NetAddress.IpAddress): boolean => {
  const use = classOf(NetAddress.toCanonical(address))
  return use === "global" || use === "6to4" || use === "teredo"
}

const siteOnly: ReadonlySet<SpecialUse> = new Set<SpecialUse>([
  "private",
  "cgnat",
  "link-local",
  "unique-local",
  "site-local",
  "nat64-local"
])

/** Whether an address means something only on the local network or the carrier's: a NAT stands before the internet. */
export const isSiteOnly = (address: NetAddress.IpAddress): boolean =>
  siteOnly.has(classOf(NetAddress.toCanonical(address)))
