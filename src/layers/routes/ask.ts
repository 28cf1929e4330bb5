/**
 * Asks all servers from one local address, until enough have answered.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import type { StunServer } from "../../protocols/natprofile/Plan.ts"
import type { Answer } from "../../protocols/routes/consensus.ts"
import type { Source } from "../../protocols/routes/sources.ts"
import type { NetKind } from "../../schemas/NetKind.ts"
import type { StunClient, StunClientError, StunSocket } from "../../services/StunClient.ts"
import type { Udp, UdpError } from "../../services/Udp.ts"
import { staggered } from "../pipes/staggered.ts"

/** What a server gets to answer over UDP before it is asked over TCP as well, in milliseconds: networks without UDP exist. */
const TCP_DELAY = 250

export interface Services {
  readonly stun: StunClient["Service"]
  readonly udp: Udp["Service"]
}

/** Gives each answer to `take` as it comes, one for each server. `timeout` in milliseconds. */
export const askFrom = (
  { stun, udp }: Services,
  source: Source,
  servers: ReadonlyArray<StunServer>,
  timeout: number,
  take: (answer: Answer) => void
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { address } = source.address
    const local = source.assigned ? { interface: source.interface, address } : { address }
    const shared = yield* Effect.result(Effect.flatMap(udp.bind(local), (socket) => reading(stun, socket)))
    const ask = (server: StunServer) => {
      const overUdp = Effect.flatMap(Effect.fromResult(shared), ({ binding }) => binding(server.endpoint, { timeout }))
      const left = server.udp ? Math.max(0, timeout - TCP_DELAY) : timeout
      const overTcp = stun.query({ server: server.endpoint, transport: "tcp", local, timeout: left })
      return staggered([...(server.udp ? [overUdp] : []), ...(server.tcp ? [overTcp] : [])], TCP_DELAY)
    }
    yield* Effect.forEach(
      servers,
      (server) =>
        Effect.match(ask(server), {
          onFailure: (errors) => take({ _tag: "Failed", server: server.id, problem: problemOf(errors) }),
          onSuccess: ({ mapped }) => take(seen(server, source, mapped.address))
        }),
      { concurrency: "unbounded", discard: true }
    )
  }).pipe(Effect.scoped)

const reading = Effect.fnUntraced(function* (
  stun: StunClient["Service"],
  socket: Effect.Success<ReturnType<Udp["Service"]["bind"]>>
) {
  const shared: StunSocket = yield* stun.onSocket(socket)
  yield* Effect.forkScoped(Stream.runForEach(socket.events, (event) => Effect.sync(() => shared.report(event))))
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.map(socket.pull, (datagrams) => {
        for (const { bytes, from } of datagrams) shared.take(bytes, from)
      })
    )
  )
  return shared
})

const seen = ({ id }: StunServer, { family }: Source, address: NetAddress.IpAddress): Answer =>
  NetAddress.familyOf(address) === family
    ? { _tag: "Saw", server: id, address }
    : { _tag: "Failed", server: id, problem: `sees ${NetAddress.formatIp(address)}, which is no ${family} address` }

const kinds: { readonly [K in NetKind]?: string } = {
  TimedOut: "no answer in time",
  Refused: "nothing listens there, or a firewall refuses",
  Unreachable: "there is no way to it from this address"
}

const problemOf = (errors: ReadonlyArray<StunClientError | UdpError>): string => {
  if (errors.length === 0) return "it speaks neither UDP nor TCP"
  const said = errors.map((error) => {
    const { detail, kind } = error._tag === "UdpError" ? error.reason : error
    return kinds[kind] ?? (error._tag === "UdpError" ? error.message : (detail ?? error.message))
  })
  return [...new Set(said)].join("; over TCP: ")
}
