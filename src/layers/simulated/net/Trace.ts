/**
 * Keeping the trace of a world: what `protocols/trace` turns into text, a capture file or a picture.
 *
 * `Lost` comes with one of the reasons `loss`, `queue full`, `link down`, `no such address`, `larger than the MTU`; `Dropped`
 * with the NAT's own (`Verdict.Reason`) or a host's: `nothing listens there`, `not for this host`, `backlog full`.
 */
import type { IpPacket } from "../../../protocols/packet/IpPacket.ts"
import type { Fate, TraceEvent } from "../../../protocols/trace/TraceEvent.ts"

/** The event while the packet is under way. */
export interface OpenEvent extends TraceEvent {
  fate: Fate
}

const inFlight: Fate = { _tag: "InFlight" }

/** Collects events up to a limit; later ones are counted only. */
export class Recorder {
  readonly events: Array<OpenEvent> = []
  /** Events not kept because the limit was reached. */
  dropped = 0
  private readonly limit: number
  // Receivers own their bytes and may change them. One copy serves all hops: payloads keep their identity.
  private readonly copies = new WeakMap<Uint8Array, Uint8Array>()

  constructor(limit: number) {
    this.limit = limit
  }

  begin(
    time: number,
    from: string,
    to: string | undefined,
    network: string,
    packet: IpPacket,
    duplicate: boolean
  ): OpenEvent | undefined {
    if (this.events.length >= this.limit) {
      this.dropped++
      return undefined
    }
    const event: OpenEvent = { time, from, to, network, packet: this.keep(packet), duplicate, fate: inFlight }
    this.events.push(event)
    return event
  }

  /** The packet with a payload nobody else can change. */
  keep(packet: IpPacket): IpPacket {
    if (packet._tag === "IcmpError" || packet.payload.length === 0) return packet
    let copy = this.copies.get(packet.payload)
    if (copy === undefined) {
      copy = packet.payload.slice()
      this.copies.set(packet.payload, copy)
    }
    return { ...packet, payload: copy }
  }
}
