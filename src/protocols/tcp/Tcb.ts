/**
 * The state of one TCP connection: its transmission control block (RFC 9293 section 3.3.1).
 *
 * Plain data, changed by `open.ts`, `input.ts`, `output.ts` and `timers.ts`. Positions are those of `sequence.ts`; times are
 * milliseconds on whatever clock the caller passes as `now`. Packets to be sent are left in `output`, for the caller to
 * take; when something must happen without a packet, `deadline` says when.
 */
import type { Ip } from "../packet/Ip.ts"
import { familyOf } from "../packet/Ip.ts"
import type { TcpPacket } from "../packet/IpPacket.ts"
import { Congestion } from "./Congestion.ts"
import { Reassembly } from "./Reassembly.ts"
import { RetransmissionTimer } from "./RetransmissionTimer.ts"
import { SendBuffer } from "./SendBuffer.ts"

export type State =
  | "SynSent"
  | "SynReceived"
  | "Established"
  | "FinWait1"
  | "FinWait2"
  | "CloseWait"
  | "Closing"
  | "LastAck"
  | "TimeWait"
  | "Closed"

/** Why a connection broke, as the error number Linux gives for it. */
export type Failure = "ECONNREFUSED" | "ECONNRESET" | "EPIPE" | "ETIMEDOUT" | "EHOSTUNREACH" | "EACCES"

export interface Endpoints {
  readonly local: Ip
  readonly localPort: number
  readonly remote: Ip
  readonly remotePort: number
}

export interface Options {
  /** The MTU of the way out, in bytes. Default 1500. */
  readonly mtu?: number | undefined
  /** Bytes received that may wait for the reader. Default 4 MiB, about what Linux grows to. */
  readonly receiveBuffer?: number | undefined
  /** Bytes written that may wait for their acknowledgement. Default 4 MiB. */
  readonly sendBuffer?: number | undefined
  /** Send small segments though others are in flight (no Nagle algorithm). Default true. */
  readonly noDelay?: boolean | undefined
  /** Silence after which keep-alive probes begin, in milliseconds. Default: no probes. */
  readonly keepAlive?: number | undefined
}

export const BUFFER = 4 * 1024 * 1024

/** Header bytes of a segment without options, by address family. */
export const HEADERS = { 4: 40, 6: 60 } as const

export class Tcb {
  state: State = "Closed"
  readonly endpoints: Endpoints
  readonly noDelay: boolean
  readonly keepAlive: number
  readonly receiveLimit: number
  readonly sendLimit: number
  /** Whether it began with a SYN from the other side, to a listener here. */
  readonly passive: boolean

  /** Initial sequence numbers, here and there. */
  readonly initial: number
  peerInitial = 0

  /** What we say we can take, and the largest payload we may send. */
  readonly ownMss: number
  mss: number
  /** Shifts of the windows we announce and of those we are told, once both sides have agreed to scale. */
  shift: number
  peerShift = 0

  /** Sent and not acknowledged from here, to be sent next, and after the highest ever sent. */
  una = 0
  next = 0
  max = 0
  /** Bytes the peer takes after `una`. */
  window = 0
  readonly unsent = new SendBuffer()
  /** Position of our FIN, once there will be no more bytes. */
  finAt = Infinity

  readonly received = new Reassembly()
  /** The highest position we ever said we would take. */
  edge = 0
  peerFinAt = Infinity
  /** The peer's FIN has come, and everything before it. */
  ended = false
  mustAcknowledge = false

  readonly timer = new RetransmissionTimer()
  readonly congestion: Congestion
  /** The segment whose acknowledgement will be timed: the position after it, and when it left. 0: none. */
  timedTo = 0
  timedAt = 0
  /** Expiries of the retransmission timer in a row, and probes nobody answered. */
  retries = 0
  probes = 0

  retransmitAt = Infinity
  /** The peer's window is closed: ask again. */
  persistAt = Infinity
  keepAliveAt = Infinity
  /** The end of FinWait2 without a reader, or of TimeWait. */
  forgetAt = Infinity

  /** The program is gone: nobody reads or writes any more. */
  detached = false
  /** The three-way handshake was completed, at some time. */
  connected = false
  failure: Failure | undefined = undefined
  /** What a router said; counts when nobody answers for too long. */
  softFailure: Failure | undefined = undefined

  output: Array<TcpPacket> = []

  constructor(endpoints: Endpoints, options: Options, initial: number, passive: boolean) {
    this.endpoints = endpoints
    this.initial = initial
    this.passive = passive
    this.noDelay = options.noDelay ?? true
    this.keepAlive = options.keepAlive ?? Infinity
    this.receiveLimit = options.receiveBuffer ?? BUFFER
    this.sendLimit = options.sendBuffer ?? BUFFER
    this.ownMss = (options.mtu ?? 1500) - HEADERS[familyOf(endpoints.local)]
    this.mss = this.ownMss
    this.shift = shiftFor(this.receiveLimit)
    this.congestion = new Congestion(this.mss)
  }

  /** When to call `timers.tick` though nothing came; infinite when never. */
  get deadline(): number {
    return Math.min(this.retransmitAt, this.persistAt, this.keepAliveAt, this.forgetAt)
  }

  /** Bytes `write` would take now. */
  get room(): number {
    return Math.max(0, this.sendLimit - this.unsent.size)
  }

  /** Whether packets in flight may still matter to somebody: not before the first, not after the last. */
  get synchronized(): boolean {
    return this.state !== "SynSent" && this.state !== "Closed"
  }
}

// The least shift with which a 16-bit window can say the whole buffer.
const shiftFor = (buffer: number): number => {
  let shift = 0
  while (shift < 14 && 0xffff * 2 ** shift < buffer) shift++
  return shift
}

/** Ends the connection for good: no timer runs, nothing more is sent. */
export const finish = (tcb: Tcb, failure: Failure | undefined): void => {
  tcb.state = "Closed"
  tcb.failure ??= failure
  tcb.retransmitAt = Infinity
  tcb.persistAt = Infinity
  tcb.keepAliveAt = Infinity
  tcb.forgetAt = Infinity
}
