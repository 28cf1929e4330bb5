/** The NAT model of the simulator as a box: the second, independent generator of these tests. */
import { make } from "../../../../src/protocols/nat/Nat.ts"
import type { Verdict } from "../../../../src/protocols/nat/Verdict.ts"
import * as Ip from "../../../../src/protocols/packet/Ip.ts"
import * as Packet from "../../../../src/protocols/packet/IpPacket.ts"
import type { NatDevice } from "../../../../src/schemas/NatDevice.ts"
import type { Transport } from "../../../../src/schemas/NatObservation.ts"
import type { Unsolicited } from "../../../../src/schemas/NatProfile.ts"
import type { Box, End, Flag } from "./Box.ts"

const flags = { syn: Packet.SYN, "syn-ack": Packet.SYN | Packet.ACK, ack: Packet.ACK }

const packetOf = (transport: Transport, src: End, dst: End, flag: Flag): Packet.Endpointed => {
  const [from, to] = [Ip.fromStringUnsafe(src.ip), Ip.fromStringUnsafe(dst.ip)]
  return transport === "udp"
    ? Packet.udp(from, src.port, to, dst.port)
    : Packet.tcp(from, src.port, to, dst.port, { flags: flags[flag] })
}

const ends = (packet: Packet.IpPacket): { readonly src: End; readonly dst: End } => {
  if (packet._tag === "IcmpError" || packet._tag === "Echo") throw new Error(`a ${packet._tag} went through`)
  return { src: { ip: packet.src, port: packet.srcPort }, dst: { ip: packet.dst, port: packet.dstPort } }
}

const answerOf = (verdict: Exclude<Verdict, { readonly _tag: "Forward" }>): Unsolicited =>
  verdict._tag === "Drop" ? "drop" : verdict.packet._tag === "Tcp" ? "rst" : "icmp"

export const modelBox = (device: NatDevice, external: string, random: () => number): Box => {
  const nat = make(device, { external: [Ip.fromStringUnsafe(external)] })
  return {
    out: (transport, src, dst, flag, now) => {
      const verdict = nat.outbound(packetOf(transport, src, dst, flag), now, random)
      if (verdict._tag !== "Forward") return answerOf(verdict)
      return { to: verdict.side, ...ends(verdict.packet) }
    },
    in: (transport, src, dst, flag, now) => {
      const verdict = nat.inbound(packetOf(transport, src, dst, flag), now)
      return verdict._tag === "Forward" ? { to: "inside", dst: ends(verdict.packet).dst } : answerOf(verdict)
    }
  }
}
