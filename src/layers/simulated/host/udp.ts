/**
 * `Udp` of a simulated host.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { type BindOptions, Udp, UdpError, UdpOpenError, type UdpSocket } from "../../../services/Udp.ts"
import { ipOf } from "./addresses.ts"
import * as Binding from "./binding.ts"
import type { Host } from "./Host.ts"
import { isTtl, SimulatedUdpSocket, sourceFor } from "./SimulatedUdpSocket.ts"

/** Datagrams held for a slow reader. */
const QUEUE = 1024

const refused = (
  options: BindOptions,
  local: NetAddress.InetAddress | undefined,
  refusal: Binding.Refusal
): Effect.Effect<never, UdpError> =>
  Effect.fail(
    new UdpError({
      reason: new UdpOpenError({ op: "bind", local, remote: options.remote, interface: options.interface, ...refusal })
    })
  )

const open = (host: Host, options: BindOptions): Effect.Effect<SimulatedUdpSocket, UdpError> => {
  const { remote } = options
  const named = remote ?? options.address
  const family = named === undefined ? "IPv6" : NetAddress.familyOf(named)
  // An IPv6 socket that is asked for by its peer alone is not one for both families.
  const resolved =
    remote === undefined
      ? Binding.resolveEither(host, options, family, options.ipv6Only !== true)
      : Binding.resolve(host, options, family, false)
  if (Result.isFailure(resolved)) return refused(options, undefined, resolved.failure)
  const local = resolved.success
  const shown = Binding.shown(host, local, local.port)
  if (remote !== undefined && remote.port === 0) {
    return refused(options, shown, { kind: "InvalidInput", detail: "0 is not a destination port" })
  }
  for (const hops of [options.ttl, options.multicast?.ttl]) {
    if (hops !== undefined && !isTtl(hops)) return refused(options, shown, Binding.failed("setsockopt", "EINVAL"))
  }
  if (!Binding.isBindable(host, local)) return refused(options, shown, Binding.failed("bind", "EADDRNOTAVAIL"))
  const source = remote === undefined ? undefined : sourceFor(host, remote, local)
  if (remote !== undefined && source === undefined) {
    return refused(options, shown, Binding.failed("connect", "ENETUNREACH"))
  }
  const claim = host.udp.ports.claim({
    address: local.address,
    family: local.family,
    port: local.port,
    device: local.device,
    reuse: options.reuse ?? false,
    share: options.reuse ?? false
  })
  if (claim === undefined) return refused(options, shown, Binding.failed("bind", "EADDRINUSE"))
  const bound =
    source === undefined || local.address !== undefined
      ? local
      : { ...local, address: ipOf(source), family: local.family }
  const socket = new SimulatedUdpSocket(host, {
    claim,
    local: Binding.shown(host, bound, claim.port),
    remote,
    binding: local.binding,
    queue: options.queue ?? QUEUE,
    broadcast: options.broadcast ?? false,
    ttl: options.ttl,
    multicastTtl: options.multicast?.ttl ?? 1,
    multicastLoopback: options.multicast?.loopback ?? true
  })
  host.udp.open(socket)
  return Effect.succeed(socket)
}

const bind = (host: Host, options: BindOptions): Effect.Effect<UdpSocket, UdpError, Scope.Scope> => {
  const opened = Effect.acquireRelease(
    Effect.suspend(() => open(host, options)),
    (socket) => socket.close
  )
  const groups = options.multicast?.groups ?? []
  if (groups.length === 0) return opened
  return Effect.tap(opened, (socket) => Effect.forEach(groups, (group) => socket.join(group), { discard: true }))
}

export const make = (host: Host): Udp["Service"] => Udp.of({ bind: (options = {}) => bind(host, options) })
