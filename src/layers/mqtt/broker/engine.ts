/**
 * The MQTT engine, `aedes`, told what a broker of envelopes allows.
 */
import { Aedes, type AedesOptions, type AuthenticateError, type Client } from "aedes"
import { isTopic } from "../../../protocols/envelope/topic.ts"
import { RateLimiter } from "../../../protocols/limits/RateLimiter.ts"
import type { Limits } from "../../../services/Broker.ts"
import { MAX_ENVELOPE } from "../../../services/Signalling.ts"
import type { Counts } from "./Counts.ts"

/** Clients may name themselves; a name is kept while they are there. */
const MAX_CLIENT_ID = 64

/** Bytes waiting for a client that does not read: some twenty small envelopes. */
const MAX_WAITING = 65_536

/** A client that reads nothing for so long is gone. */
const DRAIN_TIMEOUT = 10_000

/** MQTT 3.1.1 section 3.2.2.3: not authorized. */
const NOT_AUTHORIZED = 5

/** What a client greets with that this broker does not do. */
const refusal = (packet: Parameters<NonNullable<AedesOptions["preConnect"]>>[1], keepAlive: number) => {
  if (packet.will) return "a last will"
  if (packet.clientId.length > MAX_CLIENT_ID) return "a client id of more than 64 characters"
  const seconds = packet.keepalive ?? 0
  return seconds === 0 || seconds > keepAlive ? `a keep-alive that is not 1 to ${keepAlive} seconds` : undefined
}

export const make = (limits: Limits, counts: Counts): Aedes => {
  const limiter = new RateLimiter({ each: limits.perClient, sources: limits.clients })
  const refused = new WeakMap<Client, string>()
  const { stats } = counts
  const mayAct = (client: Client): boolean => limiter.allow(client.id, performance.now())

  const options: AedesOptions = {
    // A client that does not read blocks the message that waits for it, and none of the others'.
    concurrency: 0,
    connectTimeout: limits.connectTimeout,
    drainTimeout: DRAIN_TIMEOUT,
    preConnect: (client, packet, done) => {
      const problem = refusal(packet, limits.keepAlive)
      if (problem !== undefined) refused.set(client, problem)
      // Nothing is kept for who is away. Asking for it is no mistake: the answer says that there is no session.
      packet.clean = true
      done(null, true)
    },
    authenticate: (client, _username, _password, done) => {
      const problem = refused.get(client)
      if (problem === undefined) return done(null, true)
      stats.refused++
      done(
        Object.assign(new Error(`${problem} is not allowed`), { returnCode: NOT_AUTHORIZED }) as AuthenticateError,
        null
      )
    },
    authorizePublish: (client, { payload, qos, retain, topic }, done) => {
      const isEnvelope = isTopic(topic) && payload.length <= MAX_ENVELOPE && !retain && qos < 2
      if (client !== null && isEnvelope && mayAct(client)) {
        stats.messages++
        return done(null)
      }
      stats.refused++
      done(new Error("not a message for a peer, or too many"))
    },
    authorizeSubscribe: (client, subscription, done) => {
      if (!mayAct(client)) return done(new Error("too many subscriptions"))
      const { subscriptions } = client as Client & { readonly subscriptions: object }
      const isNew = !Object.hasOwn(subscriptions, subscription.topic)
      if (isTopic(subscription.topic) && !(isNew && Object.keys(subscriptions).length >= limits.subscriptions)) {
        return done(null, { ...subscription, qos: subscription.qos === 0 ? 0 : 1 })
      }
      stats.refused++
      done(null, null)
    },
    authorizeForward: ({ conn }, packet) => {
      if (conn.writableLength <= MAX_WAITING) return packet
      stats.slow++
      conn.destroy()
      return null
    }
  }
  const aedes = new Aedes(options)
  // Errors of clients end their connections, which is all there is to do about them.
  aedes.on("clientError", () => {}).on("connectionError", () => {})
  return aedes
}
