/**
 * `Signalling` by MQTT brokers, several at once: whichever works carries the message.
 *
 *     Signalling.layer({ brokers: ["mqtts://broker.example", "wss://other.example/mqtt"] })
 *
 * A peer stays at its own brokers. To write to one who is at others it goes there too, for as long as messages go there and a
 * minute more, and hears there meanwhile. Those are named by somebody else: to this machine and to private networks it goes
 * only where brokers of its own are of that kind.
 */
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as RcMap from "effect/RcMap"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { topicOf } from "../../protocols/envelope/topic.ts"
import { type BrokerUri, parse } from "../../protocols/mqtt/brokerUri.ts"
import { isElusive, problemOf, type Reach, reachOf } from "../../protocols/mqtt/reach.ts"
import { Cryptography } from "../../services/Cryptography.ts"
import { Identity } from "../../services/Identity.ts"
import { Signalling, SignallingError } from "../../services/Signalling.ts"
import { firstTaken, type Try } from "../signalling/firstTaken.ts"
import type { Version } from "./connection.ts"
import { Inbox } from "./Inbox.ts"
import * as Link from "./Link.ts"
import type { Judge } from "./lookup.ts"

export interface BrokerOptions {
  /** `mqtt://host:1883`, `mqtts://`, `ws://host/path` or `wss://`; user name, password and query in it are never told to others. */
  readonly uri: string
  /** Instead of those in the URI. */
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted<string> | undefined
  /** PEM certificates to trust instead of the usual ones. */
  readonly ca?: string | ReadonlyArray<string> | undefined
}

export interface Options {
  /** The brokers of this peer, none or several. */
  readonly brokers: ReadonlyArray<string | BrokerOptions>
  /** PEM certificates to trust instead of the usual ones, for brokers that have none of their own. */
  readonly ca?: string | ReadonlyArray<string> | undefined
}

/** Brokers of others this peer is at, at once, and for how long after the last message. */
const MAX_OTHERS = 32
const OTHERS_IDLE = "1 minute"

const listOf = (ca: BrokerOptions["ca"]): ReadonlyArray<string> | undefined => (typeof ca === "string" ? [ca] : ca)

interface Configured {
  readonly broker: BrokerUri
  readonly username: string | undefined
  readonly password: Redacted.Redacted<string> | undefined
  readonly ca: ReadonlyArray<string> | undefined
}

const configure = ({ brokers, ca }: Options): Result.Result<ReadonlyArray<Configured>, SignallingError> => {
  const configured = new Map<string, Configured>()
  for (const [index, given] of brokers.entries()) {
    const options = typeof given === "string" ? { uri: given } : given
    const parsed = parse(options.uri)
    if (Result.isFailure(parsed)) {
      const problem = `broker ${index + 1} of ${brokers.length} makes no sense: ${parsed.failure}`
      return Result.fail(new SignallingError({ op: "configure", brokers: [], problem }))
    }
    const broker = parsed.success
    configured.set(broker.text, {
      broker,
      username: options.username ?? broker.username,
      password: options.password ?? broker.password,
      ca: listOf(options.ca ?? ca)
    })
  }
  return Result.succeed([...configured.values()])
}

type Publish = (link: Link.Link) => Effect.Effect<void, string>

const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Signalling["Service"], SignallingError, Identity | Cryptography | SecureRandom | Scope.Scope> {
  const configured = yield* Effect.fromResult(configure(options))
  const { peerId } = yield* Identity
  const cryptography = yield* Cryptography
  const random = yield* SecureRandom
  const clock = yield* Clock.Clock
  const inbox = new Inbox()
  const versions = new Map<string, Version>()
  const fibers = yield* FiberSet.make<unknown, unknown>()
  // MQTT 3.1.1 section 3.1.3.1: every server takes 23 letters and digits.
  const clientId = Effect.map(random.randomBytes(11), (bytes) => `p${Buffer.from(bytes).toString("hex")}`)

  const linkTo = (at: Configured, judge: Judge): Effect.Effect<Link.Link, never, Scope.Scope> =>
    Link.make({
      ...at,
      judge,
      clientId,
      versions,
      topic: topicOf(peerId, cryptography),
      onMessage: (payload) => inbox.offer(at.broker.text, payload, clock.currentTimeMillisUnsafe())
    })

  /** Where own brokers are; of those with a name, where it led. */
  const reaches = new Set<Reach>(configured.map(({ broker }) => reachOf(broker.host)))
  /** Own brokers that may be anywhere: their names have not been looked up yet. */
  const elusive = new Set(configured.flatMap(({ broker }) => (isElusive(broker.host) ? [broker.host] : [])))
  const trusting =
    (host: string): Judge =>
    (address) => {
      reaches.add(reachOf(address))
      elusive.delete(host)
      return undefined
    }
  const wary: Judge = (host) => problemOf(host, reaches)

  const own = new Map<string, Link.Link>()
  for (const at of configured) own.set(at.broker.text, yield* linkTo(at, trusting(at.broker.host)))
  const others = yield* RcMap.make({
    lookup: (uri: string) =>
      Effect.flatMap(Effect.fromResult(parse(uri)), (broker) =>
        linkTo({ broker, username: undefined, password: undefined, ca: listOf(options.ca) }, wary)
      ),
    capacity: MAX_OTHERS,
    idleTimeToLive: OTHERS_IDLE
  })

  const tryOf = ({ hasSecrets, host, text }: BrokerUri, publish: Publish): Try => {
    const broker = text
    const link = own.get(text)
    if (link !== undefined) return { broker, send: publish(link) }
    if (hasSecrets) return { broker, never: "a user name, password or query is for brokers of this peer" }
    const problem = wary(host)
    if (problem !== undefined) {
      const mayChange = reachOf(host) !== "nowhere" && elusive.size > 0
      return mayChange ? { broker, send: Effect.fail(problem) } : { broker, never: problem }
    }
    const send = RcMap.get(others, text).pipe(
      Effect.catchTag("ExceededCapacityError", () =>
        Effect.fail(`this peer is at ${MAX_OTHERS} brokers of others already`)
      ),
      Effect.flatMap(publish),
      Effect.scoped
    )
    return { broker, send }
  }

  const brokers = [...own.keys()]
  return Signalling.of({
    brokers,
    states: Effect.sync(() => [...own.values()].map((link) => link.state())),
    ready:
      own.size === 0
        ? new SignallingError({ op: "receive", brokers: [], problem: "no broker is configured: name one" })
        : Effect.raceAll([...own.values()].map(({ ready }) => ready)),
    send: Effect.fn("Signalling.send")(function* (to, envelope, { expiry, via = brokers }) {
      const topic = topicOf(to, cryptography)
      const tries = new Map<string, Try>()
      for (const uri of via) {
        const parsed = parse(uri)
        const each: Try = Result.isFailure(parsed)
          ? { broker: uri, never: parsed.failure }
          : tryOf(parsed.success, (link) => link.publish(topic, envelope, expiry))
        tries.set(each.broker, each)
      }
      yield* firstTaken(envelope, [...tries.values()], fibers)
    }),
    envelopes: Stream.flattenIterable(Stream.fromEffectRepeat(inbox.take))
  })
})

export const layer = (
  options: Options
): Layer.Layer<Signalling, SignallingError, Identity | Cryptography | SecureRandom> =>
  Layer.effect(Signalling, make(options))
