/**
 * Dialling from a simulated host.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { familyOf } from "../../../protocols/packet/Ip.ts"
import * as Open from "../../../protocols/tcp/open.ts"
import type { Options } from "../../../protocols/tcp/Tcb.ts"
import {
  type ConnectionOptions,
  type DialOptions,
  type InterfaceBinding,
  type TcpConnection,
  TcpError,
  TcpOpenError
} from "../../../services/Tcp.ts"
import { ipOf, isLoopback, isUnspecified, loopback4, loopback6, scopeOf } from "./addresses.ts"
import * as Binding from "./binding.ts"
import { kindOf, SimulatedError } from "./errno.ts"
import type { Host } from "./Host.ts"
import type { KernelSocket } from "./KernelSocket.ts"
import type { Claim } from "./PortTable.ts"
import { SimulatedConnection } from "./SimulatedConnection.ts"
import type { Held } from "./TcpStack.ts"
import type { Way } from "./Way.ts"

/** Long enough for three SYNs, short enough for a person. */
export const DIAL_TIMEOUT = Duration.seconds(10)

/** What both ends of a connection understand. */
export const optionsOf = (options: ConnectionOptions): Options => ({
  noDelay: options.noDelay,
  keepAlive:
    options.keepAlive === undefined || options.keepAlive === false
      ? undefined
      : Duration.toMillis(Duration.fromInputUnsafe(options.keepAlive))
})

export type At = Pick<TcpOpenError, "remote" | "local" | "interface">

/** The local end of a dial, bound. */
export interface Bound {
  readonly claim: Claim
  readonly binding: InterfaceBinding
}

export const refused = (at: At, refusal: Binding.Refusal): TcpError =>
  new TcpError({ reason: new TcpOpenError({ op: "dial", ...at, ...refusal }) })

/** Checks that the remote end can be dialled at all. */
export const checkRemote = (remote: NetAddress.InetAddress, at: At): TcpError | undefined =>
  remote.port === 0
    ? refused(at, { kind: "InvalidInput", detail: "0 is not a destination port: use 1 to 65535" })
    : undefined

/** Begins the handshake: what the system calls `bind` and `connect` do. */
const start = (
  host: Host,
  options: Omit<DialOptions, "local">,
  bind: (way: Way | undefined) => Result.Result<Bound, Binding.Refusal>
): Result.Result<{ readonly socket: KernelSocket; readonly binding: InterfaceBinding }, Binding.Refusal> => {
  const named = ipOf(options.remote.address)
  // Linux takes the unspecified address for its own.
  const remote = isUnspecified(named) ? (familyOf(named) === 4 ? loopback4 : loopback6) : named
  const scopeId = scopeOf(options.remote)
  const anyWay = host.wayTo(remote, undefined, scopeId)
  const bound = bind(anyWay)
  if (Result.isFailure(bound)) return Result.fail(bound.failure)
  const { binding, claim } = bound.success
  const fail = (code: Parameters<typeof Binding.failed>[1]) => {
    host.tcp.ports.release(claim)
    return Result.fail(Binding.failed("connect", code))
  }
  const way = claim.device === undefined ? anyWay : host.wayTo(remote, claim.device, scopeId)
  if (way === undefined) return fail("ENETUNREACH")
  const local = claim.address ?? way.source
  if (way.device !== "lo" && isLoopback(local)) return fail("EINVAL")
  const endpoints = { local, localPort: claim.port, remote, remotePort: options.remote.port }
  const socket = host.tcp.connect(endpoints, optionsOf(options), claim, way.device)
  return socket === undefined ? fail("EADDRNOTAVAIL") : Result.succeed({ socket, binding })
}

/** Runs one attempt to its end. The connection is owned by the scope; an interrupted attempt leaves nothing. */
export const dial = (
  host: Host,
  options: Omit<DialOptions, "local">,
  at: At,
  bind: (way: Way | undefined) => Result.Result<Bound, Binding.Refusal>
): Effect.Effect<TcpConnection, TcpError, Scope.Scope> => {
  const wrong = checkRemote(options.remote, at)
  if (wrong !== undefined) return Effect.fail(wrong)
  const limit = Duration.toMillis(Duration.fromInputUnsafe(options.timeout ?? DIAL_TIMEOUT))
  const attempt = Effect.callback<SimulatedConnection, TcpError>((resume) => {
    const started = start(host, options, bind)
    if (Result.isFailure(started)) return resume(Effect.fail(refused(at, started.failure)))
    const { binding, socket } = started.success
    const { held } = host.tcp
    const pending: Held = { waitsFor: () => `an answer from ${NetAddress.formatInet(options.remote)}` }
    held.add(pending)
    const settled = () => {
      held.delete(pending)
      timer.dead = true
    }
    const abandon = () => {
      settled()
      socket.owner = undefined
      if (!socket.tcb.synchronized) return socket.drop()
      Open.close(socket.tcb, socket.now)
      socket.touched()
    }
    const timer = host.air.timeline.call(limit, () => {
      abandon()
      resume(Effect.fail(refused(at, { kind: "TimedOut" })))
    })
    socket.owner = () => {
      const { tcb } = socket
      if (tcb.failure !== undefined) {
        socket.owner = undefined
        settled()
        const cause = new SimulatedError({ syscall: "connect", code: tcb.failure })
        return resume(Effect.fail(refused(at, { kind: kindOf(tcb.failure), cause })))
      }
      if (!tcb.connected) return
      settled()
      const connection = new SimulatedConnection(socket, binding)
      if (!Equal.equals(connection.local, connection.remote)) return resume(Effect.succeed(connection))
      const detail = "the dial met itself: nobody else is on that port"
      resume(Effect.andThen(connection.close, Effect.fail(refused(at, { kind: "Refused", detail }))))
    }
    return Effect.sync(abandon)
  })
  return Effect.acquireRelease(attempt, (connection) => connection.close, { interruptible: true })
}
