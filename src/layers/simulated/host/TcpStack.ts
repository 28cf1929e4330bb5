/**
 * TCP of one host: which connection or listener a segment is for, and the timers of all connections.
 *
 * The connections themselves are the state machines of `protocols/tcp`; here they get ports, packets and time.
 */
import type { Ip } from "../../../protocols/packet/Ip.ts"
import { familyOf } from "../../../protocols/packet/Ip.ts"
import type { IcmpErrorPacket, TcpPacket } from "../../../protocols/packet/IpPacket.ts"
import * as Reply from "../../../protocols/packet/reply.ts"
import { receive } from "../../../protocols/tcp/input.ts"
import * as Open from "../../../protocols/tcp/open.ts"
import type { Endpoints, Options } from "../../../protocols/tcp/Tcb.ts"
import { report } from "../../../protocols/tcp/timers.ts"
import type { Nic } from "../net/Nic.ts"
import { isLinkLocal } from "./addresses.ts"
import type { Host } from "./Host.ts"
import { KernelSocket } from "./KernelSocket.ts"
import { type Claim, PortTable } from "./PortTable.ts"
import { type Device, mtuOf, type Refusal, silently } from "./Way.ts"

/** A listening socket as the stack sees it. */
export interface Listening {
  readonly claim: Claim
  readonly options: Options
  /** Handshakes that may be unfinished at once; further SYNs are dropped. */
  readonly backlog: number
  /** Handshakes unfinished now. */
  opening: number
  /** A handshake was finished. */
  readonly established: (socket: KernelSocket) => void
  readonly waitsFor: () => string | undefined
}

/** Something a program holds open, or waits for. */
export interface Held {
  readonly waitsFor: () => string | undefined
}

export class TcpStack {
  readonly host: Host
  readonly ports: PortTable
  /** What programs hold: connections, listeners, reservations, dials under way. */
  readonly held = new Set<Held>()
  private readonly connections = new Map<string, KernelSocket>()
  private readonly listeners = new Map<number, Array<Listening>>()

  constructor(host: Host) {
    this.host = host
    this.ports = new PortTable(host.luck)
  }

  get openSockets(): number {
    return this.held.size
  }

  /** Connections the kernel still knows, those nobody holds any more (TIME-WAIT, FIN-WAIT) included. */
  get connectionCount(): number {
    return this.connections.size
  }

  waits(): ReadonlyArray<string> {
    const waits: Array<string> = []
    for (const held of this.held) {
      const wait = held.waitsFor()
      if (wait !== undefined) waits.push(wait)
    }
    return waits
  }

  listen(listener: Listening): void {
    const there = this.listeners.get(listener.claim.port)
    if (there === undefined) this.listeners.set(listener.claim.port, [listener])
    else there.push(listener)
  }

  unlisten(listener: Listening): void {
    const { port } = listener.claim
    const left = (this.listeners.get(port) ?? []).filter((other) => other !== listener)
    if (left.length === 0) this.listeners.delete(port)
    else this.listeners.set(port, left)
    // Half-open connections go with their listener, without a word.
    for (const socket of this.connections.values()) if (socket.listener === listener) this.forget(socket)
    this.ports.release(listener.claim)
  }

  /** Begins to connect; `undefined` when the pair of endpoints is in use. */
  connect(endpoints: Endpoints, options: Options, claim: Claim, device: Device): KernelSocket | undefined {
    const key = keyOf(endpoints.local, endpoints.localPort, endpoints.remote, endpoints.remotePort)
    const { luck, now } = this.host
    let initial = luck.next()
    const before = this.connections.get(key)
    if (before !== undefined) {
      if (!claim.reuse || !isRemnant(before)) return undefined
      // Beyond everything the last connection sent, so that the peer can tell them apart.
      initial = (before.tcb.initial + before.tcb.max + 65_537) >>> 0
      this.forget(before)
    }
    const tcb = Open.connect(endpoints, { ...options, mtu: mtuOf(device) }, initial, now)
    const socket = new KernelSocket(this, tcb, isLinkLocal(endpoints.remote) ? device : claim.device, claim)
    this.connections.set(key, socket)
    socket.touched()
    return socket
  }

