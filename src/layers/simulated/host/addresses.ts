/**
 * Addresses as packets carry them (text) against addresses as programs see them (`effect/net` values), both ways and
 * remembered: they are pure values, and a world sees the same few again and again.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Ip from "../../../protocols/packet/Ip.ts"

/** Addresses remembered; starting over is cheaper than keeping order. */
const MAX_KNOWN = 65_536

const parsed = new Map<Ip.Ip, NetAddress.IpAddress>()
const texts = new WeakMap<NetAddress.IpAddress, Ip.Ip>()

export const addressOf = (ip: Ip.Ip): NetAddress.IpAddress => {
  let address = parsed.get(ip)
  if (address === undefined) {
    address = Ip.toAddress(ip)
    if (parsed.size >= MAX_KNOWN) parsed.clear()
    parsed.set(ip, address)
  }
  return address
}

/** IPv4-mapped IPv6 addresses are the IPv4 addresses they mean. */
export const ipOf = (address: NetAddress.IpAddress): Ip.Ip => {
  let ip = texts.get(address)
  if (ip === undefined) {
    ip = Ip.fromAddress(NetAddress.toCanonical(address))
    texts.set(address, ip)
  }
  return ip
}

/** `scopeId` is given to link-local IPv6 addresses only, which mean nothing without it. */
export const endpointOf = (ip: Ip.Ip, port: number, scopeId = 0): NetAddress.InetAddress =>
  scopeId > 0 && isLinkLocal(ip)
    ? Result.getOrThrow(NetAddress.inetAddressV6(addressOf(ip) as NetAddress.Ipv6Address, port, { scopeId }))
    : NetAddress.inetAddressUnsafe(addressOf(ip), port)

export const scopeOf = (endpoint: NetAddress.InetAddress): number =>
  endpoint._tag === "InetAddressV6" ? endpoint.scopeId : 0

export const isLinkLocal = (ip: Ip.Ip): boolean => /^fe[89ab]/.test(ip)

export const isLoopback = (ip: Ip.Ip): boolean => ip.startsWith("127.") || ip === "::1"

export const isMulticast = (ip: Ip.Ip): boolean =>
  Ip.familyOf(ip) === 4 ? /^2(2[4-9]|3\d)\./.test(ip) : /^ff[\da-f]{2}:/.test(ip)

export const isUnspecified = (ip: Ip.Ip): boolean => ip === "0.0.0.0" || ip === "::"

export const loopback4 = "127.0.0.1" as Ip.Ip
export const loopback6 = "::1" as Ip.Ip
export const everybody4 = "255.255.255.255" as Ip.Ip
