/**
 * Socket addresses and messages in the C library's layout (64-bit little-endian machines, the ones Node supports on
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

const AF_INET6_LINUX = 10

const decode = (bytes: Buffer): NetAddress.InetAddress => {
  const port = bytes.readUInt16BE(2)
  return NetAddress.toCanonical(
    NetAddress.inetAddressUnsafe(
      bytes.readUInt16LE(0) === AF_INET6_LINUX
        ? NetAddress.ipv6FromBytesUnsafe(bytes.subarray(8, 24))
        : NetAddress.ipv4FromBytesUnsafe(bytes.subarray(4, 8)),
      port
    )
  )
}

/** Buffers for one `recvmsg(MSG_ERRQUEUE)`; `header` points into the others, so all live together. */
export interface ErrorMessage {
  readonly header: Buffer
  readonly name: Buffer
  readonly control: Buffer
  readonly parts: ReadonlyArray<Buffer>
}

/**
 * Linux `struct msghdr`: name pointer, name length, iovec pointer, iovec count, control pointer, control length, flags.
 */
export const errorMessage = (addressOf: (buffer: Buffer) => bigint | number): ErrorMessage => {
  const name = Buffer.alloc(28)
  const control = Buffer.alloc(512)
  const payload = Buffer.alloc(1)
  const iovec = Buffer.alloc(16)
  iovec.writeBigUInt64LE(BigInt(addressOf(payload)), 0)
  iovec.writeBigUInt64LE(BigInt(payload.length), 8)
  const header = Buffer.alloc(56)
  header.writeBigUInt64LE(BigInt(addressOf(name)), 0)
  header.writeUInt32LE(name.length, 8)
  header.writeBigUInt64LE(BigInt(addressOf(iovec)), 16)
  header.writeBigUInt64LE(BigInt(1), 24)
  header.writeBigUInt64LE(BigInt(addressOf(control)), 32)
  header.writeBigUInt64LE(BigInt(control.length), 40)
  return { header, name, control, parts: [payload, iovec] }
}

const SOL_IP = 0
const SOL_IPV6 = 41
const IP_RECVERR = 11
const IPV6_RECVERR = 25
const CMSG_HEADER = 16

/** The first extended error among the control messages (ip(7), `struct sock_extended_err`), and whose datagram it was. */
export const decodeError = (
  message: ErrorMessage
): { readonly errno: number; readonly remote: NetAddress.InetAddress | undefined } | undefined => {
  const nameLength = message.header.readUInt32LE(8)
  const length = Number(message.header.readBigUInt64LE(40))
  const { control } = message
  for (let at = 0; at + CMSG_HEADER + 4 <= length;) {
    const size = Number(control.readBigUInt64LE(at))
    const level = control.readInt32LE(at + 8)
    const type = control.readInt32LE(at + 12)
    if (size < CMSG_HEADER || at + size > length) return undefined
    if ((level === SOL_IP && type === IP_RECVERR) || (level === SOL_IPV6 && type === IPV6_RECVERR)) {
      return {
        errno: control.readUInt32LE(at + CMSG_HEADER),
        remote: nameLength >= 16 ? decode(message.name) : undefined
      }
    }
    at += (size + 7) & ~7
  }
  return undefined
}
