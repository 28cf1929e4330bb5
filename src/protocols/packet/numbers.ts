/** The numbers of the wire formats: protocols, ICMP types and codes (RFC 792, RFC 1191, RFC 1812, RFC 4443). */
import type { Family } from "./Ip.ts"
import type { IcmpErrorKind } from "./IpPacket.ts"

export const ICMP = 1
export const TCP = 6
export const UDP = 17
export const ICMPV6 = 58

export const icmpProtocol = (family: Family): number => (family === 4 ? ICMP : ICMPV6)

export const ECHO_REQUEST = { 4: 8, 6: 128 } as const
export const ECHO_REPLY = { 4: 0, 6: 129 } as const

type TypeAndCode = readonly [type: number, code: number]

/** What each kind of error is sent as. */
export const ERROR_TYPES: { readonly [F in Family]: { readonly [K in IcmpErrorKind]: TypeAndCode } } = {
  4: {
    portUnreachable: [3, 3],
    hostUnreachable: [3, 1],
    adminProhibited: [3, 13],
    ttlExceeded: [11, 0],
    packetTooBig: [3, 4]
  },
  6: {
    portUnreachable: [1, 4],
    hostUnreachable: [1, 3],
    adminProhibited: [1, 1],
    ttlExceeded: [3, 0],
    packetTooBig: [2, 0]
  }
}

/** What each type and code is read as, other codes of near meaning folded in; `undefined` for what is no such error. */
export const errorKind = (family: Family, type: number, code: number): IcmpErrorKind | undefined =>
  family === 4 ? errorKind4(type, code) : errorKind6(type, code)

const errorKind4 = (type: number, code: number): IcmpErrorKind | undefined => {
  if (type === 11) return code === 0 ? "ttlExceeded" : undefined
  if (type !== 3) return undefined
  switch (code) {
    case 0: // network unreachable
    case 1:
    case 5: // source route failed
    case 6: // network unknown
    case 7: // host unknown
      return "hostUnreachable"
    case 2: // protocol unreachable
    case 3:
      return "portUnreachable"
    case 4:
      return "packetTooBig"
    case 9: // network administratively prohibited
    case 10: // host administratively prohibited
    case 13:
      return "adminProhibited"
    default:
      return undefined
  }
}

const errorKind6 = (type: number, code: number): IcmpErrorKind | undefined => {
  if (type === 2) return "packetTooBig"
  if (type === 3) return code === 0 ? "ttlExceeded" : undefined
  if (type !== 1) return undefined
  switch (code) {
    case 0: // no route
    case 3:
      return "hostUnreachable"
    case 1:
    case 5: // source address failed a policy
    case 6: // reject route
      return "adminProhibited"
    case 4:
      return "portUnreachable"
    default:
      return undefined
  }
}
