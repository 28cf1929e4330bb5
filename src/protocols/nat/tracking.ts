/**
 * What is remembered of a flow's packets, as bits, and the state that follows: enough to choose a timeout and to see a
 * connection end. After RFC 6146 section 3.5.2.2, with no look at sequence numbers.
 */
import { ACK, FIN, RST, SYN } from "../packet/IpPacket.ts"

const SENT = 1
const RECEIVED = 2
const ACK_SENT = 4
const ACK_RECEIVED = 8
const FIN_SENT = 16
const FIN_RECEIVED = 32
const RESET = 64
const FINISHED = 128

const BOTH = SENT | RECEIVED
const ACKS = ACK_SENT | ACK_RECEIVED
const FINS = FIN_SENT | FIN_RECEIVED

/** Which of a flow's timeouts counts: unreplied or opening, replied or established, closing. */
export type State = 0 | 1 | 2

/** A datagram or an echo. */
export const datagram = (seen: number, outbound: boolean): number => seen | (outbound ? SENT : RECEIVED)

/** Packets have gone both ways. */
export const isAnswered = (seen: number): boolean => (seen & BOTH) === BOTH

export const datagramState = (seen: number): State => (isAnswered(seen) ? 1 : 0)

/** A TCP segment. A SYN after the end of a connection starts a new one on the same endpoints. */
export const segment = (before: number, outbound: boolean, flags: number): number => {
  let seen = before
  if ((flags & (SYN | ACK)) === SYN && hasEnded(before)) seen = 0
  if ((seen & FINS) === FINS && (flags & FIN) === 0) seen |= FINISHED
  seen |= outbound ? SENT : RECEIVED
  if (flags & ACK) seen |= outbound ? ACK_SENT : ACK_RECEIVED
  if (flags & FIN) seen |= outbound ? FIN_SENT : FIN_RECEIVED
  return flags & RST ? seen | RESET : seen & ~RESET
}

/** Established from an ACK in each direction: so after a simultaneous open too. */
export const segmentState = (seen: number): State => (hasEnded(seen) ? 2 : (seen & ACKS) === ACKS ? 1 : 0)

const hasEnded = (seen: number): boolean => (seen & RESET) !== 0 || (seen & FINS) === FINS

/** Both sides have sent a FIN, and then something else followed: the acknowledgement of the last. */
export const isFinished = (seen: number): boolean => (seen & FINISHED) !== 0

/** Whether a segment that belongs to no flow may start one. */
export const opens = (flags: number, pickup: boolean): boolean => {
  const kind = flags & (SYN | ACK | FIN | RST)
  return kind === SYN || (pickup && kind === ACK)
}
