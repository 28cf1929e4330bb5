/**
 * A `dgram.Socket` as a `UdpSocket`.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import type * as dgram from "node:dgram"
import type { NetKind } from "../../../schemas/NetKind.ts"
import type { InterfaceBinding } from "../../../services/Tcp.ts"
import { type Datagram, UdpError, type UdpEvent, UdpIoError, type UdpSocket } from "../../../services/Udp.ts"
import type { Intake, Pushing } from "../../pipes/intake.ts"
import { checkRemote } from "../binding.ts"
import { kindOf } from "../errno.ts"
import { endpointOf, hostOf, mappedHostOf, multicastHost } from "../nativeAddress.ts"

/** Events kept for a reader who has not come yet. */
const MAX_EVENTS = 64

/** Senders whose parsed endpoint is kept; a busy server hears the same ones again and again. */
const MAX_SENDERS = 256

/** One more report than tries may be waiting when a peer that is gone gets many datagrams at once. */
const SEND_TRIES = 3

const done = Cause.done()

type Reader = (effect: Effect.Effect<ReadonlyArray<Datagram>, UdpError | Cause.Done>) => void
type Watcher = (effect: Effect.Effect<ReadonlyArray<UdpEvent>, Cause.Done>) => void

// The endpoint of a sender, parsed when somebody asks: a filter often only compares.
class NodeDatagram implements Datagram {
  readonly bytes: Uint8Array
  private readonly info: dgram.RemoteInfo
  private readonly senders: Senders
  constructor(bytes: Uint8Array, info: dgram.RemoteInfo, senders: Senders) {
    this.bytes = bytes
    this.info = info
    this.senders = senders
  }
  get from(): NetAddress.InetAddress {
    return this.senders.of(this.info)
  }
}

class Senders {
  private readonly known: Map<string, NetAddress.InetAddress> = new Map()
  private last: NetAddress.InetAddress | undefined = undefined
  private lastHost = ""
  private lastPort = -1

  of(info: dgram.RemoteInfo): NetAddress.InetAddress {
    if (info.port === this.lastPort && info.address === this.lastHost) return this.last!
    const key = `${info.address} ${info.port}`
    let endpoint = this.known.get(key)
    if (endpoint === undefined) {
      endpoint = endpointOf(info.address, info.port)
      // Starting over is cheaper than keeping order, and a table this small refills at once.
      if (this.known.size >= MAX_SENDERS) this.known.clear()
      this.known.set(key, endpoint)
    }
    this.last = endpoint
    this.lastHost = info.address
    this.lastPort = info.port
    return endpoint
  }
}

const eventKind = (kind: NetKind): UdpEvent["kind"] =>
  kind === "Refused" || kind === "Unreachable" || kind === "TooLarge" || kind === "Permission" || kind === "TimedOut"
    ? kind
    : "Unknown"

/** Whether a number can be a hop limit. */
export const isHops = (hops: number, least = 1): boolean => Number.isInteger(hops) && hops >= least && hops <= 255

/** Why an address cannot be joined. */
export const notGroup = (option: string, address: NetAddress.IpAddress): string =>
  `${option}: ${NetAddress.formatIp(address)} is not a multicast address (224.0.0.0/4, ff00::/8)`

export interface Adopt {
  readonly binding: InterfaceBinding
  /** Where groups are joined; absent: where the system chooses. */
  readonly interface: string | undefined
  readonly remote: NetAddress.InetAddress | undefined
  readonly queue: number
}

/** Adopts a bound socket; the caller closes it. Attach in the turn it is bound. */
export class NodeUdpSocket implements UdpSocket, Pushing<Datagram, UdpError | undefined> {
  readonly socket: dgram.Socket
  readonly local: NetAddress.InetAddress
  readonly remote: NetAddress.InetAddress | undefined
  readonly binding: InterfaceBinding
  private readonly options: Adopt
  private readonly hostFor: (endpoint: NetAddress.InetAddress) => string
  private readonly senders = new Senders()
  private intake: Intake<Datagram, UdpError | undefined> | undefined = undefined
  private datagrams: Array<Datagram> = []
  private reader: Reader | undefined = undefined
  private pending: Array<UdpEvent> = []
  private watcher: Watcher | undefined = undefined
  private overflow = 0
  private closed = false
  private lastTo: NetAddress.InetAddress | undefined = undefined
  private lastHost = ""

  constructor(socket: dgram.Socket, options: Adopt) {
    const address = socket.address()
    this.socket = socket
    this.options = options
    this.binding = options.binding
    this.remote = options.remote
    this.local = endpointOf(address.address, address.port)
    this.hostFor = address.family === "IPv6" ? mappedHostOf : hostOf
    socket
      .on("message", (bytes, info) => this.received(bytes, info))
      .on("error", (cause) => this.reported(cause))
      .on("close", () => this.over())
  }

  private received(bytes: Uint8Array, info: dgram.RemoteInfo) {
    const datagram = new NodeDatagram(bytes, info, this.senders)
    if (this.intake !== undefined) return this.intake.take(datagram)
    const reader = this.reader
    if (reader !== undefined) {
      this.reader = undefined
      return reader(Effect.succeed([datagram]))
    }
    if (this.datagrams.length >= this.options.queue) this.overflow++
    else this.datagrams.push(datagram)
  }

