/**
 * Endpoints as Node writes them: numeric hosts with interface names as IPv6 zones, against `InetAddress` values.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as os from "node:os"

/** Zone names and numbers. Read only where an address has a zone: the table costs a system call per interface. */
export const scopeIds = (): ReadonlyMap<string, number> =>
  NetAddress.scopeIdsFromInterfaces(Object.entries(os.networkInterfaces()))

/** The host part for Node, with `%eth0` where the endpoint has a zone. */
export const hostOf = (endpoint: NetAddress.InetAddress): string =>
  NetAddress.isInetAddressV6(endpoint) && endpoint.scopeId !== 0
    ? NetAddress.formatNativeHost(endpoint, scopeIds())
    : NetAddress.formatIp(endpoint.address)

/** The same for an IPv6 socket of both families, which takes IPv4 destinations as mapped addresses. */
export const mappedHostOf = (endpoint: NetAddress.InetAddress): string =>
  NetAddress.isInetAddressV4(endpoint) ? `::ffff:${NetAddress.formatIp(endpoint.address)}` : hostOf(endpoint)

/** An endpoint from what Node reports. Dual-stack sockets show IPv4 peers as mapped IPv6: those become IPv4 again. */
export const endpointOf = (host: string, port: number): NetAddress.InetAddress => {
  const zone = host.indexOf("%")
  if (zone === -1) return NetAddress.toCanonical(NetAddress.inetAddressFromNativeUnsafe(host, port))
  // Windows writes the number, and so does any system for an interface that has lost its name.
  if (/^\d+$/.test(host.slice(zone + 1))) return NetAddress.inetAddressFromNativeUnsafe(host, port)
  const zones = scopeIds()
  // An interface can vanish between the event and this look-up; the address without its zone is still true.
  return zones.has(host.slice(zone + 1))
    ? NetAddress.inetAddressFromNativeUnsafe(host, port, zones)
    : NetAddress.inetAddressFromNativeUnsafe(host.slice(0, zone), port)
}

/**
 * How Node takes the interface of a multicast group: by name or number for IPv6, by one of its addresses for IPv4, which
 * is `undefined` where it has none.
 */
export const multicastHost = (device: string, family: NetAddress.IpFamily): string | undefined => {
  if (family === "IPv6") return `::%${process.platform === "win32" ? (scopeIds().get(device) ?? 0) : device}`
  return os.networkInterfaces()[device]?.find((entry) => entry.family === "IPv4")?.address
}
