/**
 * A small MQTT broker that carries nothing but envelopes: what a site needs so that its peers find each other.
 *
 * It speaks MQTT 3.1.1 over TCP and WebSockets, keeps nothing (no retained messages, no sessions, no last wills), and takes only
 * messages for the topics of peers. It proves nothing about anybody: envelopes do that.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Rate } from "../protocols/limits/RateLimiter.ts"
import * as NetFailure from "./NetFailure.ts"

/** A socket could not be opened; those that could are closed again. */
export class BrokerError extends Schema.TaggedError<BrokerError>()("BrokerError", {
  op: Schema.Literals(["listen"]),
  ...NetFailure.fields
}) {
  override get message() {
    return NetFailure.message("broker", this)
  }
}

export interface Limits {
  /** Connections at once. */
  readonly clients: number
  /** Of one address, or one /64 of IPv6. */
  readonly clientsPerSource: number
  /** Messages and subscriptions of a client; who sends more is disconnected. */
  readonly perClient: Rate
  /** Topics a client hears at once; more are refused. */
  readonly subscriptions: number
  /** Milliseconds a client may take to say who it is. */
  readonly connectTimeout: number
  /** Seconds of silence a client may ask for at most; after one and a half of what it asked for it is gone. */
  readonly keepAlive: number
}

export const limits: Limits = {
  clients: 1024,
  clientsPerSource: 64,
  perClient: { perSecond: 20, burst: 200 },
  subscriptions: 4,
  connectTimeout: 5_000,
  keepAlive: 120
}

export interface ListenOptions {
  /** Port 0 lets the system choose. */
  readonly tcp?: ReadonlyArray<NetAddress.InetAddress> | undefined
  /** At any path. */
  readonly websocket?: ReadonlyArray<NetAddress.InetAddress> | undefined
  readonly limits?: Partial<Limits> | undefined
}

export interface Endpoint {
  readonly transport: "tcp" | "websocket"
  readonly local: NetAddress.InetAddress
  /** `mqtt://` or `ws://` and the local address, which may be the one that stands for all. */
  readonly uri: string
}

/** Since the start, but for `clients`, which are there now. */
export interface Stats {
  readonly clients: number
  /** Connections closed at once, for there were too many. */
  readonly turnedAway: number
  /** Messages taken. */
  readonly messages: number
  /** Messages, subscriptions and greetings that were not allowed. */
  readonly refused: number
  /** Clients disconnected since they did not read what was for them. */
  readonly slow: number
}

export interface RunningBroker {
  readonly endpoints: ReadonlyArray<Endpoint>
  readonly stats: () => Stats
}

export class Broker extends Context.Service<
  Broker,
  {
    /** Runs a broker on all of these addresses until the scope closes. */
    readonly listen: (options: ListenOptions) => Effect.Effect<RunningBroker, BrokerError, Scope.Scope>
  }
>()("effect-p2p/services/Broker") {}
