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
import { codeOf, kindOf } from "../errno.ts"
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

/** Opens a server by whatever `begin` makes it listen on, owned by the scope. */
export const open = (
  begin: (server: net.Server, backlog: number) => void,
  binding: InterfaceBinding,
  options: ListenOptions,
  at: Endpoints
): Effect.Effect<TcpListener, TcpError, Scope.Scope> =>
  owned(
    Effect.callback<NodeTcpListener, TcpError>((resume) => {
      const server = net.createServer(socketOptions(options))
      server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS
      const onError = (cause: Error) => resume(Effect.fail(refused("listen", at, { kind: kindOf(cause), cause })))
      server.once("error", onError)
      server.once("listening", () => {
        server.off("error", onError)
        resume(Effect.succeed(new NodeTcpListener(server, binding)))
      })
      try {
        begin(server, options.backlog ?? BACKLOG)
      } catch (cause) {
        server.close()
        return resume(Effect.fail(refused("listen", at, { kind: kindOf(cause), cause })))
      }
      return Effect.sync(() => {
        server.close()
      })
    }),
    (listener) => listener.close
  )

const listenOn = (
  native: Option.Option<NativeCalls>,
  family: NetAddress.IpFamily,
  options: ListenOptions
): Effect.Effect<TcpListener, TcpError, Scope.Scope> =>
  Effect.suspend(() => {
    const bound = Binding.bind(native, "tcp", options, family, { ipv6Only: options.ipv6Only })
    if (Result.isFailure(bound)) return Effect.fail(refused("listen", { interface: options.interface }, bound.failure))
    const { binding, fd, local } = bound.success
    return open(
      (server, backlog) =>
        fd === undefined
          ? server.listen({
              host: hostOf(local),
              port: local.port,
              backlog,
              ipv6Only: options.ipv6Only ?? false,
              exclusive: true
            })
          : server.listen({ fd, backlog }),
      binding,
      options,
      { local, interface: options.interface }
    )
  })

// A machine without IPv6 refuses the unspecified IPv6 address in one of these ways.
const lacksIpv6 = (error: TcpError): boolean => ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(codeOf(error.reason.cause))

export const listen = (
  native: Option.Option<NativeCalls>,
  options: ListenOptions
): Effect.Effect<TcpListener, TcpError, Scope.Scope> => {
  if (options.address !== undefined) return listenOn(native, NetAddress.familyOf(options.address), options)
  return Effect.catchIf(listenOn(native, "IPv6", options), lacksIpv6, () => listenOn(native, "IPv4", options))
}
