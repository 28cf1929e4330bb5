/**
 * Opening a `net.Server`.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import {
  type InterfaceBinding,
  type ListenOptions,
  TcpError,
  type TcpListener,
  TcpOpenError
} from "../../../services/Tcp.ts"
import * as Binding from "../binding.ts"
import { kindOf } from "../errno.ts"
import { hostOf } from "../nativeAddress.ts"
import { owned } from "../owned.ts"
import type { NativeCalls } from "../native/NativeCalls.ts"
import { socketOptions } from "./dial.ts"
import { NodeTcpListener } from "./listener.ts"

/** Node's own default. */
const BACKLOG = 511

/** More than any one process should hold by accident; below the usual limit of open files on servers. */
const MAX_CONNECTIONS = 65_536

type Endpoints = Pick<TcpOpenError, "local" | "interface">

export const refused = (op: "listen" | "reserve", at: Endpoints, refusal: Binding.Refusal): TcpError =>
  new TcpError({ reason: new TcpOpenError({ op, ...at, ...refusal }) })

/** What a server listens on. */
export interface Begun {
  readonly binding: InterfaceBinding
  readonly local: NetAddress.InetAddress
}

/** Binds and makes the server listen, in one turn, so that an interruption finds nothing half done. Throws what Node throws. */
export type Begin = (server: net.Server, backlog: number) => Result.Result<Begun, Binding.Refusal>

/** Opens a server by whatever `begin` makes it listen on, owned by the scope. */
export const open = (
  begin: Begin,
  options: Pick<ListenOptions, "backlog" | "maxConnections" | "noDelay" | "keepAlive">,
  asked: Endpoints
): Effect.Effect<NodeTcpListener, TcpError, Scope.Scope> =>
  owned(
    Effect.callback<NodeTcpListener, TcpError>((resume) => {
      const server = net.createServer(socketOptions(options))
      server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS
      const fail = (at: Endpoints, refusal: Binding.Refusal) => resume(Effect.fail(refused("listen", at, refusal)))
      let begun: ReturnType<Begin>
      try {
        begun = begin(server, options.backlog ?? BACKLOG)
      } catch (cause) {
        server.close()
        return fail(asked, { kind: kindOf(cause), cause })
      }
      if (Result.isFailure(begun)) return fail(asked, begun.failure)
      const { binding, local } = begun.success
      const onError = (cause: Error) => fail({ ...asked, local }, { kind: kindOf(cause), cause })
      server.once("error", onError)
      server.once("listening", () => {
        server.off("error", onError)
        resume(Effect.succeed(new NodeTcpListener(server, binding)))
      })
      return Effect.sync(() => {
        server.close()
      })
    }),
    (listener) => listener.close
  )

const listenOn = (
  native: Option.Option<NativeCalls>,
  family: NetAddress.IpFamily | undefined,
  options: ListenOptions
): Effect.Effect<TcpListener, TcpError, Scope.Scope> => {
  const { interface: device, ipv6Only = false } = options
  const begin: Begin = (server, backlog) => {
    const bound =
      family === undefined && device !== undefined
        ? Binding.bindAny(native, "tcp", { port: options.port, interface: device }, family, { ipv6Only })
        : Binding.bind(native, "tcp", options, family ?? "IPv6", { ipv6Only })
    return Result.map(bound, ({ binding, fd, local }) => {
      if (fd !== undefined) Binding.adopting(native, fd, (fd) => server.listen({ fd, backlog }))
      else server.listen({ host: hostOf(local), port: local.port, backlog, ipv6Only, exclusive: true })
      return { binding, local }
    })
  }
  return open(begin, options, { interface: device })
}

export const listen = (
  native: Option.Option<NativeCalls>,
  options: ListenOptions
): Effect.Effect<TcpListener, TcpError, Scope.Scope> => {
  if (options.address !== undefined) return listenOn(native, NetAddress.familyOf(options.address), options)
  if (options.interface !== undefined) return listenOn(native, undefined, options)
  return Effect.catchIf(
    listenOn(native, "IPv6", options),
    (error) => Binding.lacksFamily(error.reason.cause),
    () => listenOn(native, "IPv4", options)
  )
}
