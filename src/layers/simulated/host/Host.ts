/**
 * A host: its cards, its routing, and the transports above. What a kernel does with packets before sockets see them.
 *
 * Nothing is made before it is used: a host nobody talks to is a few empty fields.
 */
import { familyOf, type Ip } from "../../../protocols/packet/Ip.ts"
import type { IcmpErrorKind, IpPacket } from "../../../protocols/packet/IpPacket.ts"
import * as Reply from "../../../protocols/packet/reply.ts"
import { type Air, settle } from "../net/flight.ts"
import type { Nic, Node } from "../net/Nic.ts"
import type { OpenEvent } from "../net/Trace.ts"
import { Event } from "../time/events.ts"
import type { Luck } from "../time/Luck.ts"
import { everybody4, isLinkLocal, isLoopback, isMulticast, loopback4, loopback6 } from "./addresses.ts"
import { TcpStack } from "./TcpStack.ts"
import { type Device, type Refusal, silently, type Way } from "./Way.ts"
import { UdpStack } from "./UdpStack.ts"

/** What a packet inside the host takes, in milliseconds. */
const LOOPBACK_DELAY = 0.02

/** How long Linux asks for the owner of an address before it gives up: three requests a second apart. */
const NEIGHBOUR_TIMEOUT = 3000

/** Destinations whose way is remembered. */
const MAX_WAYS = 4096

export class Host implements Node {
  readonly name: string
  readonly air: Air
  readonly luck: Luck
  readonly nics: Array<Nic> = []
  private ways = new Map<Ip, Way>()
  private udpStack: UdpStack | undefined = undefined
  private tcpStack: TcpStack | undefined = undefined
  private watchers: Set<() => void> | undefined = undefined
  private own: Set<Ip> | undefined = undefined

  constructor(name: string, air: Air, luck: Luck) {
    this.name = name
    this.air = air
    this.luck = luck
  }

  get udp(): UdpStack {
    return (this.udpStack ??= new UdpStack(this))
  }

  get tcp(): TcpStack {
    return (this.tcpStack ??= new TcpStack(this))
  }

  get now(): number {
    return this.air.timeline.now
  }

  /** Sockets programs hold open here. */
  get openSockets(): number {
    return (this.udpStack?.sockets.size ?? 0) + (this.tcpStack?.openSockets ?? 0)
  }

  /** What the programs here wait for, as far as sockets know. */
  waits(): ReadonlyArray<string> {
    return [...(this.tcpStack?.waits() ?? []), ...(this.udpStack?.waits() ?? [])]
  }

  nic(name: string): Nic | undefined {
    return this.nics.find((nic) => nic.name === name)
  }

  /** The interface index, which is the scope id of its link-local addresses; `lo` is 1. */
  indexOf(nic: Nic): number {
    return this.nics.indexOf(nic) + 2
  }

  isOwn(ip: Ip): boolean {
    this.own ??= new Set(this.nics.flatMap((nic) => nic.addresses.map((address) => address.ip)))
    return this.own.has(ip) || isLoopback(ip)
  }

  /** Tells those who watch the interfaces that something changed. */
  changed(): void {
    this.own = undefined
    this.ways.clear()
    if (this.watchers !== undefined) for (const watch of this.watchers) watch()
  }

  onChange(watch: () => void): () => void {
    this.watchers ??= new Set()
    this.watchers.add(watch)
    return () => this.watchers?.delete(watch)
  }

  /** The way to an address; `undefined` when there is none (ENETUNREACH). */
  wayTo(dst: Ip, device: Device | undefined, scopeId = 0): Way | undefined {
    if (device !== undefined || isLinkLocal(dst)) return this.findWay(dst, device ?? this.nics[scopeId - 2])
    let way = this.ways.get(dst)
    if (way === undefined) {
      way = this.findWay(dst, undefined)
      if (way === undefined) return undefined
      if (this.ways.size >= MAX_WAYS) this.ways.clear()
      this.ways.set(dst, way)
    }
    return way
  }

  private findWay(dst: Ip, device: Device | undefined): Way | undefined {
    const family = familyOf(dst)
    if (this.isOwn(dst)) {
      const source = isLoopback(dst) ? (family === 4 ? loopback4 : loopback6) : dst
      return { device: "lo", source }
    }
    if (device === "lo") return undefined
    const nic = device ?? this.cardFor(dst, family)
    const own = isLinkLocal(dst) ? nic?.addresses.find(({ ip }) => isLinkLocal(ip)) : undefined
    const source = (own ?? nic?.addressOf(family))?.ip
    return nic === undefined || source === undefined ? undefined : { device: nic, source }
  }

