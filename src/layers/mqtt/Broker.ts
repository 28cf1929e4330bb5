/**
 * `Broker` by the packages `aedes` and `ws`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import {
  Broker,
  type BrokerError,
  type Endpoint,
  type Limits,
  limits as usual,
  type ListenOptions,
  type RunningBroker
} from "../../services/Broker.ts"
import { owned } from "../node/owned.ts"
import { Counts } from "./broker/Counts.ts"
import * as Engine from "./broker/engine.ts"
import * as Servers from "./broker/servers.ts"

const listen = Effect.fn("Broker.listen")(function* (
  options: ListenOptions
): Effect.fn.Return<RunningBroker, BrokerError, Scope.Scope> {
  const limits: Limits = { ...usual, ...options.limits }
  const counts = new Counts(limits)
  const engine = yield* owned(
    Effect.promise(async () => {
      const engine = Engine.make(limits, counts)
      await engine.listen()
      return engine
    }),
    (engine) => Effect.callback<void>((resume) => engine.close(() => resume(Effect.void)))
  )
  const endpoints: Array<Endpoint> = []
  for (const address of options.tcp ?? []) {
    const local = yield* Servers.listen(Servers.tcp(engine, counts), address)
    endpoints.push({ transport: "tcp", local, uri: `mqtt://${NetAddress.formatInet(local)}` })
  }
  for (const address of options.websocket ?? []) {
    const local = yield* Servers.listen(Servers.websocket(engine, counts, limits), address)
    endpoints.push({ transport: "websocket", local, uri: `ws://${NetAddress.formatInet(local)}` })
  }
  return { endpoints, stats: () => ({ ...counts.stats }) }
})

export const layer: Layer.Layer<Broker> = Layer.succeed(Broker, Broker.of({ listen }))
