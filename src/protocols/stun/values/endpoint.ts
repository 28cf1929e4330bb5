/**
 * Endpoints (RFC 8489 sections 14.1 and 14.2).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |0 0 0 0 0 0 0 0|    Family     |             Port              |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                 Address (32 bits or 128 bits)                 |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * The XOR form differs from the packet's 5th byte on: the port is XORed with the two bytes there, the address with 4 or
 * 16 of them. They are the cookie and the transaction ID, or the first bytes of RFC 3489's long transaction ID.
 *
 * An IPv6 scope is not carried: it means nothing on another machine.
 */
import * as NetAddress from "effect/net/NetAddress"
import { read16, write16 } from "../header.ts"
import { type Codec, Problem } from "../Problem.ts"

export const IPV4 = 1
export const IPV6 = 2

// Where the XOR mask begins.
const MASK = 4

// An address copies what it is made from.
const octets = new Uint8Array(16)

const read = (bytes: Uint8Array, at: number, length: number, masked: boolean): NetAddress.InetAddress | Problem => {
  const family = length < 2 ? 0 : bytes[at + 1]!
  const width = family === IPV4 ? 4 : family === IPV6 ? 16 : 0
  if (width === 0 || length !== 4 + width) {
    if (length !== 8 && length !== 20) return new Problem(-2, `${length} bytes: an endpoint has 8 or 20`)
    return new Problem(1, width === 0 ? `address family ${family}` : `family ${family} in ${length} bytes`)
  }
  let port = read16(bytes, at + 2)
  if (masked) port ^= read16(bytes, MASK)
  for (let i = 0; i < width; i++) octets[i] = masked ? bytes[at + 4 + i]! ^ bytes[MASK + i]! : bytes[at + 4 + i]!
  return NetAddress.inetAddressUnsafe(
    width === 4 ? NetAddress.ipv4FromBytesUnsafe(octets) : NetAddress.ipv6FromBytesUnsafe(octets),
    port
  )
}

const write = (value: NetAddress.InetAddress, bytes: Uint8Array, at: number, masked: boolean): number => {
  write16(bytes, at + 2, value.port)
  let size = 8
  if (value._tag === "InetAddressV4") {
    bytes[at + 1] = IPV4
    const address = NetAddress.ipv4ToOctets(value.address)
    for (let i = 0; i < 4; i++) bytes[at + 4 + i] = address[i]!
  } else {
    bytes[at + 1] = IPV6
    const segments = NetAddress.ipv6ToSegments(value.address)
    for (let i = 0; i < 8; i++) write16(bytes, at + 4 + 2 * i, segments[i]!)
    size = 20
  }
  if (masked) {
    bytes[at + 2]! ^= bytes[MASK]!
    bytes[at + 3]! ^= bytes[MASK + 1]!
    for (let i = 0; i < size - 4; i++) bytes[at + 4 + i]! ^= bytes[MASK + i]!
  }
  return size
}

const size = (value: NetAddress.InetAddress): number => (value._tag === "InetAddressV4" ? 8 : 20)

/** As it is: what routers that rewrite addresses in packets may spoil. */
export const endpoint: Codec<NetAddress.InetAddress> = {
  size,
  write: (value, bytes, at) => write(value, bytes, at, false),
  read: (bytes, at, length) => read(bytes, at, length, false)
}

export const xorEndpoint: Codec<NetAddress.InetAddress> = {
  size,
  write: (value, bytes, at) => write(value, bytes, at, true),
  read: (bytes, at, length) => read(bytes, at, length, true)
}
