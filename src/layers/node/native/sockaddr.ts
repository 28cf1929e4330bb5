/**
 * Socket addresses in the C library's layout (64-bit little-endian machines, the ones Node supports on
 * Linux and macOS).
 */
import * as NetAddress from "effect/net/NetAddress"

export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

/**
 * `struct sockaddr_in` and `sockaddr_in6`. macOS has a length byte where Linux has the low byte of the family.
 *
 *      0        2        4                 8                              24        28
 *      +--------+--------+-----------------+------------------------------+---------+
 *  in  | family |port BE |  IPv4 address   |  8 zero bytes
 *  in6 | family |port BE |   flow label    |         IPv6 address         |  scope  |
 */
export const encode = (endpoint: NetAddress.InetAddress, af6: number, lengthByte: boolean): Buffer => {
  const v6 = NetAddress.isInetAddressV6(endpoint)
  const bytes = Buffer.alloc(v6 ? 28 : 16)
  const family = v6 ? af6 : 2
  if (lengthByte) {
    bytes.writeUInt8(bytes.length, 0)
    bytes.writeUInt8(family, 1)
  } else {
    bytes.writeUInt16LE(family, 0)
  }
  bytes.writeUInt16BE(endpoint.port, 2)
  if (v6) {
    bytes.set(NetAddress.ipv6ToOctets(endpoint.address), 8)
    bytes.writeUInt32LE(endpoint.scopeId, 24)
  } else {
    bytes.set(NetAddress.ipv4ToOctets(endpoint.address), 4)
  }
  return bytes
}
