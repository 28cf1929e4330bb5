/**
 * A box between an outside network and its inside ones: a NAT, a firewall, or a plain router, as its device says.
 *
 * It is a host on its inside networks as well, for the programs that run on such boxes (port-mapping servers, resolvers).
 */
import { familyOf, type Ip } from "../../../protocols/packet/Ip.ts"
import type { IpPacket } from "../../../protocols/packet/IpPacket.ts"
import * as Nat from "../../../protocols/nat/Nat.ts"
import type { Verdict } from "../../../protocols/nat/Verdict.ts"
import type { NatDevice } from "../../../schemas/NatDevice.ts"
import type { Luck } from "../time/Luck.ts"
import { settle } from "./flight.ts"
import type { Nic, NicAddress, Node } from "./Nic.ts"
import type { OpenEvent } from "./Trace.ts"
import type { Timeline } from "../time/Timeline.ts"

/** The part of a gateway that is a host: takes packets to its own inside addresses. */
export type Inner = Node

export class Gateway implements Node {
  readonly name: string
  readonly device: NatDevice
  outside!: Nic
  readonly insides: Array<Nic> = []
  nat!: Nat.Nat
  /** Set once a program runs on the box. */
  inner: Inner | undefined = undefined
  private readonly luck: Luck
  private readonly timeline: Timeline

  constructor(name: string, device: NatDevice, luck: Luck, timeline: Timeline) {
    this.name = name
    this.device = device
    this.luck = luck
    this.timeline = timeline
  }

  /** Starts with nothing remembered, at the addresses its cards have: at the beginning, and when the outside ones change. */
  restart(): void {
    this.nat = Nat.make(this.device, {
      external: this.outside.addresses.map(ipOf),
      inside: this.insides.flatMap((nic) => nic.addresses.map(ipOf))
    })
  }

  receive(packet: IpPacket, nic: Nic, event: OpenEvent | undefined): void {
    if (nic === this.outside) return this.obey(this.nat.inbound(packet, this.timeline.now), nic, event)
    const { dst } = packet
    const owner = nic.network.ownerOf(dst)
    if (owner?.node === this) return this.keep(packet, nic, event)
    for (const other of this.insides) {
      if (other !== nic && other.network.isLocal(dst)) return this.pass(packet, other, event)
    }
    this.obey(this.nat.outbound(packet, this.timeline.now, this.luck.float), nic, event)
  }

  private obey(verdict: Verdict, nic: Nic, event: OpenEvent | undefined): void {
    const at = this.timeline.now
    switch (verdict._tag) {
      case "Forward": {
        translated(event, at, verdict.packet)
        return this.send(verdict.packet, verdict.side === "outside" ? this.outside : this.insideFor(verdict.packet.dst))
      }
      case "Drop":
        return settle(event, { _tag: "Dropped", at, reason: verdict.reason, answered: false })
      case "Answer":
        settle(event, { _tag: "Dropped", at, reason: verdict.reason, answered: true })
        return this.send(verdict.packet, nic)
    }
  }

  // From one inside network to another: as a router does, without NAT.
  private pass(packet: IpPacket, nic: Nic, event: OpenEvent | undefined): void {
    const at = this.timeline.now
    if (packet.ttl <= 1) return settle(event, { _tag: "Dropped", at, reason: "ttl exceeded", answered: false })
    const forwarded = { ...packet, ttl: packet.ttl - 1 }
    translated(event, at, forwarded)
    this.send(forwarded, nic)
  }

  private keep(packet: IpPacket, nic: Nic, event: OpenEvent | undefined): void {
    if (this.inner !== undefined) return this.inner.receive(packet, nic, event)
    settle(event, { _tag: "Dropped", at: this.timeline.now, reason: "nothing runs there", answered: false })
  }

  private insideFor(dst: Ip): Nic {
    for (const nic of this.insides) if (nic.network.isLocal(dst)) return nic
    // Behind another router further inside.
    for (const nic of this.insides) {
      const next = nic.network.nextHop(dst, familyOf(dst))
      if (next !== undefined && next !== nic) return nic
    }
    return this.insides[0]!
  }

  private send(packet: IpPacket, nic: Nic): void {
    const next = nic.network.nextHop(packet.dst, familyOf(packet.dst))
    // A gateway that is sent back to itself knows no way further.
    nic.network.carry(packet, nic, next === nic ? undefined : next)
  }
}

// Receivers may change their bytes: the trace keeps the payload it copied when the packet was sent.
const translated = (event: OpenEvent | undefined, at: number, packet: IpPacket): void => {
  if (event === undefined) return
  const sent = event.packet
  const kept = packet._tag === "IcmpError" || sent._tag === "IcmpError" ? packet : { ...packet, payload: sent.payload }
  settle(event, { _tag: "Translated", at, packet: kept })
}

const ipOf = (address: NicAddress): Ip => address.ip
