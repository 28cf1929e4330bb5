/**
 * Opening, using and closing a connection: what a program asks of it (RFC 9293 section 3.10.1 to 3.10.6).
 */
import { ACK, SYN, type TcpPacket } from "../packet/IpPacket.ts"
import { familyOf } from "../packet/Ip.ts"
import * as SynOptions from "./options.ts"
import { sendAck, sendReset, sendSyn, transmit, received } from "./output.ts"
import { type Endpoints, finish, type Options, Tcb } from "./Tcb.ts"

/** Linux's `tcp_fin_timeout`, and the length of its TIME-WAIT. */
export const FIN_TIMEOUT = 60_000

/** Begins an active open. `initial` is the initial sequence number, 32 random bits. */
export const connect = (endpoints: Endpoints, options: Options, initial: number, now: number): Tcb => {
  const tcb = new Tcb(endpoints, options, initial, false)
  tcb.state = "SynSent"
  sendSyn(tcb, now)
  return tcb
}

/** Answers a SYN that came for a listener. */
export const accept = (syn: TcpPacket, options: Options, initial: number, now: number): Tcb => {
  const endpoints = { local: syn.dst, localPort: syn.dstPort, remote: syn.src, remotePort: syn.srcPort }
  const tcb = new Tcb(endpoints, options, initial, true)
  tcb.state = "SynReceived"
  synchronize(tcb, syn)
  sendSyn(tcb, now)
  return tcb
}

/** Whether a packet asks for a new connection. */
export const isOpening = (packet: TcpPacket): boolean => (packet.flags & (SYN | ACK)) === SYN

/** Takes what the peer's SYN says: its initial sequence number, window and options. */
export const synchronize = (tcb: Tcb, syn: TcpPacket): void => {
  const said = SynOptions.read(syn.options, familyOf(syn.src))
  tcb.peerInitial = syn.seq
  tcb.mss = Math.min(tcb.ownMss, said.mss)
  tcb.congestion.start(tcb.mss)
  tcb.window = syn.window
  tcb.peerShift = said.shift ?? 0
  if (said.shift === undefined) tcb.shift = 0
}

/** Takes as many of the bytes as there is room for; returns how many. They are copied. */
export const write = (tcb: Tcb, bytes: Uint8Array, now: number): number => {
  if (tcb.finAt !== Infinity || tcb.state === "Closed") return 0
  const taken = Math.min(bytes.length, tcb.room)
  if (taken === 0) return 0
  tcb.unsent.push(taken === bytes.length ? bytes : bytes.subarray(0, taken))
  transmit(tcb, now)
  return taken
}

/** Everything received in order; tells the peer when that opened a window worth knowing of. */
export const read = (tcb: Tcb): ReadonlyArray<Uint8Array> => {
  const chunks = tcb.received.read()
  const left = tcb.edge - received(tcb)
  const open = tcb.receiveLimit - tcb.received.unread
  if (tcb.connected && tcb.state !== "Closed" && !tcb.ended && open >= 2 * left && open - left >= tcb.ownMss)
    sendAck(tcb)
  return chunks
}

/** No more bytes will be written: the FIN follows what there is. Idempotent. */
export const shutdown = (tcb: Tcb, now: number): void => {
  if (tcb.finAt !== Infinity || tcb.state === "Closed") return
  tcb.finAt = tcb.unsent.end
  if (tcb.state === "Established") tcb.state = "FinWait1"
  else if (tcb.state === "CloseWait") tcb.state = "LastAck"
  transmit(tcb, now)
}

/**
 * The program goes: what is written is still sent, then FIN. Received bytes nobody read are an error the peer is told of by
 * a reset (RFC 2525 section 2.17), as is every byte that comes later.
 */
export const close = (tcb: Tcb, now: number): void => {
  if (tcb.detached) return
  tcb.detached = true
  if (tcb.state === "SynSent") return finish(tcb, undefined)
  if (tcb.received.unread > 0 && tcb.state !== "TimeWait") return abort(tcb)
  shutdown(tcb, now)
  if (tcb.state === "FinWait2") tcb.forgetAt = now + FIN_TIMEOUT
}

/** Drops the connection with a reset, and everything it holds. */
export const abort = (tcb: Tcb): void => {
  tcb.detached = true
  if (tcb.synchronized && tcb.state !== "TimeWait") sendReset(tcb)
  finish(tcb, undefined)
}
