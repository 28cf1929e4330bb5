/**
 * `Udp` on `node:dgram`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as dgram from "node:dgram"
import { type BindOptions, Udp, UdpError, UdpOpenError, type UdpSocket } from "../../services/Udp.ts"
import * as Binding from "./binding.ts"
import { kindOf } from "./errno.ts"
import { endpointOf, hostOf, mappedHostOf, multicastHost } from "./nativeAddress.ts"
import type { NativeCalls } from "./native/NativeCalls.ts"
import { owned } from "./owned.ts"
import { NativeSockets } from "./NativeSockets.ts"
import { isHops, NodeUdpSocket, notGroup } from "./udp/socket.ts"

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

/** What is wrong with the options, before anything is opened. */
const wrongOption = ({ interface: device, multicast, remote, ttl }: BindOptions): Binding.Refusal | undefined => {
  const invalid = (detail: string): Binding.Refusal => ({ kind: "InvalidInput", detail })
  if (ttl !== undefined && !isHops(ttl, 1)) return invalid(`\`ttl\` is ${ttl}: use 1 to 255`)
  const hops = multicast?.ttl
  if (hops !== undefined && !isHops(hops, 0)) return invalid(`\`multicast.ttl\` is ${hops}: use 0 to 255`)
  const group = multicast?.groups?.find((group) => !NetAddress.isMulticast(group))
  if (group !== undefined) return invalid(notGroup("multicast.groups", group))
  return remote === undefined ? undefined : Binding.checkRemote(remote, device)
}

// Node and the system say only that something was wrong: this says in setting which option.
const configure = (socket: dgram.Socket, v6: boolean, options: BindOptions): Binding.Refusal | undefined => {
  const { broadcast, interface: device, multicast, ttl } = options
  let option = ""
  try {
    option = "broadcast"
    if (broadcast === true) socket.setBroadcast(true)
    option = "ttl"
    if (ttl !== undefined) socket.setTTL(ttl)
    if (multicast === undefined) return undefined
    option = "interface"
    const on = device === undefined ? undefined : multicastHost(device, v6 ? "IPv6" : "IPv4")
    if (on !== undefined) socket.setMulticastInterface(on)
    option = "multicast.ttl"
    if (multicast.ttl !== undefined) socket.setMulticastTTL(multicast.ttl)
    option = "multicast.loopback"
    if (multicast.loopback !== undefined) socket.setMulticastLoopback(multicast.loopback)
    for (const group of multicast.groups ?? []) {
      option = `multicast.groups: ${NetAddress.formatIp(group)}`
      socket.addMembership(
        NetAddress.formatIp(group),
        device === undefined ? undefined : multicastHost(device, NetAddress.familyOf(group))
      )
    }
    return undefined
  } catch (cause) {
    return { kind: kindOf(cause), detail: `the system does not take the option \`${option}\``, cause }
  }
}

// A socket that hears whoever comes by an interface may be of either family: the end it was bound to says of which.
const bindOn = (
  native: Option.Option<NativeCalls>,
  family: NetAddress.IpFamily | undefined,
  options: BindOptions
): Effect.Effect<UdpSocket, UdpError, Scope.Scope> =>
  owned(
    Effect.callback<NodeUdpSocket, UdpError>((resume) => {
      const { address, interface: device, ipv6Only, port, remote, reuse } = options
      const wrong = wrongOption(options)
      if (wrong !== undefined) return resume(Effect.fail(refused(options, undefined, wrong)))
      const share = { reuse, ipv6Only }
      const any = remote === undefined && (address === undefined || NetAddress.isUnspecified(address))
      const resolved =
        any && device !== undefined
          ? Binding.bindAny(native, "udp", { port, interface: device }, family, share)
          : Binding.bind(native, "udp", options, family ?? "IPv6", share)
      if (Result.isFailure(resolved)) return resume(Effect.fail(refused(options, undefined, resolved.failure)))
      const { binding, fd, local } = resolved.success
      const v6 = NetAddress.isInetAddressV6(local)
      const create = () =>
        dgram.createSocket({
          type: v6 ? "udp6" : "udp4",
          reuseAddr: reuse ?? false,
          ipv6Only: v6 && ipv6Only === true,
          lookup: numericLookup as never
        })
      const socket = fd === undefined ? create() : Binding.adopting(native, fd, create)
      let open = true
      const close = () => {
        if (!open) return
        open = false
        socket.close()
      }
      const failed = (refusal: Binding.Refusal) => {
        close()
        resume(Effect.fail(refused(options, local, refusal)))
      }
      const fail = (cause: unknown) => failed({ kind: kindOf(cause), cause })
      const ready = () => {
        socket.off("error", fail)
        // A connect that is under way is told to be done when the socket is closed.
        if (!open) return
        const queue = options.queue ?? QUEUE
        resume(Effect.succeed(new NodeUdpSocket(socket, { binding, remote, interface: device, queue })))
      }
      socket.once("error", fail)
      socket.once("listening", () => {
        const wrong = configure(socket, v6, options)
        if (wrong !== undefined) return failed(wrong)
        if (remote === undefined) return ready()
        socket.connect(remote.port, v6 ? mappedHostOf(remote) : hostOf(remote), (cause?: Error) =>
          cause === undefined || cause === null ? ready() : fail(cause)
        )
      })
      try {
        if (fd === undefined) socket.bind({ address: hostOf(local), port: local.port, exclusive: true })
        else Binding.adopting(native, fd, (fd) => socket.bind({ fd }))
      } catch (cause) {
        return fail(cause)
      }
      return Effect.sync(close)
    }),
    (socket) => socket.close
  )

const bind = (
  native: Option.Option<NativeCalls>,
  options: BindOptions
): Effect.Effect<UdpSocket, UdpError, Scope.Scope> => {
  if (options.address !== undefined || options.remote !== undefined) {
    const family = NetAddress.familyOf(options.remote ?? options.address!)
    return bindOn(native, family, options)
  }
  if (options.interface !== undefined) return bindOn(native, undefined, options)
  return Effect.catchIf(
    bindOn(native, "IPv6", options),
    (error) => Binding.lacksFamily(error.reason.cause),
    () => bindOn(native, "IPv4", options)
  )
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
        new NodeUdpSocket(socket, {
          binding: "none",
          remote: peerOf(socket),
          interface: undefined,
          queue: options.queue ?? QUEUE
        }),
      catch: (cause) => {
        const detail = "the socket is not bound: wait for its `listening` event"
        return new UdpError({ reason: new UdpOpenError({ op: "adopt", kind: "InvalidInput", detail, cause }) })
      }
    }),
    (socket) => socket.close
  )
