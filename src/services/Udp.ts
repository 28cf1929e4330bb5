/**
 * UDP: bind a socket, send datagrams to anyone, read what arrives.
 *
 * With `Tcp` the floor of the library. A socket has exactly one reader (whoever calls `pull`); fan-out is the work of
 * the layer above. The socket is owned by the scope it was opened in.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Pull from "effect/Pull"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as NetFailure from "./NetFailure.ts"
import type { InterfaceBinding } from "./Tcp.ts"

/** Binding a socket failed, and nothing is left open. `adopt`: a socket opened elsewhere cannot be used. */
export class UdpOpenError extends Schema.Error<UdpOpenError>("effect-p2p/services/Udp/UdpOpenError")({
  _tag: Schema.tag("UdpOpenError"),
  op: Schema.Literals(["bind", "adopt"]),
  ...NetFailure.fields
}) {
  override get message() {
    return NetFailure.message("udp", this)
  }
}

/** Using an open socket failed. */
export class UdpIoError extends Schema.Error<UdpIoError>("effect-p2p/services/Udp/UdpIoError")({
  _tag: Schema.tag("UdpIoError"),
  op: Schema.Literals(["send", "read", "set", "join"]),
  ...NetFailure.fields
}) {
  override get message() {
    return NetFailure.message("udp", this)
  }
}

/** A failed UDP operation; `reason` says which, between which endpoints, of what kind, and why. */
export class UdpError extends Schema.TaggedError<UdpError>()("UdpError", {
  reason: Schema.Union([UdpOpenError, UdpIoError])
}) {
  override get message() {
    return this.reason.message
  }
}

/** A received datagram. The bytes are the receiver's to keep. */
export interface Datagram {
  readonly bytes: Uint8Array
  readonly from: NetAddress.InetAddress
}

/**
 * An ICMP report about a datagram sent earlier to `remote`. Systems tell connected sockets only; on a real network an
 * unconnected one gets no events.
 */
export interface UdpEvent {
  readonly _tag: "Icmp"
  readonly kind: "Refused" | "Unreachable" | "TooLarge" | "Permission" | "TimedOut" | "Unknown"
  readonly remote: NetAddress.InetAddress | undefined
  readonly cause: unknown
}

/** Multicast sending options, and groups joined at open. */
export interface MulticastOptions {
  readonly groups?: ReadonlyArray<NetAddress.IpAddress> | undefined
  /** Hops of multicast packets sent. System default 1. */
  readonly ttl?: number | undefined
  /** Whether this machine hears its own packets. System default true. */
  readonly loopback?: boolean | undefined
}

export interface BindOptions {
  /** Default: the unspecified address of `remote`'s family, else of IPv6 (both families) where there is IPv6. */
  readonly address?: NetAddress.IpAddress | undefined
  /** Default 0: the system chooses. */
  readonly port?: number | undefined
  /**
   * Send and receive by this interface only. Without `address` and `remote`: where the binding is `device`, under any address,
   * both families; where it is `address`, under one address only, the interface's first of any family (widest scope first).
   */
  readonly interface?: string | undefined
  /** Connect the socket: only this peer is heard, and ICMP reports about it arrive as events. */
  readonly remote?: NetAddress.InetAddress | undefined
  /** Let other sockets share the port (SO_REUSEADDR). Default false. */
  readonly reuse?: boolean | undefined
  /** On an unspecified IPv6 address: no IPv4. Default false. */
  readonly ipv6Only?: boolean | undefined
  /** Allow sending to broadcast addresses. Default false. */
  readonly broadcast?: boolean | undefined
  /** Hops of unicast packets sent, 1 to 255. Default: the system's. */
  readonly ttl?: number | undefined
  readonly multicast?: MulticastOptions | undefined
  /** Datagrams held for the reader; more are dropped and counted. Default 1,024. */
  readonly queue?: number | undefined
}

/** A bound UDP socket. */
export interface UdpSocket {
  readonly local: NetAddress.InetAddress
  /** Set on a connected socket. */
  readonly remote: NetAddress.InetAddress | undefined
  readonly binding: InterfaceBinding
  /** Everything received since the last pull, or waits. Ends with `Done` when the socket is closed here. */
  readonly pull: Pull.Pull<ReadonlyArray<Datagram>, UdpError>
  /** Sends one datagram; `to` may be absent only on a connected socket. Completes when the system has taken it. */
  readonly send: (bytes: Uint8Array, to?: NetAddress.InetAddress) => Effect.Effect<void, UdpError>
  /** Datagrams dropped here because the reader was slow. What the kernel or the network drops is not seen. */
  readonly dropped: () => number
  /** ICMP reports, the latest 64 of those nobody read. */
  readonly events: Stream.Stream<UdpEvent>
  readonly setTtl: (hops: number) => Effect.Effect<void, UdpError>
  /** Joins a group until the scope closes. */
  readonly join: (group: NetAddress.IpAddress) => Effect.Effect<void, UdpError, Scope.Scope>
  /** Closes the socket now. The scope does this too. Idempotent. */
  readonly close: Effect.Effect<void>
}

/** Opens UDP sockets. */
export class Udp extends Context.Service<
  Udp,
  { readonly bind: (options?: BindOptions) => Effect.Effect<UdpSocket, UdpError, Scope.Scope> }
>()("effect-p2p/services/Udp") {}
