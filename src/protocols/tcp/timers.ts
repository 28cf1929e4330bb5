/**
 * What happens to a connection when time passes, and when a router or host reports about it (RFC 5927).
 */
import { familyOf } from "../packet/Ip.ts"
import type { IcmpErrorPacket } from "../packet/IpPacket.ts"
import { repeat, sendProbe, sendReset, sendSyn, transmit } from "./output.ts"
import { fromWire } from "./sequence.ts"
import { type Failure, finish, HEADERS, type Tcb } from "./Tcb.ts"

/** Linux's `tcp_syn_retries`: SYNs at 0, 1, 3, 7, 15, 31 and 63 seconds, given up after 127. */
export const SYN_RETRIES = 6
/** Linux's `tcp_synack_retries`. */
export const SYN_ACK_RETRIES = 5
/** Linux's `tcp_retries2`: about a quarter of an hour. */
export const DATA_RETRIES = 15
/** The same for a connection no program holds any more (`tcp_orphan_retries` 0 means 8). */
export const ORPHAN_RETRIES = 8
/** What Node asks of the system along with keep-alive: probes a second apart, ten of them. */
export const KEEP_ALIVE_INTERVAL = 1000
export const KEEP_ALIVE_PROBES = 10

/** Call at or after `tcb.deadline`. */
export const tick = (tcb: Tcb, now: number): void => {
  if (tcb.forgetAt <= now) return finish(tcb, undefined)
  if (tcb.retransmitAt <= now) retransmit(tcb, now)
  if (tcb.persistAt <= now) probeWindow(tcb, now)
  if (tcb.keepAliveAt <= now) keepAlive(tcb, now)
}

const limitOf = (tcb: Tcb): number => {
  if (tcb.state === "SynSent") return SYN_RETRIES
  if (!tcb.connected) return SYN_ACK_RETRIES
  return tcb.detached ? ORPHAN_RETRIES : DATA_RETRIES
}

const retransmit = (tcb: Tcb, now: number): void => {
  if (tcb.retries >= limitOf(tcb)) return finish(tcb, tcb.softFailure ?? "ETIMEDOUT")
  tcb.timer.expired()
  if (!tcb.connected) {
    tcb.retries++
    return sendSyn(tcb, now)
  }
  tcb.congestion.timedOut(tcb.una, tcb.max, tcb.retries > 0)
  tcb.retries++
  // Everything in flight counts as lost: what the peer has already, its next acknowledgement skips.
  tcb.next = tcb.una
  repeat(tcb, now)
  tcb.next = Math.min(tcb.max, tcb.una + Math.min(tcb.mss, Math.max(1, tcb.unsent.end - tcb.una)))
}

const probeWindow = (tcb: Tcb, now: number): void => {
  if (tcb.probes >= (tcb.detached ? ORPHAN_RETRIES : DATA_RETRIES)) return finish(tcb, tcb.softFailure ?? "ETIMEDOUT")
  tcb.probes++
  tcb.timer.expired()
  sendProbe(tcb)
  tcb.persistAt = now + tcb.timer.timeout
}

const keepAlive = (tcb: Tcb, now: number): void => {
  if (tcb.una < tcb.max) {
    // Data in flight asks the same question.
    tcb.keepAliveAt = now + tcb.keepAlive
    return
  }
  if (tcb.probes >= KEEP_ALIVE_PROBES) {
    sendReset(tcb)
    return finish(tcb, tcb.softFailure ?? "ETIMEDOUT")
  }
  tcb.probes++
  sendProbe(tcb)
  tcb.keepAliveAt = now + KEEP_ALIVE_INTERVAL
}

const failureOf = (packet: IcmpErrorPacket): Failure => {
  switch (packet.kind) {
    case "portUnreachable":
      return "ECONNREFUSED"
    case "adminProhibited":
      return familyOf(packet.src) === 4 ? "EHOSTUNREACH" : "EACCES"
    default:
      return "EHOSTUNREACH"
  }
}

/**
 * Takes an ICMP error about a segment of this connection. While it opens an error is final, as on Linux; once it is open it
 * only says why, should nobody answer for too long (RFC 1122 section 4.2.3.9).
 */
export const report = (tcb: Tcb, packet: IcmpErrorPacket, now: number): void => {
  const { body } = packet.quote
  const sequence = ((body[4]! << 24) | (body[5]! << 16) | (body[6]! << 8) | body[7]!) >>> 0
  const position = fromWire(tcb.initial, sequence, tcb.una)
  if (tcb.state === "Closed" || position < tcb.una || position >= Math.max(tcb.max, 1)) return
  if (packet.kind === "packetTooBig") return shrink(tcb, packet.mtu, now)
  if (!tcb.connected) {
    // A half-open connection of a listener just retries: its program never heard of it.
    if (!tcb.passive) finish(tcb, failureOf(packet))
    return
  }
  tcb.softFailure = failureOf(packet)
}

// Path MTU discovery (RFC 1191): smaller segments from now on, beginning with the one that did not pass.
const shrink = (tcb: Tcb, mtu: number, now: number): void => {
  const mss = mtu - HEADERS[familyOf(tcb.endpoints.local)]
  if (mss >= tcb.mss || mss < 64) return
  tcb.mss = mss
  tcb.next = tcb.una
  tcb.timedTo = 0
  transmit(tcb, now)
}
