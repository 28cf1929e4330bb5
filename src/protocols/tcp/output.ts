/**
 * Sending: whatever windows, Nagle and the congestion window allow (RFC 9293 section 3.8, RFC 1122 section 4.2.3.4).
 */
import { ACK, FIN, PSH, RST, SYN, tcp } from "../packet/IpPacket.ts"
import * as Options from "./options.ts"
import { toWire } from "./sequence.ts"
import type { Tcb } from "./Tcb.ts"

const none = new Uint8Array(0)

const emit = (
  tcb: Tcb,
  flags: number,
  position: number,
  payload: Uint8Array = none,
  options: Uint8Array = none
): void => {
  const { local, localPort, remote, remotePort } = tcb.endpoints
  const acknowledges = (flags & ACK) !== 0
  if (acknowledges) tcb.mustAcknowledge = false
  tcb.output.push(
    tcp(local, localPort, remote, remotePort, {
      flags,
      seq: toWire(tcb.initial, position),
      ack: acknowledges ? toWire(tcb.peerInitial, received(tcb)) : 0,
      window: announce(tcb, (flags & SYN) !== 0),
      options,
      payload
    })
  )
}

/** The position after everything received in order, the peer's SYN and FIN included. */
export const received = (tcb: Tcb): number => tcb.received.next + (tcb.ended ? 1 : 0)

// The window field. The edge never moves back, and forward only by a worthwhile step (RFC 9293 section 3.8.6.2.2).
const announce = (tcb: Tcb, syn: boolean): number => {
  const from = received(tcb)
  const wanted = from + Math.max(0, tcb.receiveLimit - tcb.received.unread)
  const step = Math.min(tcb.ownMss, tcb.receiveLimit >> 1)
  const edge = wanted - tcb.edge >= step ? wanted : Math.max(tcb.edge, from)
  // The window of a SYN is never scaled (RFC 7323 section 2.2).
  const shift = syn ? 0 : tcb.shift
  const field = Math.min(0xffff, Math.ceil((edge - from) / 2 ** shift))
  tcb.edge = Math.max(tcb.edge, from + field * 2 ** shift)
  return field
}

/** Sends the SYN, or the SYN with ACK, again or for the first time. */
export const sendSyn = (tcb: Tcb, now: number): void => {
  const answers = tcb.state === "SynReceived"
  const scales = !answers || tcb.shift > 0
  emit(tcb, answers ? SYN | ACK : SYN, 0, none, Options.write(tcb.ownMss, scales ? tcb.shift : undefined))
  if (tcb.max === 0) {
    tcb.timedTo = 1
    tcb.timedAt = now
  }
  tcb.next = 1
  tcb.max = Math.max(tcb.max, 1)
  tcb.retransmitAt = now + tcb.timer.timeout
}

/**
 * An acknowledgement stands after everything ever sent, not at what is being sent again: the peer drops segments it
 * takes for old ones whole.
 */
export const sendAck = (tcb: Tcb): void => emit(tcb, ACK, tcb.max)

/** Says something the peer must answer with an acknowledgement: a position it has seen. */
export const sendProbe = (tcb: Tcb): void => emit(tcb, ACK, tcb.una - 1)

export const sendReset = (tcb: Tcb): void => emit(tcb, RST | ACK, tcb.max)

/** Sends the segment at `una` once more, whatever the windows say. */
export const repeat = (tcb: Tcb, now: number): void => {
  const end = Math.min(tcb.max, tcb.unsent.end)
  sendSegment(tcb, tcb.una, Math.max(0, Math.min(tcb.mss, end - tcb.una)))
  tcb.timedTo = 0
  tcb.retransmitAt = now + tcb.timer.timeout
}

const sendSegment = (tcb: Tcb, position: number, size: number): void => {
  const end = position + size
  const flags = ACK | (end === tcb.unsent.end && size > 0 ? PSH : 0) | (end === tcb.finAt ? FIN : 0)
  emit(tcb, flags, position, size === 0 ? none : tcb.unsent.slice(position, size))
}

/** Sends all that may be sent now, and an acknowledgement if one is due and nothing carried it. */
export const transmit = (tcb: Tcb, now: number): void => {
  if (!tcb.connected || tcb.state === "Closed") return
  while (sendNext(tcb, now));
  if (tcb.mustAcknowledge) sendAck(tcb)
  if (tcb.una < tcb.max) {
    if (tcb.retransmitAt === Infinity) tcb.retransmitAt = now + tcb.timer.timeout
  } else if (tcb.next < tcb.unsent.end && tcb.persistAt === Infinity) {
    tcb.persistAt = now + tcb.timer.timeout
  }
}

// Whether a segment was sent.
const sendNext = (tcb: Tcb, now: number): boolean => {
  const waiting = tcb.unsent.end - tcb.next
  const fin = tcb.finAt - tcb.next
  if (waiting <= 0) {
    if (fin !== 0) return false
    account(tcb, 0, 1, now)
    return true
  }
  const usable = tcb.una + Math.min(tcb.window, tcb.congestion.window) - tcb.next
  const size = Math.floor(Math.min(waiting, tcb.mss, usable))
  if (size <= 0) return false
  const small = size < tcb.mss
  const flight = tcb.next - tcb.una
  // A small segment waits while others are in flight: for more bytes (Nagle), or for the window to open.
  if (small && flight > 0 && (size < waiting || !tcb.noDelay)) return false
  account(tcb, size, size === fin ? 1 : 0, now)
  return true
}

const account = (tcb: Tcb, size: number, fin: number, now: number): void => {
  sendSegment(tcb, tcb.next, size)
  const end = tcb.next + size + fin
  // One segment at a time is timed, and none that was sent before (Karn).
  if (tcb.timedTo === 0 && end > tcb.max) {
    tcb.timedTo = end
    tcb.timedAt = now
  }
  tcb.next = end
  tcb.max = Math.max(tcb.max, end)
  tcb.persistAt = Infinity
}
