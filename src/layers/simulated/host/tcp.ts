/**
 * `Tcp` of a simulated host.
 */
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import { familyOf as familyOfAddress } from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { familyOf } from "../../../protocols/packet/Ip.ts"
import {
  type DialOptions,
  type ListenOptions,
  type LocalOptions,
  Tcp,
  TcpError,
  type TcpListener,
  TcpOpenError,
  type TcpReservation
} from "../../../services/Tcp.ts"
import * as Binding from "./binding.ts"
import * as Dial from "./dial.ts"
import type { Host } from "./Host.ts"
import type { Claim } from "./PortTable.ts"
import { SimulatedListener } from "./SimulatedListener.ts"

/** Node's own default. */
const BACKLOG = 511

const MAX_CONNECTIONS = 65_536

type At = Pick<TcpOpenError, "local" | "interface">

const refused = (op: "listen" | "reserve", at: At, refusal: Binding.Refusal): Effect.Effect<never, TcpError> =>
  Effect.fail(new TcpError({ reason: new TcpOpenError({ op, ...at, ...refusal }) }))

interface Sharing {
  readonly reuse: boolean
  readonly share: boolean
}

// Node sets SO_REUSEADDR on every explicit bind, and SO_REUSEPORT on what a reservation shares.
const explicit: Sharing = { reuse: true, share: false }
const reserved: Sharing = { reuse: true, share: true }

/** Takes the port of a local end, or says why not. */
const claim = (host: Host, local: Binding.Local, sharing: Sharing): Result.Result<Claim, Binding.Refusal> => {
  if (!Binding.isBindable(host, local)) return Result.fail(Binding.failed("bind", "EADDRNOTAVAIL"))
  const { address, device, family, port } = local
  const taken = host.tcp.ports.claim({ address, device, family, port, ...sharing })
  return taken === undefined ? Result.fail(Binding.failed("bind", "EADDRINUSE")) : Result.succeed(taken)
}

const openListener = (
  host: Host,
  local: Binding.Local,
  sharing: Sharing,
  options: ListenOptions,
  at: At
): Effect.Effect<SimulatedListener, TcpError> => {
  const claimed = claim(host, local, sharing)
  if (Result.isFailure(claimed)) return refused("listen", at, claimed.failure)
  const { ports } = host.tcp
  if (!ports.listen(claimed.success)) {
    ports.release(claimed.success)
    return refused("listen", at, Binding.failed("listen", "EADDRINUSE"))
  }
  return Effect.succeed(
    new SimulatedListener(host.tcp, {
      claim: claimed.success,
      local: Binding.shown(host, local, claimed.success.port),
      binding: local.binding,
      backlog: options.backlog ?? BACKLOG,
      maxConnections: options.maxConnections ?? MAX_CONNECTIONS,
      options: Dial.optionsOf(options)
    })
  )
}

const owned = (
  open: () => Effect.Effect<SimulatedListener, TcpError>
): Effect.Effect<TcpListener, TcpError, Scope.Scope> =>
  Effect.acquireRelease(Effect.suspend(open), (listener) => listener.close)

const listen = (host: Host, options: ListenOptions): Effect.Effect<TcpListener, TcpError, Scope.Scope> =>
  owned(() => {
    const family = options.address === undefined ? "IPv6" : familyOfAddress(options.address)
    const resolved = Binding.resolveEither(host, options, family, options.ipv6Only !== true)
    const at = { interface: options.interface }
    if (Result.isFailure(resolved)) return refused("listen", at, resolved.failure)
    const local = resolved.success
    return openListener(host, local, explicit, options, { ...at, local: Binding.shown(host, local, local.port) })
  })

const reserve = (
  host: Host,
  options: LocalOptions & { readonly address: NetAddress.IpAddress }
): Effect.Effect<TcpReservation, TcpError, Scope.Scope> =>
  Effect.suspend(() => {
    const at = { interface: options.interface }
    const resolved = Binding.resolve(host, options, familyOfAddress(options.address), false)
    if (Result.isFailure(resolved)) return refused("reserve", at, resolved.failure)
    const wanted = resolved.success
    return Effect.map(
      Effect.acquireRelease(
        Effect.suspend(() => {
          const claimed = claim(host, wanted, reserved)
          if (Result.isSuccess(claimed)) {
            const holder = { waitsFor: () => undefined, claim: claimed.success }
            host.tcp.held.add(holder)
            return Effect.succeed(holder)
          }
          return refused("reserve", { ...at, local: Binding.shown(host, wanted, wanted.port) }, claimed.failure)
        }),
        (holder) =>
          Effect.sync(() => {
            host.tcp.held.delete(holder)
            host.tcp.ports.release(holder.claim)
          })
      ),
      ({ claim: held }): TcpReservation => {
        const local: Binding.Local = { ...wanted, port: held.port }
        const shown = Binding.shown(host, local, held.port)
        return {
          local: shown,
          binding: wanted.binding,
          listenFirst: true,
          dial: (dial) =>
            Dial.dial(host, dial, { local: shown, remote: dial.remote, interface: options.interface }, () =>
              Result.map(claim(host, local, reserved), (taken) => ({ claim: taken, binding: wanted.binding }))
            ),
          listen: (listening = {}) =>
            owned(() => openListener(host, local, reserved, listening, { local: shown, interface: options.interface }))
        }
      }
    )
  })

const dial = (host: Host, options: DialOptions): ReturnType<Tcp["Service"]["dial"]> =>
  Effect.suspend(() => {
    const { remote } = options
    const at: Dial.At = { remote, interface: options.local?.interface }
    const local = options.local ?? {}
    const wrong = Dial.checkRemote(remote, at)
    if (wrong !== undefined) return Effect.fail(wrong)
    const resolved = Binding.resolve(host, local, familyOfAddress(remote), false)
    if (Result.isFailure(resolved)) return Effect.fail(Dial.refused(at, resolved.failure))
    const bound = resolved.success
    if (local.address === undefined && local.port === undefined && bound.binding === "none") {
      return Dial.dial(host, options, at, (way) => {
        if (way === undefined) return Result.fail(Binding.failed("connect", "ENETUNREACH"))
        // The kernel gives a port of its own, which nobody can bind to meanwhile.
        const own = { ...bound, address: way.source, family: familyOf(way.source) }
        return Result.map(claim(host, own, { reuse: false, share: false }), (taken) => ({
          claim: taken,
          binding: bound.binding
        }))
      })
    }
    return Dial.dial(host, options, { ...at, local: Binding.shown(host, bound, bound.port) }, () =>
      Result.map(claim(host, bound, explicit), (taken) => ({ claim: taken, binding: bound.binding }))
    )
  })

export const make = (host: Host): Tcp["Service"] =>
  Tcp.of({
    dial: (options) => dial(host, options),
    listen: (options = {}) => listen(host, options),
    reserve: (options) => reserve(host, options)
  })
