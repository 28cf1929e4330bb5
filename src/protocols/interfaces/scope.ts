/** How far an IP address reaches, by its range alone. */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import type { AddressScope, InterfaceAddress } from "../../schemas/NetworkInterface.ts"

/** Shared address space between a carrier and its customers, RFC 6598. */
const sharedAddressSpace = IpNetwork.fromStringUnsafe("100.64.0.0/10")

/** IPv6 site-local, deprecated by RFC 3879 and still met on old networks. */
const siteLocal = IpNetwork.fromStringUnsafe("fec0::/10")

/** The scope of an address; see `AddressScope` for the ranges. IPv4-mapped IPv6 addresses have the scope of the IPv4 address. */
export const scopeOf = (input: NetAddress.IpAddress): AddressScope => {
  const address = NetAddress.toCanonical(input)
  if (NetAddress.isLoopback(address)) return "host"
  if (NetAddress.isLinkLocal(address)) return "link"
  const private_ = NetAddress.isIpv4Address(address) ? NetAddress.isPrivate(address) : NetAddress.isUniqueLocal(address)
  if (private_ || IpNetwork.contains(sharedAddressSpace, address) || IpNetwork.contains(siteLocal, address))
    return "site"
  return "global"
}

/** True for the addresses that are ambiguous without an interface: IPv6 link-local. */
export const needsScopeId = (address: NetAddress.IpAddress): boolean =>
  NetAddress.isIpv6Address(address) && NetAddress.isLinkLocal(address)

/** An `InterfaceAddress` with its scope worked out; `scopeId` is kept only where the address needs one. */
export const interfaceAddress = (
  address: NetAddress.IpAddress,
  prefixLength: number,
  scopeId: number | undefined
): InterfaceAddress => {
  const scope = scopeOf(address)
  return needsScopeId(address) && scopeId !== undefined && scopeId > 0
    ? { address, prefixLength, scope, scopeId }
    : { address, prefixLength, scope }
}
