/** What counts as one source of packets: an IPv4 address, or the /64 of an IPv6 address, which is the least a site is given. */
import * as NetAddress from "effect/net/NetAddress"

/** A key for a table; an IPv4 address in IPv6 clothes is that IPv4 address. */
export const sourceOf = (address: NetAddress.IpAddress): string => {
  const plain = NetAddress.toCanonical(address)
  if (NetAddress.isIpv4Address(plain)) return NetAddress.formatIp(plain)
  const [a, b, c, d] = NetAddress.ipv6ToSegments(plain)
  return `${a!.toString(16)}:${b!.toString(16)}:${c!.toString(16)}:${d!.toString(16)}`
}