  // Only a connected socket hears of ICMP, so it is about the peer.
  private reported(cause: Error) {
    this.event({ _tag: "Icmp", kind: eventKind(kindOf(cause)), remote: this.remote, cause })
  }

  private event(event: UdpEvent) {
    const watcher = this.watcher
    if (watcher !== undefined) {
      this.watcher = undefined
      return watcher(Effect.succeed([event]))
    }
    if (this.pending.length >= MAX_EVENTS) this.pending.shift()
    this.pending.push(event)
  }

  private over() {
    this.closed = true
    this.intake?.ended(undefined)
    this.reader?.(done)
    this.watcher?.(done)
    this.reader = undefined
    this.watcher = undefined
  }

  pushTo(intake: Intake<Datagram, UdpError | undefined>) {
    this.intake = intake
    for (const datagram of this.datagrams.splice(0)) intake.take(datagram)
    if (this.closed) intake.ended(undefined)
  }

  // Datagrams do not wait: whoever takes them drops what is too much.
  resume() {}

  readonly pull: UdpSocket["pull"] = Effect.suspend(() => {
    if (this.datagrams.length > 0) {
      const datagrams = this.datagrams
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

  readonly events: UdpSocket["events"] = Stream.fromPull(
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

  readonly dropped = () => this.overflow

  send(bytes: Uint8Array, to?: NetAddress.InetAddress): Effect.Effect<void, UdpError> {
    return Effect.callback<void, UdpError>((resume) => {
      const problem = this.cannotSend(to)
      if (problem !== undefined) return resume(Effect.fail(problem))
      this.transmit(bytes, to, SEND_TRIES, resume)
    })
  }

  private transmit(
    bytes: Uint8Array,
    to: NetAddress.InetAddress | undefined,
    tries: number,
    resume: (effect: Effect.Effect<void, UdpError>) => void
  ) {
    const sent = (cause: Error | null) => {
      if (cause === null || cause === undefined) return resume(Effect.void)
      // On a connected socket the system reports what became of an earlier datagram by failing this call: that goes to the
      // events, and this datagram to the wire.
      if (this.remote !== undefined && kindOf(cause) === "Refused" && tries > 1) {
        this.reported(cause)
        return this.transmit(bytes, to, tries - 1, resume)
      }
      resume(Effect.fail(this.error("send", kindOf(cause), to, cause)))
    }
    if (this.remote !== undefined || to === undefined) return this.socket.send(bytes, sent)
    if (to !== this.lastTo) {
      this.lastHost = this.hostFor(to)
      this.lastTo = to
    }
    this.socket.send(bytes, to.port, this.lastHost, sent)
  }

  private cannotSend(to: NetAddress.InetAddress | undefined): UdpError | undefined {
    if (this.closed) return this.error("send", "Closed", to)
    if (to === undefined) {
      return this.remote !== undefined
        ? undefined
        : this.error("send", "InvalidInput", undefined, undefined, "name a destination: this socket has no peer")
    }
    const wrong = to === this.lastTo ? undefined : checkRemote(to, this.options.interface)
    if (wrong !== undefined) return this.error("send", wrong.kind, to, undefined, wrong.detail)
    if (this.remote !== undefined && NetAddress.formatInet(to) !== NetAddress.formatInet(this.remote)) {
      return this.error("send", "InvalidInput", to, undefined, "this socket is connected to another peer")
    }
    const v4Socket = this.local._tag === "InetAddressV4" && this.hostFor === hostOf
    if (v4Socket !== NetAddress.isInetAddressV4(to) && (v4Socket || !NetAddress.isUnspecified(this.local.address))) {
      return this.error("send", "FamilyMismatch", to)
    }
    return undefined
  }

  setTtl(hops: number): Effect.Effect<void, UdpError> {
    return isHops(hops)
      ? this.attempt("set", () => this.socket.setTTL(hops))
      : Effect.fail(this.error("set", "InvalidInput", undefined, undefined, `the hop limit is ${hops}: use 1 to 255`))
  }

  join(group: NetAddress.IpAddress): ReturnType<UdpSocket["join"]> {
    if (!NetAddress.isMulticast(group)) {
      return Effect.fail(this.error("join", "InvalidInput", undefined, undefined, notGroup("group", group)))
    }
    const host = NetAddress.formatIp(group)
    const device = this.options.interface
    const by = device === undefined ? undefined : multicastHost(device, NetAddress.familyOf(group))
    return Effect.acquireRelease(
      this.attempt("join", () => this.socket.addMembership(host, by)),
      () => Effect.ignore(this.attempt("set", () => this.socket.dropMembership(host, by)))
    )
  }

  readonly close: Effect.Effect<void> = Effect.sync(() => {
    if (this.closed) return
    this.socket.close()
    this.over()
  })

  private attempt(op: UdpIoError["op"], run: () => void): Effect.Effect<void, UdpError> {
    return Effect.suspend(() =>
      this.closed
        ? Effect.fail(this.error(op, "Closed", undefined))
        : Effect.try({ try: run, catch: (cause) => this.error(op, kindOf(cause), undefined, cause) })
    )
  }

  private error(
    op: UdpIoError["op"],
    kind: NetKind,
    remote: NetAddress.InetAddress | undefined,
    cause?: unknown,
    detail?: string
  ): UdpError {
    return new UdpError({ reason: new UdpIoError({ op, kind, local: this.local, remote, cause, detail }) })
  }
}
