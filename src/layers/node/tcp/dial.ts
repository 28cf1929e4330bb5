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

/** What both ends of a connection understand; `allowHalfOpen` because closing a direction is the caller's decision. */
export const socketOptions = (options: ConnectionOptions) => ({
  allowHalfOpen: true,
  noDelay: options.noDelay ?? true,
  keepAlive: options.keepAlive !== undefined,
  keepAliveInitialDelay:
    options.keepAlive === undefined ? 0 : Duration.toMillis(Duration.fromInputUnsafe(options.keepAlive))
})

/** Makes the unconnected socket and starts the connect; throws what Node throws. */
export type Start = () => net.Socket

type Endpoints = Pick<TcpOpenError, "remote" | "local" | "interface">

const refused = (at: Endpoints, refusal: Binding.Refusal): TcpError =>
  new TcpError({ reason: new TcpOpenError({ op: "dial", ...at, ...refusal }) })

/** Checks that the remote end can be dialled at all. */
export const checkRemote = (remote: NetAddress.InetAddress, at: Endpoints): TcpError | undefined =>
  remote.port === 0
    ? refused(at, { kind: "InvalidInput", detail: "0 is not a destination port: use 1 to 65535" })
    : undefined

const isSelf = (socket: net.Socket, remote: NetAddress.InetAddress): boolean =>
  socket.localPort === remote.port && socket.localAddress === socket.remoteAddress

// The peer is who was dialled, except that the unspecified address stands for this machine.
const peerOf = (remote: NetAddress.InetAddress): NetAddress.InetAddress | undefined =>
  NetAddress.isUnspecified(remote.address) ? undefined : NetAddress.toCanonical(remote)

/** Runs one connect attempt to its end. The connection is owned by the scope; an interrupted attempt is destroyed. */
export const connect = (
  start: Start,
  binding: TcpConnection["binding"],
  options: Omit<DialOptions, "local">,
  at: Endpoints
): Effect.Effect<NodeTcpConnection, TcpError, Scope.Scope> => {
  const { remote } = options
  const limit = Duration.toMillis(Duration.fromInputUnsafe(options.timeout ?? DIAL_TIMEOUT))
  const attempt = Effect.callback<NodeTcpConnection, TcpError>((resume) => {
    let socket: net.Socket
    try {
      socket = start()
    } catch (cause) {
      return resume(Effect.fail(refused(at, { kind: kindOf(cause), cause })))
    }
    const onError = (cause: Error) => {
      clearTimeout(timer)
      resume(Effect.fail(refused(at, { kind: kindOf(cause), cause })))
    }
    const abandon = () => {
      clearTimeout(timer)
      // A socket that is destroyed while it connects may still report an error; nobody is left to hear it.
      socket.off("error", onError).on("error", () => {})
      socket.destroy()
    }
    // The kernel's own clock drives the handshake, so its limit is real time too, whatever `Clock` the program has.
    const timer = setTimeout(() => {
      abandon()
      resume(Effect.fail(refused(at, { kind: "TimedOut" })))
    }, limit)
    socket.once("error", onError)
    socket.once("connect", () => {
      clearTimeout(timer)
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

export const dial = (
  native: Option.Option<NativeCalls>,
  options: DialOptions
): Effect.Effect<TcpConnection, TcpError, Scope.Scope> =>
  Effect.suspend(() => {
    const { remote } = options
    const at: Endpoints = { remote, interface: options.local?.interface }
    const wrong = checkRemote(remote, at)
    if (wrong !== undefined) return Effect.fail(wrong)
    const local = options.local ?? {}
    // Link-local destinations name their interface by zone: the local address must not contradict it.
    const bound = Binding.bind(native, "tcp", local, NetAddress.familyOf(remote), {})
    if (Result.isFailure(bound)) return Effect.fail(refused(at, bound.failure))
    const { binding, fd } = bound.success
    const explicit = local.address !== undefined || local.port !== undefined || binding !== "none"
    return connect(
      () => {
        const shared = socketOptions(options)
        const to = { host: hostOf(remote), port: remote.port, ...shared }
        // `manualStart`: a socket adopted before it is connected must not be read yet.
        if (fd !== undefined)
          return new net.Socket({ fd, manualStart: true, ...shared } as net.SocketConstructorOpts).connect(to)
        return net.connect(
          explicit ? { ...to, localAddress: hostOf(bound.success.local), localPort: bound.success.local.port } : to
        )
      },
      binding,
      options,
      explicit ? { ...at, local: bound.success.local } : at
    )
  })
