/**
 * What a segment does to a connection (RFC 9293 section 3.10.7), with the answers of RFC 5961 to blind attacks. Where the
 * standard leaves a choice, Linux's is taken.
 */
import { ACK, FIN, RST, SYN, type TcpPacket } from "../packet/IpPacket.ts"
import * as Reply from "../packet/reply.ts"
import { FIN_TIMEOUT, synchronize } from "./open.ts"
import { repeat, received, sendAck, sendSyn, transmit } from "./output.ts"
import { fromWire } from "./sequence.ts"
import { finish, type Tcb } from "./Tcb.ts"

export const receive = (tcb: Tcb, packet: TcpPacket, now: number): void => {
  if (tcb.state === "Closed") return
  if (tcb.state === "SynSent") return answerToSyn(tcb, packet, now)
  if (tcb.keepAliveAt !== Infinity) tcb.keepAliveAt = now + tcb.keepAlive
  tcb.probes = 0
  const position = fromWire(tcb.peerInitial, packet.seq, received(tcb))
  const { flags } = packet
  const completesOpen =
    tcb.state === "SynReceived" &&
    position === 0 &&
    (flags & (SYN | ACK | RST)) === (SYN | ACK) &&
    acknowledges(tcb, packet)
  if (!completesOpen && !mayPass(tcb, packet, position, now)) return
  const end = acknowledge(tcb, packet, now)
  if (!end) return
  if (packet.payload.length > 0 && !takePayload(tcb, packet, completesOpen ? 1 : position, now)) return
  if (flags & FIN && !completesOpen) noteFin(tcb, position + packet.payload.length, now)
  transmit(tcb, now)
}

const acknowledges = (tcb: Tcb, packet: TcpPacket): boolean => {
  const position = fromWire(tcb.initial, packet.ack, tcb.una)
  return position > 0 && position <= tcb.max
}

const refuse = (tcb: Tcb, packet: TcpPacket): void => {
  const reset = Reply.reset(packet)
  if (reset !== undefined) tcb.output.push(reset)
}

const answerToSyn = (tcb: Tcb, packet: TcpPacket, now: number): void => {
  const { flags } = packet
  if (flags & ACK && !acknowledges(tcb, packet)) return refuse(tcb, packet)
  if (flags & RST) {
    if (flags & ACK) finish(tcb, "ECONNREFUSED")
    return
  }
  if (!(flags & SYN)) return
  synchronize(tcb, packet)
  if (flags & ACK) {
    opened(tcb, packet, now)
    tcb.mustAcknowledge = true
    return transmit(tcb, now)
  }
  // Both sides dialled: each answers the other's SYN (RFC 9293 section 3.5, figure 7).
  tcb.state = "SynReceived"
  tcb.retries = 0
  sendSyn(tcb, now)
}

const opened = (tcb: Tcb, packet: TcpPacket, now: number): void => {
  if (tcb.timedTo > 0 && tcb.retries === 0) tcb.timer.sample(now - tcb.timedAt)
  tcb.timer.acknowledged()
  tcb.timedTo = 0
  tcb.retries = 0
  tcb.una = 1
  tcb.connected = true
  tcb.state = tcb.finAt === Infinity ? "Established" : "FinWait1"
  tcb.softFailure = undefined
  tcb.retransmitAt = Infinity
  tcb.window = packet.flags & SYN ? packet.window : packet.window * 2 ** tcb.peerShift
  if (tcb.keepAlive !== Infinity) tcb.keepAliveAt = now + tcb.keepAlive
}

// The checks before the acknowledgement counts: sequence number, RST, SYN, ACK.
const mayPass = (tcb: Tcb, packet: TcpPacket, position: number, now: number): boolean => {
  const { flags } = packet
  const length = packet.payload.length + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0)
  const expected = received(tcb)
  if (position + length < expected || position > Math.max(tcb.edge, expected)) {
    if (tcb.state === "TimeWait" && flags & FIN) tcb.forgetAt = now + FIN_TIMEOUT
    if (tcb.state === "SynReceived" && flags & SYN) sendSyn(tcb, now)
    else if (!(flags & RST)) sendAck(tcb)
    return false
  }
  if (flags & RST) {
    // Only the very next position proves that the sender sees our segments (RFC 5961 section 3).
    if (position === expected) reset(tcb)
    else sendAck(tcb)
    return false
  }
  if (flags & SYN) {
    // The peer did not hear our answer to its SYN; any other SYN proves nothing (RFC 5961 section 4).
    if (tcb.state === "SynReceived" && position === 0) sendSyn(tcb, now)
    else sendAck(tcb)
    return false
  }
  return (flags & ACK) !== 0
}

