/**
 * A `UdpSocket` of a simulated host.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import { familyOf, type Ip } from "../../../protocols/packet/Ip.ts"
import { DEFAULT_TTL, type IcmpErrorPacket, lengthOf, udp } from "../../../protocols/packet/IpPacket.ts"
import type { InterfaceBinding } from "../../../services/Tcp.ts"
import { type Datagram, UdpError, type UdpEvent, UdpIoError, type UdpSocket } from "../../../services/Udp.ts"
import type { Nic } from "../net/Nic.ts"
import { addressOf, endpointOf, everybody4, ipOf, isLoopback, isMulticast, scopeOf } from "./addresses.ts"
import { failed, type Refusal } from "./binding.ts"
import { codeOfIcmp, kindOf, SimulatedError } from "./errno.ts"
import type { Host } from "./Host.ts"
import type { Claim } from "./PortTable.ts"

/** Events kept for a reader who has not come yet. */
const MAX_EVENTS = 64

/** What fits into the length fields of UDP and IP (RFC 768, RFC 791, RFC 8200). */
const MAX_PACKET = { 4: 65_535, 6: 65_575 } as const

const done = Cause.done()

type Reader = (effect: Effect.Effect<ReadonlyArray<Datagram>, UdpError | Cause.Done>) => void
type Watcher = (effect: Effect.Effect<ReadonlyArray<UdpEvent>, Cause.Done>) => void

// The sender's endpoint is made when somebody asks.
class SimulatedDatagram implements Datagram {
  readonly bytes: Uint8Array
  private readonly ip: Ip
  private readonly port: number
  private readonly scopeId: number
  private endpoint: NetAddress.InetAddress | undefined = undefined

  constructor(bytes: Uint8Array, ip: Ip, port: number, scopeId: number) {
    this.bytes = bytes
    this.ip = ip
    this.port = port
    this.scopeId = scopeId
  }

  get from(): NetAddress.InetAddress {
    return (this.endpoint ??= endpointOf(this.ip, this.port, this.scopeId))
  }
}

export interface Opened {
  readonly claim: Claim
  readonly local: NetAddress.InetAddress
  readonly remote: NetAddress.InetAddress | undefined
  readonly binding: InterfaceBinding
  readonly queue: number
  readonly broadcast: boolean
  readonly ttl: number | undefined
  readonly multicastTtl: number
  readonly multicastLoopback: boolean
}

export class SimulatedUdpSocket implements UdpSocket {
  readonly host: Host
  readonly claim: Claim
  readonly local: NetAddress.InetAddress
  readonly remote: NetAddress.InetAddress | undefined
  readonly binding: InterfaceBinding
  readonly peer: { readonly ip: Ip; readonly port: number } | undefined
  private readonly options: Opened
  private ttl: number
  private datagrams: Array<Datagram> = []
  private reader: Reader | undefined = undefined
  private pending: Array<UdpEvent> = []
  private watcher: Watcher | undefined = undefined
  private overflow = 0
  private closed = false

  constructor(host: Host, options: Opened) {
    this.host = host
    this.options = options
    this.claim = options.claim
    this.local = options.local
    this.remote = options.remote
    this.binding = options.binding
    this.ttl = options.ttl ?? DEFAULT_TTL
    const { remote } = options
    this.peer = remote === undefined ? undefined : { ip: ipOf(remote.address), port: remote.port }
  }

  received(bytes: Uint8Array, ip: Ip, port: number, nic: Nic | undefined): void {
    const datagram = new SimulatedDatagram(bytes, ip, port, nic === undefined ? 0 : this.host.indexOf(nic))
    const { reader } = this
    if (reader !== undefined) {
      this.reader = undefined
      return reader(Effect.succeed([datagram]))
    }
    if (this.datagrams.length >= this.options.queue) this.overflow++
    else this.datagrams.push(datagram)
  }

  reported(packet: IcmpErrorPacket): void {
    const code = codeOfIcmp(packet)
    const remote = endpointOf(packet.quote.dst, packet.quote.dstPort)
    const cause = new SimulatedError({ syscall: "recvmsg", code })
    this.event({ _tag: "Icmp", kind: kindOf(code) as UdpEvent["kind"], remote, cause })
  }

  private event(event: UdpEvent): void {
    const { watcher } = this
    if (watcher !== undefined) {
      this.watcher = undefined
      return watcher(Effect.succeed([event]))
    }
    if (this.pending.length >= MAX_EVENTS) this.pending.shift()
    this.pending.push(event)
  }

  /** What a program waits for here. */
  waitsFor(): string | undefined {
    if (this.reader !== undefined) return `a datagram on ${NetAddress.formatInet(this.local)}`
    return this.watcher === undefined ? undefined : `an ICMP report on ${NetAddress.formatInet(this.local)}`
  }

  readonly pull: UdpSocket["pull"] = Effect.suspend(() => {
    if (this.datagrams.length > 0) {
      const { datagrams } = this
      this.datagrams = []
      return Effect.succeed(datagrams)
    }
    return this.closed ? done : this.next
  })

  private readonly next = Effect.callback<ReadonlyArray<Datagram>, UdpError | Cause.Done>((resume) => {
    this.reader = resume
    return Effect.sync(() => {
      if (this.reader === resume) this.reader = undefined
    })
  })

