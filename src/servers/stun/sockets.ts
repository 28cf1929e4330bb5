/** Opens the sockets of a STUN server: a UDP socket and a TCP listener at each of its corners. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import { type Corner, corners, endpointOf, type Layout } from "../../protocols/stun/server/layout.ts"
import { Tcp, type TcpListener } from "../../services/Tcp.ts"
import { Udp, type UdpSocket } from "../../services/Udp.ts"
import { SocketFailed, StunServerError } from "./StunServerError.ts"

export interface Place {
  readonly at: Corner
  readonly udp: UdpSocket
  readonly tcp: TcpListener
}

export interface Opened {
  /** As wanted, with the ports the system chose. */
  readonly layout: Layout
  readonly places: ReadonlyArray<Place>
}

/** A port the system gives to one socket may be taken for the next. */
const TRIES = 16

/** All, or none. A port 0 is chosen by the system, the same for both addresses and transports. */
export const open = (wanted: Layout): Effect.Effect<Opened, StunServerError, Tcp | Udp | Scope.Scope> => {
  const chosen = wanted.port === 0 || wanted.alternate?.port === 0
  const isTaken = ({ reason }: StunServerError): boolean =>
    reason._tag === "SocketFailed" && reason.error.reason.kind === "AddressInUse"
  return Effect.retry(attempt(wanted), { times: TRIES, while: (error) => chosen && isTaken(error) })
}

const attempt = Effect.fnUntraced(function* (wanted: Layout) {
  // Sockets opened before another one fails must not stay open, so all of them live in a scope of their own.
  const own = yield* Scope.fork(yield* Effect.scope)
  return yield* Effect.onExit(Scope.provide(openAll(wanted), own), (exit) =>
    Exit.isSuccess(exit) ? Effect.void : Scope.close(own, exit)
  )
})

const openAll = Effect.fnUntraced(function* (wanted: Layout) {
  const places: Array<Place> = []
  let layout = wanted
  for (const at of corners(wanted)) {
    const udp = yield* openUdp(endpointOf(layout, at))
    layout = withPort(layout, at, udp.local.port)
    places.push({ at, udp, tcp: yield* openTcp(endpointOf(layout, at)) })
  }
  return { layout, places }
})

const withPort = (layout: Layout, at: Corner, port: number): Layout =>
  !at.port
    ? { ...layout, port }
    : { ...layout, alternate: layout.alternate === undefined ? undefined : { ...layout.alternate, port } }

const openUdp = Effect.fnUntraced(function* (endpoint: NetAddress.InetAddress) {
  const udp = yield* Udp
  return yield* Effect.mapError(
    udp.bind({ address: endpoint.address, port: endpoint.port }),
    (error) => new StunServerError({ reason: new SocketFailed({ op: "open", transport: "udp", endpoint, error }) })
  )
})

const openTcp = Effect.fnUntraced(function* (endpoint: NetAddress.InetAddress) {
  const tcp = yield* Tcp
  return yield* Effect.mapError(
    tcp.listen({ address: endpoint.address, port: endpoint.port }),
    (error) => new StunServerError({ reason: new SocketFailed({ op: "open", transport: "tcp", endpoint, error }) })
  )
})