const reset = (tcb: Tcb): void => {
  switch (tcb.state) {
    case "CloseWait":
    case "LastAck":
      return finish(tcb, "EPIPE")
    case "Closing":
    case "TimeWait":
      return finish(tcb, undefined)
    default:
      return finish(tcb, "ECONNRESET")
  }
}

// Whether the rest of the segment counts.
const acknowledge = (tcb: Tcb, packet: TcpPacket, now: number): boolean => {
  const position = fromWire(tcb.initial, packet.ack, tcb.una)
  if (!tcb.connected) {
    if (!acknowledges(tcb, packet)) {
      refuse(tcb, packet)
      return false
    }
    opened(tcb, packet, now)
    // A SYN with ACK must be acknowledged; the ACK that ends an ordinary open must not.
    if (packet.flags & SYN) tcb.mustAcknowledge = true
  }
  if (position > tcb.max) {
    sendAck(tcb)
    return false
  }
  if (position < tcb.una) return true
  const window = packet.flags & SYN ? packet.window : packet.window * 2 ** tcb.peerShift
  if (position > tcb.una) advance(tcb, position, now)
  else if (isDuplicate(tcb, packet, window) && tcb.congestion.duplicate(tcb.una, tcb.max)) repeat(tcb, now)
  tcb.window = window
  if (window > 0) tcb.persistAt = Infinity
  if (tcb.una > tcb.finAt) finAcknowledged(tcb, now)
  return tcb.state !== "Closed"
}

const isDuplicate = (tcb: Tcb, packet: TcpPacket, window: number): boolean =>
  tcb.una < tcb.max && packet.payload.length === 0 && (packet.flags & (SYN | FIN)) === 0 && window === tcb.window

const advance = (tcb: Tcb, position: number, now: number): void => {
  const flight = tcb.max - tcb.una
  const bytes = position - tcb.una
  if (tcb.timedTo > 0 && position >= tcb.timedTo) {
    tcb.timer.sample(now - tcb.timedAt)
    tcb.congestion.sample(now - tcb.timedAt)
    tcb.timedTo = 0
  }
  tcb.timer.acknowledged()
  tcb.retries = 0
  tcb.softFailure = undefined
  tcb.una = position
  tcb.next = Math.max(tcb.next, position)
  tcb.unsent.acknowledge(position)
  tcb.retransmitAt = tcb.una < tcb.max ? now + tcb.timer.timeout : Infinity
  if (tcb.congestion.acknowledged(bytes, position, flight) && tcb.una < tcb.max) repeat(tcb, now)
}

const finAcknowledged = (tcb: Tcb, now: number): void => {
  if (tcb.state === "FinWait1") {
    tcb.state = "FinWait2"
    if (tcb.detached) tcb.forgetAt = now + FIN_TIMEOUT
  } else if (tcb.state === "Closing") wait(tcb, now)
  else if (tcb.state === "LastAck") finish(tcb, undefined)
}

const wait = (tcb: Tcb, now: number): void => {
  tcb.state = "TimeWait"
  tcb.retransmitAt = Infinity
  tcb.persistAt = Infinity
  tcb.keepAliveAt = Infinity
  tcb.forgetAt = now + FIN_TIMEOUT
}

// Whether the connection lives on.
const takePayload = (tcb: Tcb, packet: TcpPacket, position: number, now: number): boolean => {
  tcb.mustAcknowledge = true
  if (tcb.ended || tcb.state === "TimeWait") return true
  const { payload } = packet
  if (tcb.detached) {
    if (position + payload.length <= tcb.received.next) return true
    tcb.output.push(Reply.reset(packet)!)
    finish(tcb, undefined)
    return false
  }
  const fits = Math.min(payload.length, tcb.edge - position)
  if (fits <= 0) return true
  tcb.received.insert(position, fits === payload.length ? payload : payload.subarray(0, fits))
  if (tcb.received.next === tcb.peerFinAt) peerEnded(tcb, now)
  return true
}

const noteFin = (tcb: Tcb, position: number, now: number): void => {
  tcb.mustAcknowledge = true
  if (tcb.state === "TimeWait") {
    tcb.forgetAt = now + FIN_TIMEOUT
    return
  }
  if (tcb.ended) return
  tcb.peerFinAt = position
  if (tcb.received.next === position) peerEnded(tcb, now)
}

const peerEnded = (tcb: Tcb, now: number): void => {
  tcb.ended = true
  if (tcb.state === "Established") tcb.state = "CloseWait"
  else if (tcb.state === "FinWait1") tcb.state = "Closing"
  else if (tcb.state === "FinWait2") wait(tcb, now)
}
