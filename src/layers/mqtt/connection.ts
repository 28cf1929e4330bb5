/**
 * One connection to a broker, from its opening to its end, by the `mqtt` package. What goes wrong is a sentence.
 */
import { MqttClient } from "mqtt"
import type { IClientOptions } from "mqtt"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { BrokerUri } from "../../protocols/mqtt/brokerUri.ts"
import type { Judge } from "./lookup.ts"
import { MAX_PACKET, open } from "./stream.ts"

/** MQTT 5, or 3.1.1 where the broker knows no better. */
export type Version = 5 | 4

export interface Options {
  readonly broker: BrokerUri
  readonly username: string | undefined
  readonly password: Redacted.Redacted<string> | undefined
  readonly ca: ReadonlyArray<string> | undefined
  /** Of the addresses the broker's name leads to. */
  readonly judge: Judge
  readonly clientId: string
  readonly version: Version
  /** What is subscribed to, and who gets what is published there. */
  readonly topic: string
  readonly onMessage: (payload: Uint8Array) => void
}

/** `wrongVersion`: the broker said so. `closedEarly`: it hung up without a word, as some do at a version they do not know. */
export class ConnectionProblem extends Data.TaggedError("ConnectionProblem")<{
  readonly problem: string
  readonly wrongVersion: boolean
  readonly closedEarly: boolean
}> {}

export interface Connection {
  /** Succeeds when the broker has acknowledged it. `expiry` in milliseconds. */
  readonly publish: (topic: string, payload: Uint8Array, expiry: number) => Effect.Effect<void, string>
  /** When the connection is over: why. */
  readonly closed: Effect.Effect<string>
}

/** A broker that takes longer is not of use. */
const CONNECT_TIMEOUT = 10_000
const SUBSCRIBE_TIMEOUT = 5_000
const PUBLISH_TIMEOUT = 5_000
/** Routers forget idle TCP connections after a few minutes at the earliest (RFC 5382 REQ-5 wants two hours). */
const KEEP_ALIVE_SECONDS = 45
/** How long a broker may take to hang up when told good-bye. */
const END_TIMEOUT = 500
/** Envelopes under way; the broker's window may be smaller (MQTT 5 section 3.1.2.11.3). */
const IN_FLIGHT = 64

/** Refusals of a version: MQTT 3.1.1 section 3.2.2.3, MQTT 5 section 3.2.2.2. */
const wrongVersions = new Set<unknown>([1, 132])
/** A granted QoS is 0, 1 or 2; more is a refusal (MQTT 3.1.1 section 3.9.3). */
const REFUSED = 0x80

const optionsOf = ({ clientId, password, username, version }: Options): IClientOptions => ({
  protocolVersion: version,
  clientId,
  clean: true,
  keepalive: KEEP_ALIVE_SECONDS,
  // Who waits how long before another try is decided outside.
  reconnectPeriod: 0,
  connectTimeout: CONNECT_TIMEOUT,
  resubscribe: false,
  queueQoSZero: false,
  timerVariant: "native",
  // Its own log would tell user names.
  log: () => {},
  ...(username === undefined ? {} : { username }),
  ...(password === undefined ? {} : { password: Redacted.value(password) }),
  ...(version === 5 ? { properties: { maximumPacketSize: MAX_PACKET, receiveMaximum: IN_FLIGHT } } : {})
})

const codeOf = (error: Error | undefined): unknown => error !== undefined && "code" in error && error.code

// Where every address of a name failed, the error itself has no words; OpenSSL's has too many.
const wordsOf = (error: Error): string => {
  if ("reason" in error && typeof error.reason === "string") return `TLS failed: ${error.reason}`
  if (error.message !== "") return error.message
  return error instanceof AggregateError ? wordsOf(error.errors[0]) : String(codeOf(error))
}

