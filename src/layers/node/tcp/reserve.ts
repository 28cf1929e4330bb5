/**
 * Holding a TCP port for several dials and a listener.
 *
 * With `net.BoundSocket`, one bound socket holds the port for the whole scope and each user gets another that shares it
 * (SO_REUSEPORT). Without, a socket that is bound but neither connected nor listening does not exist in Node: the port
 * is chosen by a listener that closes at once, and is free to others until the first dial takes it.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import type { LocalOptions, TcpError, TcpReservation } from "../../../services/Tcp.ts"
import * as Binding from "../binding.ts"
import { kindOf } from "../errno.ts"
import { endpointOf, hostOf } from "../nativeAddress.ts"
import type { NativeCalls } from "../native/NativeCalls.ts"
import * as Dial from "./dial.ts"
import * as Listen from "./listen.ts"

interface BoundSocket {
  address(): { address: string; port: number }
  close(): void
}
type BoundSocketConstructor = new (options: { host: string; port: number; reusePort: boolean }) => BoundSocket

const boundSocket = (net as { BoundSocket?: BoundSocketConstructor }).BoundSocket

/** Whether this runtime can share a bound socket: the constructor exists and the platform takes `reusePort`. */
export const canShare: boolean = boundSocket !== undefined && process.platform === "linux"

// How a reservation makes its sockets: each adopts something that is bound to the port already, or binds by itself.
interface Port {
  readonly local: NetAddress.InetAddress
  readonly dial: (to: net.TcpNetConnectOpts) => net.Socket
  readonly listen: (server: net.Server, backlog: number) => void
  readonly release: () => void
}

const sharedPort = (wanted: NetAddress.InetAddress): Port => {
  const host = hostOf(wanted)
  const holder = new boundSocket!({ host, port: wanted.port, reusePort: true })
  const { port } = holder.address()
  const another = () => new boundSocket!({ host, port, reusePort: true })
  return {
    local: endpointOf(host, port),
    dial: (to) => new net.Socket({ handle: another(), ...to } as net.SocketConstructorOpts).connect(to),
    listen: (server, backlog) => server.listen(another(), backlog),
    release: () => holder.close()
  }
}

// With native sockets the port can be held, and tied to a device, by descriptors that share it.
const nativePort = (native: NativeCalls, fd: number, wanted: NetAddress.InetAddress, device: string): Port => {
  // The holder is never adopted, so only the kernel knows which port it gave: adopt one to ask, keep the other.
  const probe = new net.Socket({ fd, manualStart: true } as net.SocketConstructorOpts)
  const local = NetAddress.inetAddressUnsafe(wanted.address, probe.localPort ?? wanted.port)
  const another = () =>
    Result.getOrThrow(native.open({ transport: "tcp", address: local, interface: device, reuse: true }))
  return {
    local,
    dial: (to) => new net.Socket({ fd: another(), manualStart: true, ...to } as net.SocketConstructorOpts).connect(to),
    listen: (server, backlog) => server.listen({ fd: another(), backlog }),
    release: () => probe.destroy()
  }
}

const rememberedPort = (wanted: NetAddress.InetAddress): Effect.Effect<Port, unknown> =>
  Effect.callback<Port, unknown>((resume) => {
    const host = hostOf(wanted)
    const server = net.createServer()
    server.once("error", (cause) => resume(Effect.fail(cause)))
    server.listen({ host, port: wanted.port, exclusive: true }, () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() =>
        resume(
          Effect.succeed({
            local: endpointOf(host, port),
            dial: (to) => net.connect({ ...to, localAddress: host, localPort: port }),
            listen: (server, backlog) => server.listen({ host, port, backlog, exclusive: true }),
            release: () => {}
          })
        )
      )
    })
    return Effect.sync(() => {
      server.close()
    })
  })

export const reserve = (
  native: Option.Option<NativeCalls>,
  options: LocalOptions & { readonly address: NetAddress.IpAddress },
  mayShare: boolean
): Effect.Effect<TcpReservation, TcpError, Scope.Scope> =>
  Effect.gen(function* () {
    const family = NetAddress.familyOf(options.address)
    const at = { interface: options.interface }
    const bound = yield* Effect.mapError(
      Effect.fromResult(Binding.bind(native, "tcp", options, family, { reuse: true })),
      (refusal) => Listen.refused("reserve", at, refusal)
    )
    const { binding, fd, local: wanted } = bound
    const share = mayShare && canShare
    const port = yield* Effect.acquireRelease(
      (fd !== undefined
        ? Effect.try({
            try: () => nativePort(Option.getOrThrow(native), fd, wanted, options.interface!),
            catch: (cause) => cause
          })
        : share
          ? Effect.try({ try: () => sharedPort(wanted), catch: (cause) => cause })
          : rememberedPort(wanted)
      ).pipe(
        Effect.mapError((cause) => Listen.refused("reserve", { ...at, local: wanted }, { kind: kindOf(cause), cause }))
      ),
      (port) => Effect.sync(port.release)
    )
    const { local } = port
    return {
      local,
      binding,
      listenFirst: share || fd !== undefined,
      dial: (dial) =>
        Effect.suspend(() => {
          const endpoints = { local, remote: dial.remote, interface: options.interface }
          const wrong = Dial.checkRemote(dial.remote, endpoints)
          if (wrong !== undefined) return Effect.fail(wrong)
          const start = () =>
            port.dial({ host: hostOf(dial.remote), port: dial.remote.port, ...Dial.socketOptions(dial) })
          return Dial.connect(start, binding, dial, endpoints)
        }),
      listen: (listen = {}) => Listen.open(port.listen, binding, listen, { local, interface: options.interface })
    }
  })
