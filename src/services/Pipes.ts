/**
 * Opens pipes: to an endpoint or a name, as a server, or over a socket opened elsewhere.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import type * as Pipe from "./Pipe.ts"
import type { ConnectionOptions, LocalOptions, TcpConnection } from "./Tcp.ts"
import type * as Tls from "./Tls.ts"
import type { MulticastOptions, UdpSocket } from "./Udp.ts"

/** Where to: `192.0.2.1:80`, `[2001:db8::1]:80`, `example.org:80`, or an endpoint. */
export type Destination = NetAddress.InetAddress | string

/** What every way of opening has in common. `R` is what the handlers need. */
export interface CommonOptions<R = never> {
  /** Registered before the first byte can arrive. */
  readonly onMessage?: Pipe.MessageHandler<R> | undefined
  readonly onOpen?: Pipe.OpenHandler<R> | undefined
  readonly onClose?: Pipe.CloseHandler<R> | undefined
  /** Default `raw`. UDP keeps its own borders and takes only `raw`. */
  readonly framing?: Pipe.FramingOption | undefined
  readonly queue?: Pipe.QueueLimits | undefined
  /** Leave out messages the same sender sent already; true for the default memory of 1,000 messages. */
  readonly dropDuplicates?: boolean | { readonly messages?: number; readonly bytes?: number } | undefined
  /**
   * Messages one handler may work on at the same time. Default 1 on TCP, where order is kept for each connection, and 64
   * on a UDP server.
   */
  readonly handlerConcurrency?: number | undefined
}

interface UdpOptions {
  readonly broadcast?: boolean | undefined
  readonly ttl?: number | undefined
  readonly reuse?: boolean | undefined
  readonly multicast?: MulticastOptions | undefined
}

export interface OpenOptions<R = never> extends CommonOptions<R>, ConnectionOptions {
  readonly transport: "tcp" | "udp"
  /** Absent: a server on `local`, the same as `listen`. */
  readonly destination?: Destination | undefined
  /** The local end: an interface by name, an address, a port. */
  readonly local?: LocalOptions | undefined
  /** Short for `local: { interface }`. */
  readonly interface?: string | undefined
  /** Only addresses of this family, where the destination is a name. */
  readonly family?: NetAddress.IpFamily | undefined
  /** For the whole opening: name, connection, TLS. Default 15 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** TCP only. `true` checks the certificate against the system's and the host name. */
  readonly tls?: boolean | Tls.ClientOptions | undefined
  /** UDP socket options. */
  readonly udp?: UdpOptions | undefined
}

export interface ListenOptions<R = never> extends CommonOptions<R>, ConnectionOptions {
  readonly transport: "tcp" | "udp"
  /** `address:port` or parts. Default: every address, a port the system chooses. */
  readonly local?: (LocalOptions & { readonly ipv6Only?: boolean | undefined }) | string | undefined
  readonly interface?: string | undefined
  /** TCP only. */
  readonly tls?: Tls.ServerOptions | undefined
  readonly backlog?: number | undefined
  /**
   * TCP: open connections at most; more are closed at once. Default 65,536. UDP: accepted endpoints at most; what others send
   * goes to the server's own handlers and inbox until one of those is closed. Default 1,024.
   */
  readonly maxConnections?: number | undefined
  readonly udp?: UdpOptions | undefined
}

/** Opens pipes. Every pipe is owned by the scope it is opened in. */
export class Pipes extends Context.Service<
  Pipes,
  {
    /** Connects to the destination; several addresses of a name race (RFC 8305). */
    readonly open: <R = never>(options: OpenOptions<R>) => Effect.Effect<Pipe.Pipe, Pipe.PipeError, R | Scope.Scope>
    /** A server. */
    readonly listen: <R = never>(options: ListenOptions<R>) => Effect.Effect<Pipe.Pipe, Pipe.PipeError, R | Scope.Scope>
    /** A pipe over a connection opened elsewhere, which the pipe owns from then on and closes with the scope. */
    readonly fromTcp: <R = never>(
      connection: TcpConnection,
      options?: CommonOptions<R> & {
        readonly secure?: boolean | undefined
        /** The pipe begins to read when this is over, and may send before. If it fails, that is how the pipe ends. Default: at once. */
        readonly readAfter?: Effect.Effect<void, Pipe.PipeError> | undefined
      }
    ) => Effect.Effect<Pipe.Pipe, Pipe.PipeError, R | Scope.Scope>
    /** A pipe over a socket opened elsewhere: a client where the socket is connected, else a server. */
    readonly fromUdp: <R = never>(
      socket: UdpSocket,
      options?: CommonOptions<R>
    ) => Effect.Effect<Pipe.Pipe, Pipe.PipeError, R | Scope.Scope>
  }
>()("effect-p2p/services/Pipes") {}
