/**
 * Being at a broker: connects, and connects again when the connection is lost, for as long as the scope is open.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { BrokerState } from "../../services/Signalling.ts"
import {
  connect,
  type Connection,
  ConnectionProblem,
  type Options as ConnectionOptions,
  type Version
} from "./connection.ts"
import { dropOldest } from "../../protocols/limits/dropOldest.ts"

/** Half a second, then twice as long each time, up to half a minute; jittered, or a broker that restarts is met by all at once. */
const backoff = Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("30 seconds")]).pipe(
  Schedule.jittered
)

/** A connection that lasted so long was good: the next try comes soon. */
const GOOD = 10_000
const SOON = 500

/** Envelopes that wait for a connection that is being made. */
const WAITING = 64

type Phase =
  | { readonly state: "connecting"; readonly problem: string | undefined }
  | { readonly state: "connected"; readonly connection: Connection }
  | { readonly state: "waiting"; readonly problem: string }

export interface Options extends Omit<ConnectionOptions, "version" | "clientId"> {
  /** A name for each connection, of no meaning. */
  readonly clientId: Effect.Effect<string>
  /** Which version brokers speak, by URI, as far as it is known. */
  readonly versions: Map<string, Version>
}

export interface Link {
  readonly state: () => BrokerState
  /** Completes when connected. */
  readonly ready: Effect.Effect<void>
  /** Waits for a connection that is being made; fails at once where the last try failed and the next is not due. */
  readonly publish: Connection["publish"]
}

/** Brokers whose version is remembered. */
const MAX_VERSIONS = 256

/** Opens connections to one broker, in the version it speaks. */
const opener = (options: Options) => {
  const { versions } = options
  const uri = options.broker.text
  let guess: Version = 5
  const remember = (version: Version) => {
    versions.delete(uri)
    versions.set(uri, version)
    dropOldest(versions, MAX_VERSIONS)
  }
  const by = (version: Version) =>
    Effect.flatMap(options.clientId, (clientId) => connect({ ...options, clientId, version })).pipe(
      Effect.tap(() => Effect.sync(() => remember(version)))
    )
  return Effect.suspend(() => {
    const version = versions.get(uri) ?? guess
    const other: Version = version === 5 ? 4 : 5
    return Effect.catch(by(version), (problem) => {
      if (problem.wrongVersion) return by(other)
      // It may not have liked the version: until one works, the tries take turns.
      if (problem.closedEarly) guess = other
      return Effect.fail(problem)
    })
  })
}

export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Link, never, Scope.Scope> {
  const uri = options.broker.text
  const phase = yield* SubscriptionRef.make<Phase>({ state: "connecting", problem: undefined })
  const set = (next: Phase) => SubscriptionRef.set(phase, next)
  const wait = (problem: string) => set({ state: "waiting", problem })

  const open = opener(options)
  /** Succeeds when a good connection is over. */
  const session = Effect.gen(function* () {
    const before = SubscriptionRef.getUnsafe(phase)
    yield* set({ state: "connecting", problem: before.state === "waiting" ? before.problem : undefined })
    const connection = yield* open
    const since = yield* Clock.currentTimeMillis
    yield* set({ state: "connected", connection })
    const problem = yield* connection.closed
    yield* wait(problem)
    if ((yield* Clock.currentTimeMillis) - since >= GOOD) return
    return yield* new ConnectionProblem({ problem, wrongVersion: false, closedEarly: false })
  }).pipe(
    Effect.scoped,
    Effect.tapError(({ problem }) =>
      Effect.andThen(wait(problem), Effect.logDebug(`no connection to ${uri}: ${problem}`))
    )
  )
  const soon = Effect.flatMap(Random.next, (luck) => Effect.sleep(luck * SOON))
  yield* session.pipe(Effect.retry(backoff), Effect.andThen(soon), Effect.forever, Effect.forkScoped)

  const first = (wanted: (phase: Phase) => boolean) =>
    Stream.runHead(Stream.filter(SubscriptionRef.changes(phase), wanted)).pipe(Effect.map(Option.getOrThrow))
  let waiting = 0

  return {
    state: () => {
      const now = SubscriptionRef.getUnsafe(phase)
      return { uri, state: now.state, problem: now.state === "connected" ? undefined : now.problem }
    },
    ready: Effect.asVoid(first(({ state }) => state === "connected")),
    publish: Effect.fnUntraced(function* (topic, payload, expiry) {
      if (waiting >= WAITING) return yield* Effect.fail(`${WAITING} messages wait for a connection to it`)
      waiting++
      const settled = yield* Effect.ensuring(
        first(({ state }) => state !== "connecting"),
        Effect.sync(() => waiting--)
      )
      if (settled.state !== "connected") return yield* Effect.fail(settled.problem ?? "no connection to it")
      return yield* settled.connection.publish(topic, payload, expiry)
    })
  }
})
