/**
 * `Signalling` by brokers that exist in memory only, with the faults of real ones: they are far away, lose, repeat and reorder
 * messages, and go down and up. Time and luck are the sender's `Clock` and `Random`, so it runs in virtual time.
 *
 *     const brokers = new SimulatedBrokers({ "mqtt://a": { latency: "20 millis" }, "mqtt://b": { loss: 0.1 } })
 *     program.pipe(Effect.provide(Simulated.layer(brokers, ["mqtt://a", "mqtt://b"])))
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PeerId } from "../../schemas/PeerId.ts"
import { Identity } from "../../services/Identity.ts"
import { Signalling, SignallingError } from "../../services/Signalling.ts"
import { firstTaken } from "./firstTaken.ts"

export interface BrokerOptions {
  /** From one peer by way of the broker to the other. Default 0. */
  readonly latency?: Duration.Input | undefined
  /** At most so much more, different for each message, so that they overtake each other. Default 0. */
  readonly jitter?: Duration.Input | undefined
  /** How likely a message the broker took is not delivered. Default 0. */
  readonly loss?: number | undefined
  /** How likely it is delivered twice. Default 0. */
  readonly duplication?: number | undefined
}

/** Envelopes waiting for their reader. */
const QUEUE = 256

/** Messages on their way at one broker. */
const UNDER_WAY = 4096

const NOBODY = "nobody answers there"

type Inbox = Queue.Queue<Uint8Array>

class SimulatedBroker {
  readonly uri: string
  options: BrokerOptions
  private readonly inboxes = new Map<PeerId, Set<Inbox>>()
  private isUp = true
  private cameUp = Deferred.makeUnsafe<void>()
  private underWay = 0

  constructor(uri: string, options: BrokerOptions) {
    this.uri = uri
    this.options = options
  }

  get problem(): string | undefined {
    return this.isUp ? undefined : "it is down"
  }

  set(up: boolean): void {
    this.isUp = up
    if (!up) return
    Deferred.doneUnsafe(this.cameUp, Effect.void)
    this.cameUp = Deferred.makeUnsafe()
  }

  get up(): Effect.Effect<void> {
    return Effect.suspend(() => (this.isUp ? Effect.void : Deferred.await(this.cameUp)))
  }

  subscribe(peer: PeerId, inbox: Inbox): void {
    this.inboxes.set(peer, (this.inboxes.get(peer) ?? new Set<Inbox>()).add(inbox))
  }

  unsubscribe(peer: PeerId, inbox: Inbox): void {
    const inboxes = this.inboxes.get(peer)
    inboxes?.delete(inbox)
    if (inboxes?.size === 0) this.inboxes.delete(peer)
  }

  /** Succeeds when the sender has heard that the broker took it. */
  readonly send = Effect.fnUntraced({ self: this }, function* (to: PeerId, envelope: Uint8Array) {
    const half = Duration.toMillis(Duration.fromInputUnsafe(this.options.latency ?? 0)) / 2
    if (this.problem !== undefined) return yield* Effect.fail(this.problem)
    yield* pause(half)
    if (this.problem !== undefined) return yield* Effect.fail(this.problem)
    if (this.underWay >= UNDER_WAY) return yield* Effect.fail("it has too many messages under way")
    for (const more of this.trips(yield* Random.Random)) {
      this.underWay++
      const trip = Effect.ensuring(
        Effect.andThen(
          pause(half + more),
          Effect.sync(() => this.deliver(to, envelope))
        ),
        Effect.sync(() => this.underWay--)
      )
      // A broker delivers what it took though the sender is gone.
      yield* Effect.forkDetach(trip, { startImmediately: true })
    }
    yield* pause(half)
  })

