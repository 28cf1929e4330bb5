/**
 * What a reader of a trace wants to know about a packet beyond its bytes: which hop it came from, whether its TCP sender has
 * sent it before, and its sequence numbers counted from the start of the connection.
 */
import type { IpPacket, TcpPacket } from "../packet/IpPacket.ts"
import { ACK, FIN, SYN } from "../packet/IpPacket.ts"
import type { TraceEvent } from "./TraceEvent.ts"

export interface Chapter {
  readonly event: TraceEvent
  /** The index of the hop this one goes on from; `undefined` where the packet begins. */
  readonly before: number | undefined
  /** Its host has sent these bytes of the connection before. */
  readonly again: boolean
  /** Of TCP: relative to the first sequence number of each direction on this network, as Wireshark shows them. */
  readonly seq: number
  /** 0 where the segment acknowledges nothing. */
  readonly ack: number
}

/** One chapter for each event. */
export const tell = (events: ReadonlyArray<TraceEvent>): ReadonlyArray<Chapter> => {
  const sentOn = new Map<string, number>()
  const senders = new Map<string, Sender>()
  const starts = new Map<string, number>()
  const chapters: Array<Chapter> = []
  for (const [index, event] of events.entries()) {
    const { fate, from, network, packet, time } = event
    const before = sentOn.get(meeting(from, time, packet))
    let again = false
    let seq = 0
    let ack = 0
    if (packet._tag === "Tcp") {
      again =
        before === undefined ? repeats(senders, `${from} ${flow(packet)}`, event, packet) : chapters[before]!.again
      const start = startOf(starts, network, packet)
      seq = (packet.seq - start) >>> 0
      if (packet.flags & ACK) ack = (packet.ack - (starts.get(`${network} ${reverse(packet)}`) ?? packet.ack)) >>> 0
    }
    chapters.push({ event, before, again, seq, ack })
    if (fate._tag === "Translated" && event.to !== undefined) sentOn.set(meeting(event.to, fate.at, fate.packet), index)
  }
  return chapters
}

/** Sequence numbers a segment takes: its bytes, SYN and FIN. */
export const sequenceLength = (packet: TcpPacket): number =>
  packet.payload.length + (packet.flags & SYN ? 1 : 0) + (packet.flags & FIN ? 1 : 0)

/** One direction of a connection: its first segment, and the first sequence number its host has not sent. */
interface Sender {
  readonly initial: number
  readonly flags: number
  next: number
}

const repeats = (senders: Map<string, Sender>, key: string, event: TraceEvent, packet: TcpPacket): boolean => {
  const length = sequenceLength(packet)
  const end = (packet.seq + length) >>> 0
  const sender = senders.get(key)
  const isSyn = (packet.flags & SYN) !== 0
  // Another connection on the same ports, or the answer to a SYN that crossed the one sent before (simultaneous open).
  if (sender === undefined || (isSyn && (packet.seq !== sender.initial || packet.flags !== sender.flags))) {
    senders.set(key, { initial: packet.seq, flags: packet.flags, next: end })
    return false
  }
  const isOld = ((end - sender.next) | 0) <= 0
  if (!isOld) sender.next = end
  return isOld && length > 0 && !event.duplicate
}

const startOf = (starts: Map<string, number>, network: string, packet: TcpPacket): number => {
  const key = `${network} ${flow(packet)}`
  const start = starts.get(key)
  if (start !== undefined && (!(packet.flags & SYN) || packet.seq === start)) return start
  starts.set(key, packet.seq)
  // Another connection on the same ports: the other direction begins anew as well.
  if (start !== undefined) starts.delete(`${network} ${reverse(packet)}`)
  return packet.seq
}

const flow = (packet: TcpPacket): string => `${packet.src} ${packet.srcPort} ${packet.dst} ${packet.dstPort}`

const reverse = (packet: TcpPacket): string => `${packet.dst} ${packet.dstPort} ${packet.src} ${packet.srcPort}`

// A node sends a packet on at the instant it arrives; what it looked like then tells it from others of that instant.
const meeting = (node: string, time: number, packet: IpPacket): string => {
  const head = `${node} ${time} ${packet._tag} ${packet.src} ${packet.dst}`
  switch (packet._tag) {
    case "Udp":
      return `${head} ${packet.srcPort} ${packet.dstPort} ${packet.payload.length}`
    case "Tcp":
      return `${head} ${packet.srcPort} ${packet.dstPort} ${packet.seq} ${packet.ack} ${packet.flags} ${packet.payload.length}`
    case "Echo":
      return `${head} ${packet.kind} ${packet.id} ${packet.sequence}`
    case "IcmpError":
      return `${head} ${packet.kind} ${packet.quote.srcPort} ${packet.quote.dstPort}`
  }
}
