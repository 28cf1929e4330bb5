/**
 * Everything two peers need to find each other, on one host: an MQTT broker that carries their envelopes, over TCP and
 * WebSockets, and STUN servers that tell them how the internet sees them.
 *
 *     const rendezvous = yield* Rendezvous.serve({ listen: [address], alternate: [other] })
 *
 * It stores nothing, and proves nothing about anybody: the envelopes do. Its limits are those of `services/Broker` and of
 * `servers/StunServer`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import {
  Broker,
  type BrokerError,
  type Limits as BrokerLimits,
  type ListenOptions,
  type RunningBroker
} from "../services/Broker.ts"
import { Interfaces, type InterfacesError } from "../services/Interfaces.ts"
import type { Tcp } from "../services/Tcp.ts"
import type { Udp } from "../services/Udp.ts"
import { plan, type StunPart } from "./rendezvous/plan.ts"
import * as StunServer from "./StunServer.ts"

/** The port IANA registered for MQTT. */
export const MQTT_PORT = 1883

/** Of WebSockets with MQTT in them; no standard names one. */
export const WEBSOCKET_PORT = 8083

/** What was asked for makes no rendezvous. */
export class RendezvousError extends Schema.TaggedError<RendezvousError>()("RendezvousError", {
  op: Schema.Literals(["serve"]),
  detail: Schema.String
}) {
  override get message() {
    return `rendezvous ${this.op}: ${this.detail}`
  }
}

export interface Options {
  /**
   * Addresses of this machine. An unspecified one stands for all of its family: the broker listens on it, and STUN on up to
   * 16 addresses of interfaces that are up, except link-local ones. Default: all there are.
   */
  readonly listen?: ReadonlyArray<NetAddress.IpAddress> | undefined
  /** Second addresses for STUN, each beside the first of `listen` in its family that has none: with one, NATs can be measured. */
  readonly alternate?: ReadonlyArray<NetAddress.IpAddress> | undefined
  /** Of STUN. Default 3478; its alternates have the next one as well. 0 lets the system choose, each time. */
  readonly port?: number | undefined
  /** Default 1883. */
  readonly mqttPort?: number | undefined
  /** Default 8083. */
  readonly websocketPort?: number | undefined
  /** STUN dials back over TCP when asked. Default false. */
  readonly probeBack?: boolean | undefined
  readonly software?: string | undefined
  readonly limits?:
    | { readonly broker?: Partial<BrokerLimits> | undefined; readonly stun?: Partial<StunServer.Limits> | undefined }
    | undefined
}

export interface Rendezvous {
  readonly broker: RunningBroker
  /** The one to name first is first. */
  readonly stun: ReadonlyArray<StunServer.StunServer>
  /** Waits, and fails when a part breaks. */
  readonly failed: Effect.Effect<never, StunServer.StunServerError>
}

/** Runs until the scope closes. All of it starts, or none. */
export const serve = Effect.fn("Rendezvous.serve")(function* (
  options: Options = {}
): Effect.fn.Return<
  Rendezvous,
  RendezvousError | BrokerError | StunServer.StunServerError | InterfacesError,
  Broker | Tcp | Udp | Interfaces | Scope.Scope
> {
  const { mqttPort = MQTT_PORT, websocketPort = WEBSOCKET_PORT } = options
  for (const port of [mqttPort, websocketPort]) {
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      return yield* new RendezvousError({ op: "serve", detail: `${port} is not a port: use 0 (any) to 65535` })
    }
  }
  const interfaces = yield* Interfaces.use(({ list }) => list)
  const planned = plan({ listen: options.listen ?? [], alternate: options.alternate ?? [] }, interfaces)
  if (Result.isFailure(planned)) return yield* new RendezvousError({ op: "serve", detail: planned.failure })
  const on = (port: number) => planned.success.broker.map((address) => NetAddress.inetAddressUnsafe(address, port))
  const sockets = { tcp: on(mqttPort), websocket: on(websocketPort) }
  // What opened before another part fails must not stay open.
  const own = yield* Scope.fork(yield* Effect.scope)
  return yield* Scope.provide(open(options, sockets, planned.success.stun), own).pipe(
    Effect.onError((cause) => Scope.close(own, Exit.failCause(cause)))
  )
})

const open = Effect.fnUntraced(function* (
  { limits, port, probeBack, software }: Options,
  sockets: Pick<ListenOptions, "tcp" | "websocket">,
  parts: ReadonlyArray<StunPart>
) {
  const broker = yield* Broker.use(({ listen }) => listen({ ...sockets, limits: limits?.broker }))
  const stun = yield* Effect.forEach(parts, ({ address, alternate }) =>
    StunServer.serve({
      address,
      port,
      alternate: alternate === undefined ? undefined : { address: alternate },
      probeBack,
      software,
      limits: limits?.stun
    })
  )
  return { broker, stun, failed: Effect.raceAllFirst(stun.map(({ failed }) => failed)) }
})
