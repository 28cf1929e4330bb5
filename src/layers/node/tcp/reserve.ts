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
import type { InterfaceBinding, LocalOptions, TcpError, TcpReservation } from "../../../services/Tcp.ts"
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
  readonly listen: (server: net.Server, backlog: number) => unknown
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
  const probe = Binding.adopting(
    Option.some(native),
    fd,
    (fd) => new net.Socket({ fd, manualStart: true } as net.SocketConstructorOpts)
  )
  const local = NetAddress.inetAddressUnsafe(wanted.address, probe.localPort ?? wanted.port)
  const another = () =>
    Result.getOrThrow(native.open({ transport: "tcp", address: local, interface: device, reuse: true }))
  return {
    local,
    dial: (to) => Dial.fromDescriptor(Option.some(native), another(), to),
    listen: (server, backlog) =>
      Binding.adopting(Option.some(native), another(), (fd) => server.listen({ fd, backlog })),
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

interface Held {
  readonly port: Port
  readonly binding: InterfaceBinding
  /** Whether the port was bound once for all, so that a listener and dials can share it in any order. */
  readonly shared: boolean
}

export const reserve = (
  native: Option.Option<NativeCalls>,
  options: LocalOptions & { readonly address: NetAddress.IpAddress },
  mayShare: boolean
): Effect.Effect<TcpReservation, TcpError, Scope.Scope> => {
  const at = { interface: options.interface }
  const hold = Effect.suspend((): Effect.Effect<Held, TcpError> => {
    const bound = Binding.bind(native, "tcp", options, NetAddress.familyOf(options.address), { reuse: true })
    if (Result.isFailure(bound)) return Effect.fail(Listen.refused("reserve", at, bound.failure))
    const { binding, fd, local: wanted } = bound.success
    const share = mayShare && canShare
    const attempt = (make: () => Port) => Effect.try({ try: make, catch: (cause) => cause })
    const port =
      fd !== undefined
        ? attempt(() => nativePort(Option.getOrThrow(native), fd, wanted, options.interface!))
        : share
          ? attempt(() => sharedPort(wanted))
          : rememberedPort(wanted)
    return Effect.mapBoth(port, {
      onFailure: (cause) => Listen.refused("reserve", { ...at, local: wanted }, { kind: kindOf(cause), cause }),
      onSuccess: (port) => ({ port, binding, shared: share || fd !== undefined })
    })
  })
  return Effect.map(
    // Not interruptible: binding and adopting must not be torn apart, and neither waits for anybody.
    Effect.acquireRelease(hold, ({ port }) => Effect.sync(port.release)),
    ({ binding, port, shared }): TcpReservation => {
      const { local } = port
      const endpoints = { local, interface: options.interface }
      return {
        local,
        binding,
        listenFirst: shared,
        dial: (dial) =>
          Effect.suspend(() => {
            const to = { host: hostOf(dial.remote), port: dial.remote.port, ...Dial.socketOptions(dial) }
            const start = () => Result.succeed({ socket: port.dial(to), binding, local })
            return Dial.connect(start, dial, { ...endpoints, remote: dial.remote })
          }),
        listen: (listen = {}) =>
          Listen.open(
            (server, backlog) => {
              port.listen(server, backlog)
              return Result.succeed({ binding, local })
            },
            listen,
            endpoints
          )
      }
    }
  )
}
