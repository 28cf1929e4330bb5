/**
 * Packets under way: from the middle of a network, through the receiver's link, to the receiver.
 */
import type { IpPacket } from "../../../protocols/packet/IpPacket.ts"
import type { Fate } from "../../../protocols/trace/TraceEvent.ts"
import { Event } from "../time/events.ts"
import type { Timeline } from "../time/Timeline.ts"
import type { Nic } from "./Nic.ts"
import type { OpenEvent, Recorder } from "./Trace.ts"

/** What all networks of a world share. */
export interface Air {
  readonly timeline: Timeline
  readonly recorder: Recorder | undefined
}

/** Says what became of a packet, where somebody keeps a trace. */
export const settle = (event: OpenEvent | undefined, fate: Fate): void => {
  if (event !== undefined) event.fate = fate
}

/** The same packet with bytes of its own: each receiver of a datagram owns what it gets. */
export const copied = (packet: IpPacket): IpPacket =>
  packet._tag === "Udp" ? { ...packet, payload: packet.payload.slice() } : packet

/** Through the receiver's link, entered at `at`. */
export const enter = (
  packet: IpPacket,
  length: number,
  to: Nic,
  event: OpenEvent | undefined,
  at: number,
  air: Air
): void => {
  const arrival = to.down.pass(length, at)
  if (typeof arrival === "string") return settle(event, { _tag: "Lost", at, reason: arrival })
  air.timeline.at(arrival, new Arrival(packet, to, event, air))
  if (!to.down.duplicates()) return
  const second =
    event === undefined ? undefined : air.recorder?.begin(event.time, event.from, event.to, event.network, packet, true)
  air.timeline.at(arrival, new Arrival(copied(packet), to, second, air))
}

/** A packet on its way to the receiver's link. */
export class Crossing extends Event {
  private readonly packet: IpPacket
  private readonly length: number
  private readonly to: Nic
  private readonly event: OpenEvent | undefined
  private readonly air: Air

  constructor(packet: IpPacket, length: number, to: Nic, event: OpenEvent | undefined, air: Air) {
    super()
    this.packet = packet
    this.length = length
    this.to = to
    this.event = event
    this.air = air
  }

  fire() {
    enter(this.packet, this.length, this.to, this.event, this.air.timeline.now, this.air)
  }
}

class Arrival extends Event {
  private readonly packet: IpPacket
  private readonly nic: Nic
  private readonly event: OpenEvent | undefined
  private readonly air: Air

  constructor(packet: IpPacket, nic: Nic, event: OpenEvent | undefined, air: Air) {
    super()
    this.packet = packet
    this.nic = nic
    this.event = event
    this.air = air
  }

  fire() {
    if (this.nic.running) this.nic.node.receive(this.packet, this.nic, this.event)
    else settle(this.event, { _tag: "Lost", at: this.air.timeline.now, reason: "link down" })
  }
}
