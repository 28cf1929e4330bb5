/**
 * The error numbers a simulated system gives, each with the kind of failure it means.
 */
import * as Data from "effect/Data"
import type { IcmpErrorPacket } from "../../../protocols/packet/IpPacket.ts"
import { familyOf } from "../../../protocols/packet/Ip.ts"
import type { NetKind } from "../../../schemas/NetKind.ts"

const kinds = {
  EADDRINUSE: "AddressInUse",
  EADDRNOTAVAIL: "AddressNotAvailable",
  ECONNREFUSED: "Refused",
  ECONNRESET: "Reset",
  EPIPE: "Reset",
  EHOSTUNREACH: "Unreachable",
  ENETUNREACH: "Unreachable",
  ETIMEDOUT: "TimedOut",
  EACCES: "Permission",
  EMSGSIZE: "TooLarge",
  EINVAL: "InvalidInput"
} as const satisfies { readonly [code: string]: NetKind }

export type Code = keyof typeof kinds

export const kindOf = (code: Code): (typeof kinds)[Code] => kinds[code]

/** What a system call of a simulated host failed with; the cause in `TcpError` and `UdpError`. */
export class SimulatedError extends Data.TaggedError("SimulatedError")<{
  readonly syscall: string
  readonly code: Code
}> {
  override get message() {
    return `${this.syscall} ${this.code}`
  }
}

/** The error number Linux makes of an ICMP error. */
export const codeOfIcmp = (packet: IcmpErrorPacket): Code => {
  switch (packet.kind) {
    case "portUnreachable":
      return "ECONNREFUSED"
    case "packetTooBig":
      return "EMSGSIZE"
    case "adminProhibited":
      return familyOf(packet.src) === 4 ? "EHOSTUNREACH" : "EACCES"
    default:
      return "EHOSTUNREACH"
  }
}
