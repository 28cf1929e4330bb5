/**
 * The sockets of a plan: opened before anything is sent, read until the scope closes. A port that is taken is replaced by any
 * other; a socket that cannot be had at all says why.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Plan, Slot } from "../../protocols/natprofile/Plan.ts"
import { Deframer } from "../../protocols/stun/Deframer.ts"
import type { Tcp, TcpConnection, TcpError, TcpReservation } from "../../services/Tcp.ts"
import type { Udp, UdpError, UdpSocket } from "../../services/Udp.ts"
import type { Answers } from "./Answers.ts"

export interface Sockets {
  readonly tcp: Tcp["Service"]
  readonly udp: Udp["Service"]
}

export interface UdpSlot {
  readonly _tag: "Udp"
  readonly id: string
  readonly local: NetAddress.InetAddress
  readonly socket: UdpSocket
}

export interface TcpSlot {
  readonly _tag: "Tcp"
  readonly id: string
  readonly local: NetAddress.InetAddress
  readonly reservation: TcpReservation
  /** Accepts connections from now on, if the plan wants that of the slot. Dials of the slot must have been started. Idempotent. */
  readonly listen: Effect.Effect<void, TcpError>
}

export interface ShutSlot {
  readonly _tag: "Shut"
  readonly id: string
  readonly why: string
}

export type OpenSlot = UdpSlot | TcpSlot | ShutSlot

/** Sockets opened at the same time. */
const AT_ONCE = 16

/** Connections to a listening slot, of servers that dial back and of strangers. */
const GUESTS = 16

/** No answer is longer, whatever a server adds. */
const LONGEST_FRAME = 2048

export const open = (
  plan: Plan,
  device: string,
  sockets: Sockets,
  answers: Answers
): Effect.Effect<ReadonlyMap<string, OpenSlot>, never, Scope.Scope> =>
  Effect.map(
    Effect.forEach(plan.slots, (slot) => openOne(slot, device, sockets, answers), { concurrency: AT_ONCE }),
    (slots) => new Map(slots.map((slot) => [slot.id, slot]))
  )

type Opening = Effect.Effect<OpenSlot, UdpError | TcpError, Scope.Scope>

const openOne = (slot: Slot, device: string, sockets: Sockets, answers: Answers) => {
  const at = (port: number | undefined): Opening => {
    const local = { address: slot.address, port, interface: device }
    return slot.transport === "udp" ? openUdp(slot, local, sockets, answers) : openTcp(slot, local, sockets, answers)
  }
  const isTaken = ({ reason }: UdpError | TcpError): boolean => reason.kind === "AddressInUse"
  const wanted = at(slot.port)
  const opened = slot.port === undefined ? wanted : Effect.catchIf(wanted, isTaken, () => at(undefined))
  return Effect.catch(opened, ({ message }) => Effect.succeed<OpenSlot>({ _tag: "Shut", id: slot.id, why: message }))
}

interface Local {
  readonly address: NetAddress.IpAddress
  readonly port: number | undefined
  readonly interface: string
}

const openUdp = Effect.fnUntraced(function* ({ id }: Slot, local: Local, { udp }: Sockets, answers: Answers) {
  const socket = yield* udp.bind(local)
  const read = socket.pull.pipe(
    Effect.map((datagrams) => {
      for (const { bytes, from } of datagrams) answers.take(id, bytes, from)
    }),
    Effect.forever({ disableYield: true }),
    Effect.catch((end) => (end._tag === "Done" ? Effect.void : Effect.logDebug(end.message)))
  )
  yield* Effect.forkScoped(read)
  yield* Effect.forkScoped(Stream.runForEach(socket.events, (event) => Effect.sync(() => answers.report(id, event))))
  return { _tag: "Udp", id, local: socket.local, socket } satisfies UdpSlot
})

const openTcp = Effect.fnUntraced(function* (slot: Slot, local: Local, { tcp }: Sockets, answers: Answers) {
  const scope = yield* Effect.scope
  const reservation = yield* tcp.reserve(local)
  const attend = Effect.fnUntraced(function* () {
    if (!slot.listen) return
    const { connections } = yield* Scope.provide(reservation.listen({ maxConnections: GUESTS }), scope)
    const guests = Stream.mapEffect(
      connections,
      (guest) => Effect.andThen(read(slot.id, guest, answers), guest.close),
      { concurrency: GUESTS, unordered: true }
    )
    yield* Effect.forkIn(Effect.ignore(Stream.runDrain(guests)), scope)
  })
  // Once for all who need it, and what became of it.
  const listen = yield* Effect.cached(attend())
  if (reservation.listenFirst) yield* listen
  return { _tag: "Tcp", id: slot.id, local: reservation.local, reservation, listen } satisfies TcpSlot
})

/** Gives what arrives on a connection of a slot to those who wait for it, until it ends or makes no sense. */
export const read = Effect.fnUntraced(function* (slot: string, connection: TcpConnection, answers: Answers) {
  const { remote } = connection
  const name = NetAddress.formatInet(remote)
  const deframer = new Deframer({ limit: LONGEST_FRAME })
  const ended = (what: string) => answers.ignore(slot, remote, `${name} ${what}`, true)
  const take = (chunks: ReadonlyArray<Uint8Array>): boolean => {
    for (const chunk of chunks) {
      deframer.push(chunk)
      for (let next = deframer.next(); next !== undefined; next = deframer.next()) {
        if (next._tag === "StunError") {
          ended(`sent what is no STUN: ${next.message}`)
          return false
        }
        if (next._tag === "Message") answers.take(slot, next.bytes, remote)
      }
    }
    return true
  }
  yield* connection.pull.pipe(
    Effect.map(take),
    Effect.repeat({ while: (more) => more }),
    Effect.catch((end) =>
      Effect.sync(() => ended(end._tag === "Done" ? (deframer.end()?.problem ?? "closed the connection") : end.message))
    )
  )
})
