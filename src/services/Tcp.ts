/**
 * TCP: dial, listen, and reserve a local port for several dials and a listener together (what hole punching needs).
 *
 * The floor of the library with `Udp`: everything above is written on this contract and runs on real and simulated
 * networks alike. Every open returns in a `Scope`; closing the scope closes the socket, interrupting an open leaves
 * nothing behind.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Pull from "effect/Pull"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as NetFailure from "./NetFailure.ts"

/**
 * Opening a socket failed: `dial`, `listen` or `reserve`. Nothing is left open. `adopt`: a socket opened elsewhere cannot
 * be used, and stays with whoever has it.
 */
export class TcpOpenError extends Schema.Error<TcpOpenError>("effect-p2p/services/Tcp/TcpOpenError")({
  _tag: Schema.tag("TcpOpenError"),
  op: Schema.Literals(["dial", "listen", "reserve", "adopt"]),
  ...NetFailure.fields
}) {
  override get message() {
    return NetFailure.message("tcp", this)
  }
}

/** Using an open socket failed. */
export class TcpIoError extends Schema.Error<TcpIoError>("effect-p2p/services/Tcp/TcpIoError")({
  _tag: Schema.tag("TcpIoError"),
  op: Schema.Literals(["read", "write", "end", "accept"]),
  ...NetFailure.fields
}) {
  override get message() {
    return NetFailure.message("tcp", this)
  }
}

/** A failed TCP operation; `reason` says which, between which endpoints, of what kind, and why. */
export class TcpError extends Schema.TaggedError<TcpError>()("TcpError", {
  reason: Schema.Union([TcpOpenError, TcpIoError])
}) {
  override get message() {
    return this.reason.message
  }
}

/**
 * How a connection ended. `ClosedByPeer`: the peer finished sending and everything it sent was read. `ClosedHere` and
 * `ResetHere`: this side did it. `ResetByPeer`: the peer sent RST. `Failed`: the network
 * did, or, over TLS, somebody cut the stream short.
 */
export type CloseReason =
  | { readonly _tag: "ClosedHere" }
  | { readonly _tag: "ClosedByPeer" }
  | { readonly _tag: "ResetHere" }
  | { readonly _tag: "ResetByPeer" }
  | { readonly _tag: "Failed"; readonly error: TcpError }

/**
 * How strongly a socket is tied to an interface. `device`: the operating system sends by that interface whatever the
 * routes say (SO_BINDTODEVICE, IP_BOUND_IF). `address`: the socket only has the interface's address, so the routing
 * table still chooses where packets leave. `none`: no interface was asked for.
 */
export type InterfaceBinding = "device" | "address" | "none"

/** Where a socket starts from. All parts are optional; port 0 or absent lets the system choose. */
export interface LocalOptions {
  readonly address?: NetAddress.IpAddress | undefined
  readonly port?: number | undefined
  readonly interface?: string | undefined
}

/** Socket options of a connection. */
export interface ConnectionOptions {
  /** Send small writes at once (TCP_NODELAY). Default true. */
  readonly noDelay?: boolean | undefined
  /**
   * Idle time before keep-alive probes begin, so that a peer that is gone without a word ends the connection; `false` for no
   * probes. Default: 15 seconds on this machine's sockets, no probes in a simulated network.
   */
  readonly keepAlive?: Duration.Input | false | undefined
}

export interface DialOptions extends ConnectionOptions {
  readonly remote: NetAddress.InetAddress
  readonly local?: LocalOptions | undefined
  /** How long the handshake may take before the dial fails with kind `TimedOut`. Default 10 seconds. */
  readonly timeout?: Duration.Input | undefined
}

export interface ListenOptions extends ConnectionOptions {
  /** Default: the unspecified IPv6 address where the machine has IPv6 (both families), else the IPv4 one. */
  readonly address?: NetAddress.IpAddress | undefined
  /** Default 0: the system chooses. */
  readonly port?: number | undefined
  /**
   * Hear only who comes by this interface. Without `address`: where the binding is `device`, to any address, both families;
   * where it is `address`, to one address only, the interface's first of any family (widest scope first).
   */
  readonly interface?: string | undefined
  /** Connections the kernel may hold before they are accepted. Default 511. */
  readonly backlog?: number | undefined
  /** On an unspecified IPv6 address: do not take IPv4 connections as well. Default false. */
  readonly ipv6Only?: boolean | undefined
  /** Open connections at most, counting those not yet accepted; more are closed at once and counted. Default 65,536. */
  readonly maxConnections?: number | undefined
}