  // Attached networks before the default route; the first card that leads anywhere is the default.
  private cardFor(dst: Ip, family: 4 | 6): Nic | undefined {
    // Whoever looks after a machine's network takes the routes of a card away with its cable.
    const usable = this.nics.filter((nic) => nic.running && nic.addressOf(family) !== undefined)
    if (isMulticast(dst) || dst === everybody4) return usable[0]
    return (
      usable.find((nic) => nic.network.prefixes.length > 0 && nic.network.isLocal(dst)) ??
      usable.find((nic) => nic.network.leadsOut(family) || nic.gateway !== undefined)
    )
  }

  /** Sends a packet by a way found before. */
  send(packet: IpPacket, device: Device): void {
    if (device === "lo") return this.sendToSelf(packet)
    const { dst } = packet
    if (isMulticast(dst)) return device.network.flood(packet, device)
    if (dst === everybody4 || device.network.isBroadcast(dst)) return device.network.flood(packet, device)
    const family = familyOf(dst)
    const next = device.nextHop(dst, family)
    device.network.carry(packet, device, next)
    if (next === undefined && device.network.prefixes.length > 0) this.notFound(packet)
  }

  /** Hands a packet to this host itself: loopback, and copies of its own multicast. */
  sendToSelf(packet: IpPacket): void {
    const { recorder, timeline } = this.air
    const event = recorder?.begin(timeline.now, this.name, this.name, "loopback", packet, false)
    timeline.after(LOOPBACK_DELAY, new LocalArrival(packet, this, event))
  }

  // Nobody on the local network has the address: the sender is told as if a router had said so.
  private notFound(packet: IpPacket): void {
    const error = Reply.icmpError(packet, "hostUnreachable", packet.src)
    if (error !== undefined) this.air.timeline.call(NEIGHBOUR_TIMEOUT, () => this.receive(error, undefined, undefined))
  }

  receive(packet: IpPacket, nic: Nic | undefined, event: OpenEvent | undefined): void {
    const problem = this.take(packet, nic)
    if (event === undefined) return
    const at = this.now
    settle(
      event,
      problem === undefined
        ? { _tag: "Delivered", at }
        : { _tag: "Dropped", at, reason: problem.reason, answered: problem.answered }
    )
  }

  private take(packet: IpPacket, nic: Nic | undefined): Refusal | undefined {
    const unicast = this.isOwn(packet.dst)
    if (!unicast && !(packet._tag === "Udp" && isForMany(packet.dst, nic))) return silently("not for this host")
    switch (packet._tag) {
      case "Udp":
        if (this.udpStack?.receive(packet, nic, unicast) === true) return undefined
        return unicast
          ? this.answer(packet, "portUnreachable", "nothing listens there", nic)
          : silently("nothing listens there")
      case "Tcp":
        return this.tcp.receive(packet, nic)
      case "Echo": {
        const reply = Reply.echoReply(packet)
        if (reply !== undefined) this.reply(reply, nic)
        return undefined
      }
      case "IcmpError": {
        if (packet.quote.transport === "Udp") this.udpStack?.report(packet)
        else if (packet.quote.transport === "Tcp") this.tcpStack?.report(packet)
        return undefined
      }
    }
  }

  /** Sends a packet the host itself answers with to what came by `nic`, if there is a way. */
  reply(packet: IpPacket, nic: Nic | undefined): void {
    const way = this.wayTo(packet.dst, isLinkLocal(packet.dst) ? nic : undefined)
    if (way !== undefined) this.send(packet, way.device)
  }

  private answer(packet: IpPacket, kind: IcmpErrorKind, reason: string, nic: Nic | undefined): Refusal {
    const error = Reply.icmpError(packet, kind, packet.dst)
    if (error !== undefined) this.reply(error, nic)
    return { reason, answered: error !== undefined }
  }
}

const isForMany = (dst: Ip, nic: Nic | undefined): boolean =>
  isMulticast(dst) || dst === everybody4 || nic?.network.isBroadcast(dst) === true

class LocalArrival extends Event {
  private readonly packet: IpPacket
  private readonly host: Host
  private readonly event: OpenEvent | undefined

  constructor(packet: IpPacket, host: Host, event: OpenEvent | undefined) {
    super()
    this.packet = packet
    this.host = host
    this.event = event
  }

  fire() {
    this.host.receive(this.packet, undefined, this.event)
  }
}
