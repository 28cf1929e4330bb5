/**
 * The outside endpoint of a listening port: asked of a server from that very port, over a connection that stays open and so keeps the
 * mapping; asked again in time, and elsewhere where it ends.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type { StunServer } from "../../protocols/natprofile/Plan.ts"
import type { StunClient } from "../../services/StunClient.ts"
import type { TcpReservation } from "../../services/Tcp.ts"

/** Home routers forget idle TCP connections after minutes, though RFC 5382 REQ-5 asks for two hours. */
const KEEP = "2 minutes"

/** Before all servers are tried again. */
const PAUSE = "30 seconds"

const DIAL_TIMEOUT = "3 seconds"
const ANSWER_TIMEOUT = "3 seconds"

/** `servers` speak TCP in the port's family. Never ends. `told` hears each answer, and each time why there is none. */
export const keepMapped = (
  stun: StunClient["Service"],
  reservation: TcpReservation,
  servers: ReadonlyArray<StunServer>,
  told: (result: NetAddress.InetAddress | string) => Effect.Effect<void>
): Effect.Effect<never> => {
  const ask = ({ endpoint }: StunServer) =>
    Effect.scoped(
      Effect.gen(function* () {
        const connection = yield* reservation.dial({ remote: endpoint, timeout: DIAL_TIMEOUT })
        const server = yield* stun.connect({ connection })
        const answer = Effect.flatMap(server.binding({ timeout: ANSWER_TIMEOUT }), ({ mapped }) => told(mapped))
        yield* answer
        return yield* Effect.forever(Effect.delay(answer, KEEP))
      })
    )

  const all = Effect.gen(function* () {
    let problem = ""
    for (const server of servers) {
      const error = yield* Effect.flip(ask(server))
      problem = error.message
    }
    yield* told(`the outside of ${NetAddress.formatInet(reservation.local)} is not known: ${problem}`)
  })
  return Effect.forever(Effect.andThen(all, Effect.sleep(PAUSE)))
}
