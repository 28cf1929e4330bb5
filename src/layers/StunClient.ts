/**
 * `StunClient` on the socket contracts: the same code on real and simulated networks.
 */
import * as Effect from "effect/Effect"
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Layer from "effect/Layer"
import { StunClient } from "../services/StunClient.ts"
import { Tcp } from "../services/Tcp.ts"
import { Udp } from "../services/Udp.ts"
import * as OverTcp from "./stun/tcp.ts"
import * as OverUdp from "./stun/udp.ts"

const make = Effect.gen(function* () {
  const tcp = yield* Tcp
  const udp = yield* Udp
  const random = yield* SecureRandom
  const query: StunClient["Service"]["query"] = Effect.fn("StunClient.query")((options) =>
    options.transport === "udp" ? OverUdp.query(udp, random, options) : OverTcp.query(tcp, random, options)
  )
  return StunClient.of({
    query,
    queryAll: (queries) =>
      Effect.forEach(queries, (one) => Effect.map(Effect.result(query(one)), (result) => ({ query: one, result })), {
        concurrency: "unbounded"
      }),
    onSocket: (socket) => OverUdp.onSocket(random, socket),
    connect: Effect.fn("StunClient.connect")((options) =>
      Effect.flatMap(
        "connection" in options ? Effect.succeed(options.connection) : OverTcp.dial(tcp, options),
        (connection) => OverTcp.over(random, connection)
      )
    )
  })
})

export const layer: Layer.Layer<StunClient, never, Tcp | Udp | SecureRandom> = Layer.effect(StunClient, make)
