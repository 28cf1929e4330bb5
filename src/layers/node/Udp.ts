/**
 * `Udp` on `node:dgram`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as dgram from "node:dgram"
import { type BindOptions, Udp, UdpError, UdpOpenError, type UdpSocket } from "../../services/Udp.ts"
import * as Binding from "./binding.ts"
import { codeOf, kindOf } from "./errno.ts"
import { endpointOf, hostOf, mappedHostOf } from "./nativeAddress.ts"
import type { NativeCalls } from "./native/NativeCalls.ts"
import { owned } from "./owned.ts"
import { NativeSockets } from "./NativeSockets.ts"
import { NodeUdpSocket } from "./udp/socket.ts"

/** Datagrams held for a slow reader. */
const QUEUE = 1024

const refused = (options: BindOptions, local: NetAddress.InetAddress | undefined, refusal: Binding.Refusal): UdpError =>
  new UdpError({
    reason: new UdpOpenError({
      op: "bind",
      local,
      remote: options.remote,
      interface: options.interface,
      ...refusal
    })
  })

// Every host given to dgram is numeric, so the name service is never asked and sends stay in one turn.
const numericLookup = (
  host: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void
) => callback(null, host, host.includes(":") ? 6 : 4)

const configure = (socket: dgram.Socket, options: BindOptions, bound: Binding.Bound) => {
  if (options.broadcast === true) socket.setBroadcast(true)
  if (options.ttl !== undefined) socket.setTTL(options.ttl)
  const multicast = options.multicast
  const on = bound.binding === "none" ? undefined : hostOf(bound.local)
  if (on !== undefined && multicast !== undefined) socket.setMulticastInterface(on)
  if (multicast?.ttl !== undefined) socket.setMulticastTTL(multicast.ttl)
  if (multicast?.loopback !== undefined) socket.setMulticastLoopback(multicast.loopback)
  for (const group of multicast?.groups ?? []) socket.addMembership(NetAddress.formatIp(group), on)
}

const bindOn = (
  native: Option.Option<NativeCalls>,
  family: NetAddress.IpFamily,
  options: BindOptions
): Effect.Effect<UdpSocket, UdpError, Scope.Scope> =>
  Effect.suspend(() => {
    const resolved = Binding.bind(native, "udp", options, family, {
      reuse: options.reuse,
      ipv6Only: options.ipv6Only
    })
    if (Result.isFailure(resolved)) return Effect.fail(refused(options, undefined, resolved.failure))
    const bound = resolved.success
    const { binding, fd, local } = bound
    const { remote } = options
    if (remote !== undefined && remote.port === 0) {
      if (fd !== undefined) Option.getOrThrow(native).close(fd)
      return Effect.fail(refused(options, local, { kind: "InvalidInput", detail: "0 is not a destination port" }))
    }
    return owned(
      Effect.callback<NodeUdpSocket, UdpError>((resume) => {
        const fail = (cause: unknown) => {
          close()
          resume(Effect.fail(refused(options, local, { kind: kindOf(cause), cause })))
        }
        const socket = dgram.createSocket({
          type: family === "IPv4" ? "udp4" : "udp6",
          reuseAddr: options.reuse ?? false,
          ipv6Only: family === "IPv6" && options.ipv6Only === true,
          lookup: numericLookup as never
        })
        let open = true
        const close = () => {
          if (!open) return
          open = false
          socket.close()
        }
        const ready = () => {
          socket.off("error", fail)
          // A connect that is under way is told to be done when the socket is closed.
          if (open) resume(Effect.succeed(new NodeUdpSocket(socket, { binding, remote, queue: options.queue ?? QUEUE })))
        }
        socket.once("error", fail)
        socket.once("listening", () => {
          try {
            configure(socket, options, bound)
          } catch (cause) {
            return fail(cause)
          }
          if (remote === undefined) return ready()
          socket.connect(remote.port, family === "IPv6" ? mappedHostOf(remote) : hostOf(remote), (cause?: Error) =>
            cause === undefined || cause === null ? ready() : fail(cause)
          )
        })
        socket.bind(fd === undefined ? { address: hostOf(local), port: local.port, exclusive: true } : { fd })
        return Effect.sync(close)
      }),
      (socket) => socket.close
    )
  })

const lacksIpv6 = (error: UdpError): boolean => ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(codeOf(error.reason.cause))

const bind = (
  native: Option.Option<NativeCalls>,
  options: BindOptions
): Effect.Effect<UdpSocket, UdpError, Scope.Scope> => {
  if (options.address !== undefined || options.remote !== undefined) {
    const family = NetAddress.familyOf(options.remote ?? options.address!)
    return bindOn(native, family, options)
  }
  return Effect.catchIf(bindOn(native, "IPv6", options), lacksIpv6, () => bindOn(native, "IPv4", options))
}

export const make: Effect.Effect<Udp["Service"]> = Effect.map(NativeSockets, (native) =>
  Udp.of({ bind: (options) => bind(native, options ?? {}) })
)

export const layer: Layer.Layer<Udp> = Layer.effect(Udp, make)

const peerOf = (socket: dgram.Socket): NetAddress.InetAddress | undefined => {
  try {
    const { address, port } = socket.remoteAddress()
    return endpointOf(address, port)
  } catch {
    // Node has no other way to say that a socket is not connected.
    return undefined
  }
}

/** A bound `dgram.Socket` opened elsewhere, connected or not, owned by the scope from then on. */
export const fromSocket = (
  socket: dgram.Socket,
  options: Pick<BindOptions, "queue"> = {}
): Effect.Effect<UdpSocket, UdpError, Scope.Scope> =>
  owned(
    Effect.try({
      try: () =>
        new NodeUdpSocket(socket, { binding: "none", remote: peerOf(socket), queue: options.queue ?? QUEUE }),
      catch: (cause) => {
        const detail = "the socket is not bound: wait for its `listening` event"
        return new UdpError({ reason: new UdpOpenError({ op: "adopt", kind: "InvalidInput", detail, cause }) })
      }
    }),
    (socket) => socket.close
  )
