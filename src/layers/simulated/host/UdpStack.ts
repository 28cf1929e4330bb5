/**
 * UDP of one host: which socket a datagram or an ICMP report is for.
 */
import type { Ip } from "../../../protocols/packet/Ip.ts"
import { familyOf } from "../../../protocols/packet/Ip.ts"
import type { IcmpErrorPacket, UdpPacket } from "../../../protocols/packet/IpPacket.ts"
import type { Nic } from "../net/Nic.ts"
import type { Host } from "./Host.ts"
import { type Claim, PortTable } from "./PortTable.ts"
import type { SimulatedUdpSocket } from "./SimulatedUdpSocket.ts"

export class UdpStack {
  readonly host: Host
  readonly ports: PortTable
  readonly sockets = new Set<SimulatedUdpSocket>()
  private readonly byPort = new Map<number, Array<SimulatedUdpSocket>>()
  /** Multicast groups joined, and how often. */
  private readonly groups = new Map<Ip, number>()

  constructor(host: Host) {
    this.host = host
    this.ports = new PortTable(host.luck)
  }

  open(socket: SimulatedUdpSocket): void {
    this.sockets.add(socket)
    const there = this.byPort.get(socket.claim.port)
    // The socket bound last comes first: among equals it gets the datagrams, as on Linux.
    if (there === undefined) this.byPort.set(socket.claim.port, [socket])
    else there.unshift(socket)
  }

  close(socket: SimulatedUdpSocket): void {
    if (!this.sockets.delete(socket)) return
    this.ports.release(socket.claim)
    const there = this.byPort.get(socket.claim.port)!
    if (there.length === 1) this.byPort.delete(socket.claim.port)
    else there.splice(there.indexOf(socket), 1)
  }

  join(group: Ip): void {
    this.groups.set(group, (this.groups.get(group) ?? 0) + 1)
  }

  leave(group: Ip): void {
    const count = this.groups.get(group) ?? 0
    if (count <= 1) this.groups.delete(group)
    else this.groups.set(group, count - 1)
  }

  hasJoined(group: Ip): boolean {
    return this.groups.has(group)
  }

  /** Whether a socket took the datagram. */
  receive(packet: UdpPacket, nic: Nic | undefined, unicast: boolean): boolean {
    const there = this.byPort.get(packet.dstPort)
    if (there === undefined) return false
    if (unicast) {
      const socket = best(there, packet.dst, packet.src, packet.srcPort, nic)
      if (socket === undefined) return false
      socket.received(packet.payload, packet.src, packet.srcPort, nic)
      return true
    }
    if (!nic?.network.isBroadcast(packet.dst) && packet.dst !== "255.255.255.255" && !this.hasJoined(packet.dst)) {
      return false
    }
    let taken = 0
    for (const socket of there) {
      if (score(socket, undefined, familyOf(packet.dst), packet.src, packet.srcPort, nic) < 0) continue
      if (socket.claim.address !== undefined && socket.claim.address !== packet.dst) continue
      socket.received(taken++ === 0 ? packet.payload : packet.payload.slice(), packet.src, packet.srcPort, nic)
    }
    return taken > 0
  }

  /** An ICMP error about a datagram sent from here. */
  report(packet: IcmpErrorPacket): void {
    const { quote } = packet
    const there = this.byPort.get(quote.srcPort)
    if (there === undefined) return
    best(there, quote.src, quote.dst, quote.dstPort, undefined, true)?.reported(packet)
  }

  waits(): ReadonlyArray<string> {
    const waits: Array<string> = []
    for (const socket of this.sockets) {
      const wait = socket.waitsFor()
      if (wait !== undefined) waits.push(wait)
    }
    return waits
  }
}

// How well a socket fits, -1 if not at all: connected to the sender before bound to the address before any.
const score = (
  socket: SimulatedUdpSocket,
  address: Ip | undefined,
  family: 4 | 6,
  remote: Ip,
  remotePort: number,
  nic: Nic | undefined
): number => {
  const claim: Claim = socket.claim
  if (claim.family !== 0 && claim.family !== family) return -1
  if (address !== undefined && claim.address !== undefined && claim.address !== address) return -1
  if (claim.device !== undefined && claim.device !== (nic ?? "lo")) return -1
  const { peer } = socket
  if (peer !== undefined && (peer.ip !== remote || peer.port !== remotePort)) return -1
  return (peer === undefined ? 0 : 4) + (claim.address === undefined ? 0 : 2) + (claim.device === undefined ? 0 : 1)
}

const best = (
  there: ReadonlyArray<SimulatedUdpSocket>,
  address: Ip,
  remote: Ip,
  remotePort: number,
  nic: Nic | undefined,
  anyDevice = false
): SimulatedUdpSocket | undefined => {
  let found: SimulatedUdpSocket | undefined
  let highest = -1
  for (const socket of there) {
    const device = socket.claim.device
    const by = anyDevice && device !== undefined && device !== "lo" ? device : nic
    const points = score(socket, address, familyOf(address), remote, remotePort, by)
    if (points <= highest) continue
    highest = points
    found = socket
  }
  return found
}
