/** Alice asks a server on a simulated internet. */
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import * as StunClientLayer from "../../../src/layers/StunClient.ts"
import type { World } from "../../../src/schemas/World.ts"
import {
  type QueryOptions,
  StunClient,
  type StunClientError,
  type StunSocket
} from "../../../src/services/StunClient.ts"
import { at, bind, ip } from "../simulated/kit.ts"
import type { Responder } from "../../support/stunResponder.ts"

export const show = NetAddress.formatInet

/** Made anew for each host: what is provided twice would be shared. */
export const client = Layer.fresh(StunClientLayer.layer)

/** Ten milliseconds from alice to the server, which has two addresses. */
export const near = {
  link: { latency: 5 },
  hosts: { alice: {}, server: { addresses: ["11.0.0.100", "11.0.0.101"] } }
} as const

export const SERVER = at("11.0.0.100:3478")

/** Runs alice's program against the server's, and checks that nothing of hers is left open. */
export const against = <A, E>(
  server: Responder,
  program: Effect.Effect<A, E, StunClient | SimulatedWorld.HostServices | Scope.Scope>,
  { trace = false, world: description = near }: { readonly trace?: boolean; readonly world?: World } = {}
) =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make(description, { trace })
    const { alice: value } = yield* world.run(
      { alice: program.pipe(Effect.scoped, Effect.provide(client)) },
      { background: { server: Effect.scoped(server) } }
    )
    assert.strictEqual(world.openSockets("alice"), 0)
    return { value, world }
  })

/** Hears and says nothing of itself. */
export const nobody: Responder = Effect.never

export const query = (options: Partial<QueryOptions> = {}) =>
  StunClient.use((stun) => stun.query({ server: SERVER, transport: "udp", ...options }))

/** The failure in words (`binding NoAnswer TimedOut`, with a code where there is one), its detail, and how long it took. */
export const failed = <A, R>(effect: Effect.Effect<A, StunClientError, R>) =>
  Effect.map(Effect.timed(Effect.flip(effect)), ([took, { code, detail, kind, op, reason }]) => ({
    what: [op, reason, kind, ...(code === undefined ? [] : [code])].join(" "),
    detail,
    took: Duration.toMillis(took)
  }))

/** A socket of alice's on port 7000 that others use too: `others` is from whom they heard. */
export const onSocket = Effect.gen(function* () {
  const stun = yield* StunClient
  const socket = yield* Effect.orDie(bind({ address: ip("0.0.0.0"), port: 7000 }))
  const shared = yield* stun.onSocket(socket)
  const others: Array<string> = []
  yield* Effect.forkScoped(
    socket.pull.pipe(
      Effect.map((datagrams) => {
        for (const { bytes, from } of datagrams) if (!shared.take(bytes, from)) others.push(show(from))
      }),
      Effect.forever,
      Effect.ignore
    )
  )
  yield* Effect.forkScoped(Stream.runForEach(socket.events, (event) => Effect.sync(() => shared.report(event))))
  return { shared, others }
})

export const asking = (options?: Parameters<StunSocket["binding"]>[1]) =>
  Effect.flatMap(onSocket, ({ shared }) => shared.binding(SERVER, options))