  get events(): UdpSocket["events"] {
    return Stream.fromPull(
      Effect.succeed(
        Effect.callback<ReadonlyArray<UdpEvent>, Cause.Done>((resume) => {
          if (this.pending.length > 0) {
            const events = this.pending
            this.pending = []
            return resume(Effect.succeed(events))
          }
          if (this.closed) return resume(done)
          this.watcher = resume
          return Effect.sync(() => {
            if (this.watcher === resume) this.watcher = undefined
          })
        }) as Effect.Effect<readonly [UdpEvent, ...Array<UdpEvent>], Cause.Done>
      )
    )
  }

  readonly dropped = () => this.overflow

  send(bytes: Uint8Array, to?: NetAddress.InetAddress): Effect.Effect<void, UdpError> {
    return Effect.suspend(() => {
      const refusal = this.transmit(bytes, to)
      return refusal === undefined ? Effect.void : Effect.fail(this.error("send", refusal, to))
    })
  }

  private transmit(bytes: Uint8Array, to: NetAddress.InetAddress | undefined): Refusal | undefined {
    if (this.closed) return { kind: "Closed" }
    const target = to ?? this.remote
    if (target === undefined) return { kind: "InvalidInput", detail: "name a destination: this socket has no peer" }
    if (target.port === 0) return { kind: "InvalidInput", detail: "0 is not a destination port" }
    const dst = ipOf(target.address)
    if (this.peer !== undefined && to !== undefined && (dst !== this.peer.ip || target.port !== this.peer.port)) {
      return { kind: "InvalidInput", detail: "this socket is connected to another peer" }
    }
    const family = familyOf(dst)
    if (this.claim.family !== 0 && this.claim.family !== family) {
      // An IPv6 socket of one family takes mapped addresses and finds no route for them.
      const only6 = this.claim.family === 6 && this.claim.address === undefined
      return only6 ? failed("send", "ENETUNREACH") : { kind: "FamilyMismatch" }
    }
    return this.launch(bytes, dst, target, family)
  }

  private launch(bytes: Uint8Array, dst: Ip, target: NetAddress.InetAddress, family: 4 | 6): Refusal | undefined {
    const { address, device, port } = this.claim
    const way = this.host.wayTo(dst, device, scopeOf(target))
    if (way === undefined) return failed("send", "ENETUNREACH")
    // An address that was taken from this host since.
    if (address !== undefined && !this.host.isOwn(address)) return failed("send", "ENETUNREACH")
    const many = isMulticast(dst)
    const nic = way.device
    if (!this.options.broadcast && (dst === everybody4 || (nic !== "lo" && nic.network.isBroadcast(dst)))) {
      return failed("send", "EACCES")
    }
    const source = address ?? way.source
    // The kernel sends nothing from a loopback address to anywhere else.
    if (nic !== "lo" && isLoopback(source)) return failed("send", "EINVAL")
    const ttl = many ? this.options.multicastTtl : this.ttl
    const packet = udp(source, port, dst, target.port, bytes.slice(), ttl)
    if (lengthOf(packet) > MAX_PACKET[family]) return failed("send", "EMSGSIZE")
    this.host.send(packet, nic)
    if (many && this.options.multicastLoopback && this.host.udp.hasJoined(dst)) this.host.sendToSelf(packet)
    return undefined
  }

  setTtl(hops: number): Effect.Effect<void, UdpError> {
    return Effect.suspend(() => {
      if (this.closed) return Effect.fail(this.error("set", { kind: "Closed" }, undefined))
      if (!isTtl(hops)) {
        return Effect.fail(this.error("set", failed("setsockopt", "EINVAL"), undefined))
      }
      this.ttl = hops
      return Effect.void
    })
  }

  join(group: NetAddress.IpAddress): ReturnType<UdpSocket["join"]> {
    return Effect.acquireRelease(
      Effect.suspend(() => {
        if (this.closed) return Effect.fail(this.error("join", { kind: "Closed" }, undefined))
        const ip = ipOf(group)
        if (!isMulticast(ip)) return Effect.fail(this.error("join", failed("setsockopt", "EINVAL"), undefined))
        this.host.udp.join(ip)
        return Effect.void
      }),
      () => Effect.sync(() => this.host.udp.leave(ipOf(group)))
    )
  }

  /** Closes the socket and ends its readers. */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    if (this.closed) return
    this.closed = true
    this.host.udp.close(this)
    this.reader?.(done)
    this.watcher?.(done)
    this.reader = undefined
    this.watcher = undefined
  })

  private error(op: UdpIoError["op"], refusal: Refusal, remote: NetAddress.InetAddress | undefined): UdpError {
    return new UdpError({ reason: new UdpIoError({ op, local: this.local, remote, ...refusal }) })
  }
}

/** Whether the IP header can hold a hop count. */
export const isTtl = (hops: number): boolean => Number.isInteger(hops) && hops >= 1 && hops <= 255

/** The source address a connected socket gets (what `getsockname` shows after `connect`). */
export const sourceFor = (
  host: Host,
  remote: NetAddress.InetAddress,
  claim: Pick<Claim, "device">
): NetAddress.IpAddress | undefined => {
  const way = host.wayTo(ipOf(remote.address), claim.device, scopeOf(remote))
  return way === undefined ? undefined : addressOf(way.source)
}
