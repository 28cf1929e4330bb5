/** Why bytes are no packet, or a packet has no bytes; says where. */
import * as Data from "effect/Data"

export type Layer = "IPv4" | "IPv6" | "UDP" | "TCP" | "ICMP" | "ICMPv6" | "quoted packet"

export class PacketError extends Data.TaggedError("PacketError")<{
  /** Which header it was read from or written to. */
  readonly layer: Layer
  /** Bytes from the start of the packet to the field in question. */
  readonly offset: number
  /** What is wrong, with the value found. */
  readonly problem: string
}> {
  override get message() {
    return `${this.layer}, byte ${this.offset}: ${this.problem}`
  }
}