/** Bytes that may wait for the reader of a connection; with more, reading stops and the peer's window closes. */
export const READ_LIMIT = 512 * 1024

/** How long a close waits for queued bytes to leave, in milliseconds. */
export const LINGER = 2000

/** An open TCP connection. Owned by the scope it was opened in. One fibre reads; any fibre may write. */
export interface TcpConnection {
  readonly local: NetAddress.InetAddress
  readonly remote: NetAddress.InetAddress
  readonly binding: InterfaceBinding
  /**
   * Everything received since the last pull, or waits for more. Ends with `Done` after the peer's FIN, fails with kind
   * `Reset` after its RST, also one that came with data. Reading stops while `READ_LIMIT` bytes wait here, so a slow reader
   * slows the sender.
   */
  readonly pull: Pull.Pull<ReadonlyArray<Uint8Array>, TcpError>
  /** Hands bytes to the system; waits while its buffer is full. The bytes must not change until it completes. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, TcpError>
  /** The same for several buffers, sent together. */
  readonly writeAll: (chunks: ReadonlyArray<Uint8Array>) => Effect.Effect<void, TcpError>
  /** Half-close: send what is queued, then FIN. Reading goes on. Idempotent. */
  readonly end: Effect.Effect<void, TcpError>
  /** Drop the connection with RST, discarding what is queued. Idempotent. */
  readonly reset: Effect.Effect<void>
  /**
   * Send what is queued, then close both directions. What has not left within two seconds is lost. The scope does this too.
   * Idempotent.
   */
  readonly close: Effect.Effect<void>
  /** Waits for the end of both directions. */
  readonly closed: Effect.Effect<CloseReason>
}

/** A listening socket. Owned by the scope it was opened in; accepted connections are owned by the accepting scope. */
export interface TcpListener {
  readonly local: NetAddress.InetAddress
  readonly binding: InterfaceBinding
  /** The next connection. Connections that wait when the listener closes are reset. */
  readonly accept: Effect.Effect<TcpConnection, TcpError, Scope.Scope>
  /** All connections to come, each owned by the listener until it is closed. Ends when the listener closes. */
  readonly connections: Stream.Stream<TcpConnection, TcpError>
  /**
   * Stops listening and resets what nobody accepted; what `accept` gave stays open, what `connections` gave is closed. The
   * scope does this too. Idempotent.
   */
  readonly close: Effect.Effect<void>
  /** Connections refused because `maxConnections` was reached, or not taken because the system had no room for them. */
  readonly refused: () => number
}

/**
 * A local port held for several dials to different remotes and one listener. Dials and listener end with the scope
 * they are opened in, not with the reservation.
 *
 * The port is held against everybody to whom the system gives a port. A program that asks for this very number and is
 * willing to share addresses can still listen on it first: what may be shared cannot be kept from others who share.
 */
export interface TcpReservation {
  readonly local: NetAddress.InetAddress
  readonly binding: InterfaceBinding
  /**
   * Whether `listen` may come before `dial`. Where the runtime cannot share a bound socket (Node before 24.19, Windows,
   * macOS) dials must start first: a dial while listening then fails with kind `AddressInUse`.
   */
  readonly listenFirst: boolean
  readonly dial: (options: Omit<DialOptions, "local">) => Effect.Effect<TcpConnection, TcpError, Scope.Scope>
  readonly listen: (
    options?: Omit<ListenOptions, "address" | "port" | "interface" | "ipv6Only">
  ) => Effect.Effect<TcpListener, TcpError, Scope.Scope>
}

/** Opens TCP sockets. */
export class Tcp extends Context.Service<
  Tcp,
  {
    /** Connects. Fails with `TcpOpenError`; dialling one's own socket (self-connect) is reported as kind `Refused`. */
    readonly dial: (options: DialOptions) => Effect.Effect<TcpConnection, TcpError, Scope.Scope>
    readonly listen: (options?: ListenOptions) => Effect.Effect<TcpListener, TcpError, Scope.Scope>
    /** Holds a local port. `address` must be given: a dial needs a concrete source. */
    readonly reserve: (
      options: LocalOptions & { readonly address: NetAddress.IpAddress }
    ) => Effect.Effect<TcpReservation, TcpError, Scope.Scope>
  }
>()("effect-p2p/services/Tcp") {}
