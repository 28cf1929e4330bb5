/**
 * Prefixes over textual addresses. Looked at when a route is not yet known, not for every packet.
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Ip from "../../../protocols/packet/Ip.ts"

export interface Prefix {
  readonly family: 4 | 6
  readonly length: number
  readonly network: IpNetwork.IpNetwork
  /** The last IPv4 address, which means everybody. */
  readonly broadcast: Ip.Ip | undefined
}

export const fromNetwork = (network: IpNetwork.IpNetwork): Prefix => {
  const v4 = NetAddress.isIpv4Address(network.address)
  // RFC 3021: prefixes of 31 and 32 bits have no broadcast address.
  const broadcast = v4 && network.prefixLength < 31 ? Ip.fromAddress(IpNetwork.lastAddress(network)) : undefined
  return { family: v4 ? 4 : 6, length: network.prefixLength, network, broadcast }
}

export const contains = (prefix: Prefix, ip: Ip.Ip): boolean =>
  Ip.familyOf(ip) === prefix.family && IpNetwork.contains(prefix.network, Ip.toAddress(ip))
