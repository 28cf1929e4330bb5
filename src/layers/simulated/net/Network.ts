/**
 * A network: everybody attached to it reaches everybody else by address. A local network has prefixes and gateways; the
 * internet has none of either, just public addresses.
 *
 * Who has an address is looked up in a map, so a packet costs the same in a network of two and of ten thousand.
 */
import { familyOf, type Ip } from "../../../protocols/packet/Ip.ts"
import { type IpPacket, lengthOf } from "../../../protocols/packet/IpPacket.ts"
import { icmpError } from "../../../protocols/packet/reply.ts"
import { type Air, copied, Crossing, enter, settle } from "./flight.ts"
import type { Nic } from "./Nic.ts"
import { contains, type Prefix } from "./prefix.ts"
import type { OpenEvent } from "./Trace.ts"

/** Destinations whose next hop is remembered; a scan of an address range must not fill the memory. */
const MAX_ROUTES = 65_536

/** Prefixes reached through a node of this network. */
interface Route {
  readonly prefix: Prefix
  readonly nic: Nic
}

export class Network {
  readonly name: string
  readonly prefixes: ReadonlyArray<Prefix>
  readonly nics: Array<Nic> = []
  readonly air: Air
  /** Where packets to elsewhere go, by family. */
  gateway4: Nic | undefined = undefined
  gateway6: Nic | undefined = undefined
  private readonly owners = new Map<Ip, Nic>()
  private readonly routes: Array<Route> = []
  private readonly known = new Map<Ip, Nic>()

  constructor(name: string, prefixes: ReadonlyArray<Prefix>, air: Air) {
    this.name = name
    this.prefixes = prefixes
    this.air = air
  }

  attach(nic: Nic): void {
    this.nics.push(nic)
    for (const { ip } of nic.addresses) this.owners.set(ip, nic)
  }

  /** Gives a card other addresses. */
  readdress(nic: Nic, addresses: Nic["addresses"]): void {
    for (const { ip } of nic.addresses) if (this.owners.get(ip) === nic) this.owners.delete(ip)
    nic.addresses = addresses
    for (const { ip } of addresses) this.owners.set(ip, nic)
    this.known.clear()
  }

  /** Packets to a prefix go to `nic`; longer prefixes win. */
  route(prefix: Prefix, nic: Nic): void {
    this.routes.push({ prefix, nic })
    this.routes.sort((a, b) => b.prefix.length - a.prefix.length)
  }

  /** Whether an address belongs to somebody here, or would. */
  isLocal(ip: Ip): boolean {
    return this.owners.has(ip) || this.prefixes.some((prefix) => contains(prefix, ip))
  }

  /** Whether packets to this address are for everybody here. */
  isBroadcast(ip: Ip): boolean {
    for (const prefix of this.prefixes) if (prefix.broadcast === ip) return true
    return false
  }

  /** Whether packets to any address have a way from here. */
  leadsOut(family: 4 | 6): boolean {
    return this.prefixes.length === 0 || (family === 4 ? this.gateway4 : this.gateway6) !== undefined
  }

  ownerOf(ip: Ip): Nic | undefined {
    return this.owners.get(ip)
  }

  /** Who takes packets to this address: its owner, a router on the way, or the gateway. */
  nextHop(ip: Ip, family: 4 | 6): Nic | undefined {
    const owner = this.owners.get(ip)
    if (owner !== undefined) return owner
    let nic = this.known.get(ip)
    if (nic === undefined) {
      nic = this.routed(ip, family)
      if (nic === undefined) return undefined
      if (this.known.size >= MAX_ROUTES) this.known.clear()
      this.known.set(ip, nic)
    }
    return nic
  }

  private routed(ip: Ip, family: 4 | 6): Nic | undefined {
    for (const { nic, prefix } of this.routes) if (contains(prefix, ip)) return nic
    if (this.prefixes.some((prefix) => contains(prefix, ip))) return undefined
    return family === 4 ? this.gateway4 : this.gateway6
  }

  /** Carries a packet from one card to another; `undefined` where nobody has the address. */
  carry(packet: IpPacket, from: Nic, to: Nic | undefined): void {
    const event = this.begin(packet, from, to, false)
    if (to === undefined) return settle(event, { _tag: "Lost", at: this.air.timeline.now, reason: "no such address" })
    if (this.leave(packet, from, to, event)) {
      this.leave(copied(packet), from, to, this.begin(packet, from, to, true))
    }
  }

  /** Carries a packet to everybody else on the network. */
  flood(packet: IpPacket, from: Nic): void {
    for (const to of this.nics) {
      if (to === from) continue
      this.leave(copied(packet), from, to, this.begin(packet, from, to, false))
    }
  }

  // TCP never sends in pieces: it is told how much fits (RFC 1191).
  private tooBig(packet: IpPacket, from: Nic, to: Nic, mtu: number): void {
    const router = to.addressOf(familyOf(packet.src))?.ip ?? packet.dst
    const error = icmpError(packet, "packetTooBig", router, mtu)
    if (error === undefined) return
    enter(error, lengthOf(error), from, this.begin(error, to, from, false), this.air.timeline.now, this.air)
  }

  private begin(packet: IpPacket, from: Nic, to: Nic | undefined, duplicate: boolean): OpenEvent | undefined {
    return this.air.recorder?.begin(this.air.timeline.now, from.node.name, to?.node.name, this.name, packet, duplicate)
  }

  // Through the sender's link; returns whether that one makes a second copy.
  private leave(packet: IpPacket, from: Nic, to: Nic, event: OpenEvent | undefined): boolean {
    const { timeline } = this.air
    const { now } = timeline
    if (!from.running) {
      settle(event, { _tag: "Lost", at: now, reason: "link down" })
      return false
    }
    const length = lengthOf(packet)
    const mtu = Math.min(from.up.quality.mtu, to.down.quality.mtu)
    if (length > mtu && packet._tag === "Tcp") {
      settle(event, { _tag: "Lost", at: now, reason: "larger than the MTU" })
      this.tooBig(packet, from, to, mtu)
      return false
    }
    const middle = from.up.pass(length, now)
    if (typeof middle === "string") {
      settle(event, { _tag: "Lost", at: now, reason: middle })
      return false
    }
    // The receiver's link is passed when the packet gets there, unless it does not matter when.
    if (to.down.isMemoryless) enter(packet, length, to, event, middle, this.air)
    else timeline.at(middle, new Crossing(packet, length, to, event, this.air))
    return from.up.duplicates()
  }
}