  // How much longer than others each copy takes.
  private trips({ nextDoubleUnsafe }: typeof Random.Random.Service): ReadonlyArray<number> {
    const { duplication = 0, jitter = 0, loss = 0 } = this.options
    if (loss > 0 && nextDoubleUnsafe() < loss) return []
    const most = Duration.toMillis(Duration.fromInputUnsafe(jitter))
    const trip = () => (most === 0 ? 0 : most * nextDoubleUnsafe())
    return duplication > 0 && nextDoubleUnsafe() < duplication ? [trip(), trip()] : [trip()]
  }

  private deliver(to: PeerId, envelope: Uint8Array): void {
    if (!this.isUp) return
    for (const inbox of this.inboxes.get(to) ?? []) Queue.offerUnsafe(inbox, envelope)
  }
}

const pause = (millis: number): Effect.Effect<void> => (millis > 0 ? Effect.sleep(millis) : Effect.void)

export class SimulatedBrokers {
  private readonly brokers: ReadonlyMap<string, SimulatedBroker>

  /** The brokers there are, by URI. */
  constructor(brokers: { readonly [uri: string]: BrokerOptions }) {
    this.brokers = new Map(Object.entries(brokers).map(([uri, options]) => [uri, new SimulatedBroker(uri, options)]))
  }

  /** Takes a broker down or brings it up again. What it had not delivered is lost. */
  set(uri: string, state: "up" | "down"): void {
    this.named(uri).set(state === "up")
  }

  /** Changes how a broker behaves from now on. */
  change(uri: string, options: BrokerOptions): void {
    const broker = this.named(uri)
    broker.options = { ...broker.options, ...options }
  }

  /** `undefined` where there is none of that name. */
  find(uri: string): SimulatedBroker | undefined {
    return this.brokers.get(uri)
  }

  private named(uri: string): SimulatedBroker {
    const broker = this.brokers.get(uri)
    if (broker === undefined)
      throw new Error(`no broker is called ${uri}; there are ${[...this.brokers.keys()].join(", ")}`)
    return broker
  }
}

/** The service of one peer, which is at these brokers. */
export const make = Effect.fnUntraced(function* (
  world: SimulatedBrokers,
  own: ReadonlyArray<string>
): Effect.fn.Return<Signalling["Service"], never, Identity | Scope.Scope> {
  const { peerId } = yield* Identity
  const inbox = yield* Effect.acquireRelease(Queue.sliding<Uint8Array>(QUEUE), Queue.shutdown)
  const fibers = yield* FiberSet.make<unknown, unknown>()
  const joined = new Set<SimulatedBroker>()
  const join = (broker: SimulatedBroker): void => {
    joined.add(broker)
    broker.subscribe(peerId, inbox)
  }
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const broker of joined) broker.unsubscribe(peerId, inbox)
    })
  )
  const mine = own.flatMap((uri) => world.find(uri) ?? [])
  mine.forEach(join)

  const sendBy = (uri: string, to: PeerId, envelope: Uint8Array) =>
    Effect.suspend(() => {
      const broker = world.find(uri)
      if (broker === undefined) return Effect.fail(NOBODY)
      join(broker)
      return broker.send(to, envelope)
    })
  return Signalling.of({
    brokers: own,
    states: Effect.sync(() =>
      own.map((uri) => {
        const broker = world.find(uri)
        const problem = broker === undefined ? NOBODY : broker.problem
        return { uri, problem, state: problem === undefined ? "connected" : "waiting" }
      })
    ),
    ready:
      own.length === 0
        ? new SignallingError({ op: "receive", brokers: [], problem: "no broker is configured: name one" })
        : Effect.raceAll(own.map((uri) => world.find(uri)?.up ?? Effect.never)),
    send: (to, envelope, { via = own }) =>
      firstTaken(
        envelope,
        [...new Set(via)].map((broker) => ({ broker, send: sendBy(broker, to, envelope) })),
        fibers
      ),
    envelopes: Stream.fromQueue(inbox)
  })
})

export const layer = (
  brokers: SimulatedBrokers,
  own: ReadonlyArray<string>
): Layer.Layer<Signalling, never, Identity> => Layer.effect(Signalling, make(brokers, own))