  /** `undefined` when somebody took the packet. */
  receive(packet: TcpPacket, nic: Nic | undefined): Refusal | undefined {
    const key = keyOf(packet.dst, packet.dstPort, packet.src, packet.srcPort)
    const socket = this.connections.get(key)
    if (socket !== undefined && !this.reopens(socket, packet)) {
      receive(socket.tcb, packet, this.host.now)
      socket.touched()
      return undefined
    }
    if (Open.isOpening(packet)) {
      const listener = this.listenerFor(packet, nic)
      if (listener !== undefined) return this.accept(listener, packet, nic, key)
    }
    const reset = Reply.reset(packet)
    if (reset !== undefined) this.host.reply(reset, nic)
    return { reason: "nothing listens there", answered: reset !== undefined }
  }

  // A new connection may use the endpoints of one in TIME-WAIT at once (RFC 9293 section 3.10.7.4, RFC 6191).
  private reopens(socket: KernelSocket, packet: TcpPacket): boolean {
    const { tcb } = socket
    if (tcb.state !== "TimeWait" || !Open.isOpening(packet)) return false
    if (((packet.seq - tcb.peerInitial - tcb.received.next) | 0) <= 0) return false
    if (this.listenerFor(packet, undefined) === undefined) return false
    this.forget(socket)
    return true
  }

  private accept(listener: Listening, packet: TcpPacket, nic: Nic | undefined, key: string): Refusal | undefined {
    if (listener.opening >= listener.backlog) return silently("backlog full")
    const { luck, now } = this.host
    const tcb = Open.accept(packet, { ...listener.options, mtu: mtuOf(nic ?? "lo") }, luck.next(), now)
    const device = isLinkLocal(packet.src) ? nic : listener.claim.device
    const socket = new KernelSocket(this, tcb, device, undefined)
    socket.listener = listener
    listener.opening++
    this.connections.set(key, socket)
    socket.touched()
    return undefined
  }

  private listenerFor(packet: TcpPacket, nic: Nic | undefined): Listening | undefined {
    const there = this.listeners.get(packet.dstPort)
    if (there === undefined) return undefined
    let any: Listening | undefined
    for (const listener of there) {
      const { address, device, family } = listener.claim
      if (family !== 0 && family !== familyOf(packet.dst)) continue
      if (device !== undefined && device !== (nic ?? "lo")) continue
      if (address === packet.dst) return listener
      if (address === undefined) any ??= listener
    }
    return any
  }

  report(packet: IcmpErrorPacket): void {
    const { quote } = packet
    const socket = this.connections.get(keyOf(quote.src, quote.srcPort, quote.dst, quote.dstPort))
    if (socket === undefined) return
    report(socket.tcb, packet, this.host.now)
    socket.touched()
  }

  /** The connection is over: its endpoints and its port are free. */
  forget(socket: KernelSocket): void {
    const { local, localPort, remote, remotePort } = socket.tcb.endpoints
    const key = keyOf(local, localPort, remote, remotePort)
    if (this.connections.get(key) === socket) this.connections.delete(key)
    socket.stop()
    if (socket.claim !== undefined) this.ports.release(socket.claim)
    if (socket.listener !== undefined) socket.listener.opening--
    socket.listener = undefined
  }
}

// What Linux keeps a small remnant of only. A socket bound by hand may take its endpoints at once, thanks to timestamps
// (`tcp_twsk_unique`, without `tcp_tw_reuse`); one that the kernel gives a port is given another.
const isRemnant = ({ tcb }: KernelSocket): boolean =>
  tcb.state === "TimeWait" || (tcb.state === "FinWait2" && tcb.detached)

const keyOf = (local: Ip, localPort: number, remote: Ip, remotePort: number): string =>
  `${localPort} ${remotePort} ${remote} ${local}`
