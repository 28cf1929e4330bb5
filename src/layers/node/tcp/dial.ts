/**
 * Connecting a `net.Socket`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import type { ConnectionOptions, DialOptions, TcpConnection } from "../../../services/Tcp.ts"
import { TcpError, TcpOpenError } from "../../../services/Tcp.ts"
import * as Binding from "../binding.ts"
import { kindOf } from "../errno.ts"
import { hostOf } from "../nativeAddress.ts"
import { owned } from "../owned.ts"
import type { NativeCalls } from "../native/NativeCalls.ts"
import { NodeTcpConnection } from "./connection.ts"

/** Long enough for three SYNs (at 0, 1, 3 and 7 s on Linux), short enough for a person. */
export const DIAL_TIMEOUT = Duration.seconds(10)

/** Soon enough to keep the mappings of NATs and firewalls, and to notice within a minute that a peer is gone. */
const KEEP_ALIVE = Duration.seconds(15)

const keepAliveOptions = (idle: ConnectionOptions["keepAlive"] = KEEP_ALIVE) =>
  idle === false
    ? { keepAlive: false, keepAliveInitialDelay: 0 }
    : { keepAlive: true, keepAliveInitialDelay: Duration.toMillis(Duration.fromInputUnsafe(idle)) }

/** What both ends of a connection understand; `allowHalfOpen` because closing a direction is the caller's decision. */
export const socketOptions = (options: ConnectionOptions) => ({
  allowHalfOpen: true,
  noDelay: options.noDelay ?? true,
  ...keepAliveOptions(options.keepAlive)
})

/** A socket that connects. */
export interface Started {
  readonly socket: net.Socket
  readonly binding: TcpConnection["binding"]
  /** Its own end, where it was chosen before the connect. */
  readonly local: NetAddress.InetAddress | undefined
}

/**
 * Binds, makes the socket and starts the connect, all in one turn, so that an interruption finds nothing half done. Throws
 * what Node throws.
 */
export type Start = () => Result.Result<Started, Binding.Refusal>

type Endpoints = Pick<TcpOpenError, "remote" | "local" | "interface">

const refused = (at: Endpoints, refusal: Binding.Refusal): TcpError =>
  new TcpError({ reason: new TcpOpenError({ op: "dial", ...at, ...refusal }) })

const isSelf = (socket: net.Socket, remote: NetAddress.InetAddress): boolean =>
  socket.localPort === remote.port && socket.localAddress === socket.remoteAddress

// The peer is who was dialled, except that the unspecified address stands for this machine.
const peerOf = (remote: NetAddress.InetAddress): NetAddress.InetAddress | undefined =>
  NetAddress.isUnspecified(remote.address) ? undefined : NetAddress.toCanonical(remote)

/** Runs one connect attempt to its end. The connection is owned by the scope; an interrupted attempt is destroyed. */
export const connect = (
  start: Start,
  options: Omit<DialOptions, "local">,
  asked: Endpoints
): Effect.Effect<NodeTcpConnection, TcpError, Scope.Scope> => {
  const { remote } = options
  const limit = Duration.toMillis(Duration.fromInputUnsafe(options.timeout ?? DIAL_TIMEOUT))
  const attempt = Effect.callback<NodeTcpConnection, TcpError>((resume) => {
    const wrong = Binding.checkRemote(remote, asked.interface)
    if (wrong !== undefined) return resume(Effect.fail(refused(asked, wrong)))
    let started: ReturnType<Start>
    try {
      started = start()
    } catch (cause) {
      return resume(Effect.fail(refused(asked, { kind: kindOf(cause), cause })))
    }
    if (Result.isFailure(started)) return resume(Effect.fail(refused(asked, started.failure)))
    const { binding, local, socket } = started.success
    const at = local === undefined ? asked : { ...asked, local }
    let late: NodeJS.Immediate | undefined
    const disarm = () => {
      clearTimeout(timer)
      clearImmediate(late)
    }
    const onError = (cause: Error) => {
      disarm()
      resume(Effect.fail(refused(at, { kind: kindOf(cause), cause })))
    }
    const abandon = () => {
      disarm()
      // A socket that is destroyed while it connects may still report an error; nobody is left to hear it.
      socket.off("error", onError).on("error", () => {})
      socket.destroy()
    }
    // The kernel's own clock drives the handshake, so its limit is real time too, whatever `Clock` the program has.
    // Node runs timers before it looks at sockets: after a turn in which this process was busy, what came in time is heard first.
    const timer = setTimeout(() => {
      late = setImmediate(() => {
        abandon()
        resume(Effect.fail(refused(at, { kind: "TimedOut" })))
      })
    }, limit)
    socket.once("error", onError)
    socket.once("connect", () => {
      disarm()
      socket.off("error", onError)
      const connection = new NodeTcpConnection(socket, binding, { remote: peerOf(remote) })
      if (!isSelf(socket, remote)) return resume(Effect.succeed(connection))
      socket.destroy()
      resume(Effect.fail(refused(at, { kind: "Refused", detail: "the dial met itself: nobody else is on that port" })))
    })
    return Effect.sync(abandon)
  })
  return owned(attempt, (connection) => connection.close)
}

/** Starts a connect from a descriptor bound already. `manualStart`: it must not be read before it is connected. */
export const fromDescriptor = (
  native: Option.Option<NativeCalls>,
  descriptor: number,
  to: net.TcpNetConnectOpts
): net.Socket =>
  Binding.adopting(
    native,
    descriptor,
    (fd) => new net.Socket({ fd, manualStart: true, ...to } as net.SocketConstructorOpts)
  ).connect(to)

export const dial = (
  native: Option.Option<NativeCalls>,
  options: DialOptions
): Effect.Effect<TcpConnection, TcpError, Scope.Scope> =>
  Effect.suspend(() => {
    const { remote } = options
    const local = options.local ?? {}
    const shared = socketOptions(options)
    const start: Start = () =>
      Result.map(Binding.bind(native, "tcp", local, NetAddress.familyOf(remote), {}), (bound) => {
        const { binding, fd } = bound
        const to = { host: hostOf(remote), port: remote.port, ...shared }
        if (fd !== undefined) return { socket: fromDescriptor(native, fd, to), binding, local: bound.local }
        if (local.address === undefined && local.port === undefined && binding === "none") {
          return { socket: net.connect(to), binding, local: undefined }
        }
        const from = { localAddress: hostOf(bound.local), localPort: bound.local.port }
        return { socket: net.connect({ ...to, ...from }), binding, local: bound.local }
      })
    return connect(start, options, { remote, interface: local.interface })
  })
