/**
 * The outside endpoint of a listening port: asked of a server from that very port, over a connection that stays open and so
 * keeps the mapping; asked again in time, and elsewhere where it ends.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { StunServer } from "../../protocols/natprofile/Plan.ts"
import type { StunClient } from "../../services/StunClient.ts"
import type { TcpConnection, TcpReservation } from "../../services/Tcp.ts"

/** A port that listens, and who may be asked about it: servers that speak TCP, in its family. */
export interface MappedSocket {
  readonly reservation: TcpReservation
  readonly servers: ReadonlyArray<StunServer>
  /** To the first server, where the port cannot dial any more once it listens. */
  readonly first: TcpConnection | undefined
}

/** Home routers forget idle TCP connections after minutes, though RFC 5382 REQ-5 asks for two hours. */
const KEEP = "2 minutes"

/** Before all servers are tried again. */
const PAUSE = "30 seconds"

const DIAL_TIMEOUT = "3 seconds"
const ANSWER_TIMEOUT = "3 seconds"

const dial = (reservation: TcpReservation, { endpoint }: StunServer) =>
  reservation.dial({ remote: endpoint, timeout: DIAL_TIMEOUT })

/** For systems where a port that listens cannot dial: see `TcpReservation.listenFirst`. */
export const dialFirst = (
  reservation: TcpReservation,
  server: StunServer
): Effect.Effect<TcpConnection | undefined, never, Scope.Scope> =>
  Effect.map(Effect.option(dial(reservation, server)), Option.getOrUndefined)

/** Never ends. `told` hears each answer, and each time why there is none. */
export const keepMapped = (
  stun: StunClient["Service"],
  { first, reservation, servers }: MappedSocket,
  told: (result: NetAddress.InetAddress | string) => Effect.Effect<void>
): Effect.Effect<never> => {
  let dialled = first

  const ask = (server: StunServer) =>
    Effect.scoped(
      Effect.gen(function* () {
        const connection = dialled ?? (yield* dial(reservation, server))
        dialled = undefined
        const asked = yield* stun.connect({ connection })
        const answer = Effect.flatMap(asked.binding({ timeout: ANSWER_TIMEOUT }), ({ mapped }) => told(mapped))
        yield* answer
        return yield* Effect.forever(Effect.delay(answer, KEEP))
      })
    )

  const all = Effect.gen(function* () {
    let problem = ""
    for (const server of servers) problem = (yield* Effect.flip(ask(server))).message
    yield* told(`the outside of ${NetAddress.formatInet(reservation.local)} is not known: ${problem}`)
  })
  return Effect.forever(Effect.andThen(all, Effect.sleep(PAUSE)))
}