/** Opens it and subscribes. */
export const connect = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Connection, ConnectionProblem, Scope.Scope> {
  const connected = Deferred.makeUnsafe<void, ConnectionProblem>()
  const closed = Deferred.makeUnsafe<string>()
  let why: Error | undefined
  let isOver = false
  const inFlight = new Set<number>()

  const client = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const stream = open(options.broker, options.ca, options.judge)
      stream.on("error", (error) => (why ??= error))
      const client = new MqttClient(() => stream as never, optionsOf(options))
      client.on("error", (error) => (why ??= error))
      client.on("connect", () => Deferred.doneUnsafe(connected, Effect.void))
      client.on("disconnect", ({ reasonCode }) => (why ??= new Error(`it ended the connection (reason ${reasonCode})`)))
      client.on("packetreceive", (packet) => {
        if (packet.cmd !== "publish" || (packet.topic === options.topic && packet.qos < 2)) return
        why ??= new Error("it sent a message nobody asked for")
        stream.destroy()
      })
      client.on("message", (topic, payload) => {
        if (topic === options.topic) options.onMessage(new Uint8Array(payload))
      })
      client.on("close", () => {
        isOver = true
        const problem = why === undefined ? "it closed the connection" : wordsOf(why)
        const wrongVersion = wrongVersions.has(codeOf(why))
        const over = new ConnectionProblem({ problem, wrongVersion, closedEarly: why === undefined })
        Deferred.doneUnsafe(connected, Effect.fail(over))
        Deferred.doneUnsafe(closed, Effect.succeed(problem))
      })
      return client
    }),
    (client) =>
      Effect.callback<void>((resume) => {
        for (const id of inFlight) client.removeOutgoingMessage(id)
        if (isOver) return resume(Effect.void)
        client.stream.once("close", () => resume(Effect.void))
        if (client.connected) client.end()
        else client.stream.destroy()
      }).pipe(Effect.timeoutOrElse({ duration: END_TIMEOUT, orElse: () => Effect.sync(() => client.stream.destroy()) }))
  )

  const publish: Connection["publish"] = (topic, payload, expiry) =>
    Effect.callback<void, string>((resume) => {
      if (isOver) return resume(Effect.fail("it closed the connection"))
      if (inFlight.size >= IN_FLIGHT) return resume(Effect.fail(`${IN_FLIGHT} messages wait for its acknowledgement`))
      const properties = options.version === 5 ? { messageExpiryInterval: Math.ceil(expiry / 1000) } : {}
      let id = 0
      client.publish(topic, Buffer.from(payload), { qos: 1, properties }, (error) => {
        inFlight.delete(id)
        resume(error ? Effect.fail(wordsOf(error)) : Effect.void)
      })
      id = client.getLastMessageId()
      inFlight.add(id)
      return Effect.sync(() => {
        inFlight.delete(id)
        client.removeOutgoingMessage(id)
      })
    }).pipe(
      Effect.raceFirst(Effect.flatMap(Deferred.await(closed), Effect.fail)),
      Effect.timeoutOrElse({
        duration: PUBLISH_TIMEOUT,
        orElse: () => Effect.fail(`it did not acknowledge a message in ${PUBLISH_TIMEOUT} ms`)
      })
    )

  const subscribe = Effect.callback<void, string>((resume) => {
    const quality = options.version === 5 ? ({ qos: 1, nl: true } as const) : ({ qos: 1 } as const)
    client.subscribe(options.topic, quality, (error, granted) => {
      const code = granted?.[0]?.qos
      if (error) resume(Effect.fail(wordsOf(error)))
      else resume(code === undefined || code >= REFUSED ? Effect.fail("it refused the subscription") : Effect.void)
    })
  }).pipe(
    Effect.timeoutOrElse({
      duration: SUBSCRIBE_TIMEOUT,
      orElse: () => Effect.fail(`it did not acknowledge a subscription in ${SUBSCRIBE_TIMEOUT} ms`)
    }),
    Effect.mapError((problem) => new ConnectionProblem({ problem, wrongVersion: false, closedEarly: false }))
  )

  yield* Deferred.await(connected)
  yield* subscribe
  return { publish, closed: Deferred.await(closed) }
})
