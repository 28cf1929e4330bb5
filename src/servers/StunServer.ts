/**
 * A STUN server (RFC 8489, 5389 and 3489) over UDP and TCP; with two addresses, one for NAT behaviour discovery (RFC 5780), and
 * on request one that dials back over TCP.
 *
 *     const server = yield* StunServer.serve({ address, alternate: { address: other }, probeBack: true })
 *
 * It runs on any network `Tcp` and `Udp` describe. What it answers is decided in `protocols/stun/server/decide.ts`; how large
 * answers are, for whoever did not ask, in `budget.ts` there; how many, by `Limits`. It stores nothing about anybody but the
 * time at which a source's allowance is full again.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { definitions } from "../protocols/stun/Attribute.ts"
import { type Corner, endpointOf, type Layout } from "../protocols/stun/server/layout.ts"
import { Tcp, type TcpError } from "../services/Tcp.ts"
import type { Udp, UdpError } from "../services/Udp.ts"
import { defaultLimits, type Limits, make as makeDesk, type Statistics } from "./stun/Desk.ts"
import * as Sockets from "./stun/sockets.ts"
import { InvalidOptions, SocketFailed, StunServerError } from "./stun/StunServerError.ts"
import { serveTcp } from "./stun/tcp.ts"
import { serveUdp } from "./stun/udp.ts"

export type { Limits, Statistics } from "./stun/Desk.ts"
export { InvalidOptions, SocketFailed, StunServerError } from "./stun/StunServerError.ts"

/** RFC 8489 section 18.6. */
export const PORT = 3478

export interface Options {
  /** One address of this machine. An unspecified one will do for a server without `alternate` and `probeBack`. */
  readonly address: NetAddress.IpAddress
  /** Default 3478; 0 lets the system choose. */
  readonly port?: number | undefined
  /** The other address, of the same family, and the other port: default one above `port`, or 0 with 0. */
  readonly alternate?: { readonly address: NetAddress.IpAddress; readonly port?: number | undefined } | undefined
  /** Dial back over TCP when asked. Default false. */
  readonly probeBack?: boolean | undefined
  /** What the server calls itself, fewer than 128 characters. Default `effect-p2p`. */
  readonly software?: string | undefined
  readonly limits?: Partial<Limits> | undefined
}

export interface StunServer {
  /** Where clients are to ask, over UDP and TCP. */
  readonly endpoint: NetAddress.InetAddress
  /** The other address and port; absent on a server with one address. */
  readonly other: NetAddress.InetAddress | undefined
  /** All that are open, each over UDP and TCP. */
  readonly endpoints: ReadonlyArray<NetAddress.InetAddress>
  readonly statistics: () => Statistics
  /** Waits, and fails when a socket breaks: the server is no longer what it says it is. */
  readonly failed: Effect.Effect<never, StunServerError>
}

/** Answers until the scope closes. */
export const serve = Effect.fn("StunServer.serve")(function* (
  options: Options
): Effect.fn.Return<StunServer, StunServerError, Tcp | Udp | Scope.Scope> {
  const wanted = layoutOf(options)
  if (Result.isFailure(wanted)) {
    return yield* new StunServerError({ reason: new InvalidOptions({ op: "serve", detail: wanted.failure }) })
  }
  const { probeBack = false, software = "effect-p2p" } = options
  const limits = { ...defaultLimits, ...options.limits }
  const tcp = yield* Tcp
  const { layout, places } = yield* Sockets.open(wanted.success)
  const desk = yield* makeDesk({ layout, probeBack, software }, limits)
  const socketAt = (corner: Corner) =>
    places.find(({ at }) => at.address === corner.address && at.port === corner.port)!.udp
  const failed = yield* Deferred.make<never, StunServerError>()
  for (const { at, tcp: listener } of places) {
    const endpoint = endpointOf(layout, at)
    const watched = (
      op: "receive" | "accept",
      transport: "udp" | "tcp",
      loop: Effect.Effect<void, UdpError | TcpError>
    ) =>
      Effect.catch(loop, (error) =>
        Deferred.fail(failed, new StunServerError({ reason: new SocketFailed({ op, transport, endpoint, error }) }))
      )
    yield* Effect.forkScoped(watched("receive", "udp", serveUdp(desk, at, socketAt)))
    yield* Effect.forkScoped(watched("accept", "tcp", serveTcp(desk, tcp, at, listener)))
  }
  const endpoints = places.map(({ at }) => endpointOf(layout, at))
  return {
    endpoint: endpoints[0]!,
    other: layout.alternate === undefined ? undefined : endpoints.at(-1),
    endpoints,
    statistics: () => desk.statistics(),
    failed: Deferred.await(failed)
  }
})

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535

/** The sockets that are wanted, or why they make no server. */
const layoutOf = (options: Options): Result.Result<Layout, string> => {
  const { address, alternate, port = PORT, probeBack = false, software = "" } = options
  if (typeof definitions.Software.codec.size(software) !== "number") {
    return Result.fail(`a name of ${software.length} characters: fewer than 128 in SOFTWARE`)
  }
  const other = alternate?.port ?? (port === 0 ? 0 : port + 1)
  for (const each of [port, other]) {
    if (!isPort(each)) return Result.fail(`${each} is not a port: use 0 (any) to 65535`)
  }
  if (NetAddress.isUnspecified(address) && (alternate !== undefined || probeBack)) {
    return Result.fail(`${NetAddress.formatIp(address)} is no address to answer from: name one of this machine's`)
  }
  if (alternate === undefined) return Result.succeed({ address, port, alternate: undefined })
  const named = NetAddress.formatIp(alternate.address)
  if (NetAddress.isUnspecified(alternate.address)) return Result.fail(`${named} is no other address`)
  if (NetAddress.familyOf(alternate.address) !== NetAddress.familyOf(address)) {
    return Result.fail(`the other address ${named} is of another family than ${NetAddress.formatIp(address)}`)
  }
  if (Equal.equals(alternate.address, address)) return Result.fail(`the other address is ${named} as well`)
  if (other === port && port !== 0) return Result.fail(`the other port is ${port} as well`)
  return Result.succeed({ address, port, alternate: { address: alternate.address, port: other } })
}
