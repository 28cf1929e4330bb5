/**
 * The other side of `reverse`: a request that is signed by who asks, allowed, and within the budget is answered, and the
 * candidates of the asker's own address are dialled. Nothing is sent anywhere before all of that.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Codec from "../../protocols/address/PeerAddress.ts"
import { fromAttempt, toAttempt } from "../../protocols/connect/attemptId.ts"
import {
  decodeFailed,
  decodeRequest,
  encodeAnswer,
  encodeFailed,
  REVERSE,
  REVERSE_FAILED
} from "../../protocols/connect/messages.ts"
import type { AttemptId } from "../../protocols/connect/nomination.ts"
import type { Pair } from "../../protocols/connect/pair.ts"
import { DIRECT_BUDGET_MS } from "../../protocols/connect/plan.ts"
import { RateLimiter } from "../../protocols/limits/RateLimiter.ts"
import type { PeerAddress } from "../../schemas/PeerAddress.ts"
import type { PeerId } from "../../schemas/PeerId.ts"
import type { Message } from "../../services/Messages.ts"
import type { Parts } from "./parts.ts"
import { race } from "./race.ts"
import { Held, session } from "./session.ts"
import { dial } from "./strategies.ts"

interface Asked {
  readonly attempt: AttemptId
  readonly timeLeft: number
  readonly address: PeerAddress
}

/** What a message asks for; `undefined` where it is nothing, or an address that is not the sender's own. */
const read = ({ cryptography }: Parts, from: PeerId, message: Message): Asked | undefined => {
  const request = decodeRequest(message.body)
  if (request === undefined) return undefined
  // By the clock of who made it: when it was sent has been checked.
  const address = Codec.decode(request.address, { primitives: cryptography, now: message.sentAt, tolerance: 0 })
  if (Result.isFailure(address) || address.success.address.peer !== from) return undefined
  const { attempt, timeLeft } = request
  return { attempt: fromAttempt(attempt), timeLeft, address: address.success.address }
}

/** Dials until one is a pipe, or the asker wants none any more; else tells the asker that none got through. */
const dialAll = (parts: Parts, from: PeerId, { address, attempt, timeLeft }: Asked, pairs: ReadonlyArray<Pair>) => {
  const { fibers, limits, meetings, messages, security, tcp } = parts
  let reached = false
  const one = Effect.fnUntraced(function* (held: Held, pair: Pair) {
    const connection = yield* Scope.provide(dial(tcp, pair, DIRECT_BUDGET_MS), held.scope)
    held.connection = connection
    const secured = yield* Scope.provide(security.client(connection, { expect: from }), held.scope)
    held.connection = secured.connection
    yield* session(meetings, held, secured, (link) => ({ _tag: "Dialled", link, kind: "reverse", attempt }), fibers)
    reached = true
  })
  const dialled = (pair: Pair): Effect.Effect<void> =>
    Effect.suspend(() => {
      const held = new Held(Scope.makeUnsafe())
      return one(held, pair).pipe(
        Effect.ensuring(held.drop),
        Effect.catch((error) => {
          // It was there, and has a pipe already or gave up.
          if (error._tag === "SessionError") reached = true
          return Effect.logDebug(`dialling ${from} back came to nothing`, error)
        })
      )
    })
  const steps = pairs.map((pair) => ({ delay: 0, run: dialled(pair) }))
  const via = address.brokers.length === 0 ? undefined : address.brokers
  const told = Effect.ignore(messages.send(from, REVERSE_FAILED, encodeFailed(toAttempt(attempt)), { via }))
  return Effect.timeoutOption(race(steps, pairs.length), Math.min(timeLeft, limits.agreeTime)).pipe(
    Effect.andThen(Effect.suspend(() => (reached ? Effect.void : told)))
  )
}

/** Tells who waits to be dialled back that it came to nothing: the peer asked may say so, and nobody else. */
const hearFailures = ({ backs, messages }: Parts): Effect.Effect<void, never, Scope.Scope> => {
  const attemptOf = ({ body }: Message): AttemptId => fromAttempt(decodeFailed(body) ?? new Uint8Array(0))
  return messages.handle(REVERSE_FAILED, {
    allow: (from, message) => Effect.sync(() => backs.isWaiting(from, attemptOf(message))),
    handler: (message) =>
      Effect.as(
        Effect.sync(() => backs.tell(message.from, attemptOf(message))),
        undefined
      )
  })
}

/** Answers requests until the scope closes. */
export const answerRequests = Effect.fnUntraced(function* (parts: Parts): Effect.fn.Return<void, never, Scope.Scope> {
  const { allow, arrivals, fibers, limits, messages, network, situation } = parts
  const limiter = new RateLimiter({ each: limits.dialsPerPeer, total: limits.dials })
  const underWay = new Map<string, number>()

  const handler = Effect.fnUntraced(function* (message: Message) {
    const { from } = message
    const asked = read(parts, from, message)
    if (asked === undefined) return yield* Effect.fail({ message: "the request makes no sense" })
    const key = `${from} ${asked.attempt}`
    if (arrivals.isFull) return yield* Effect.fail({ message: "it has no room for another pipe: try again later" })
    const known = underWay.get(key)
    if (known !== undefined) return encodeAnswer(known)
    const { pairs } = situation.pairsWith(network.own, asked.address)
    const dialled = pairs.filter(({ chance }) => chance !== "filtered").slice(0, limits.dialsPerRequest)
    const now = yield* Clock.currentTimeMillis
    if (dialled.length === 0) return yield* Effect.fail({ message: "it sees no way to dial this peer" })
    if (underWay.size >= limits.dialBacks || !limiter.allow(from, now, dialled.length)) {
      return yield* Effect.fail({ message: "it is asked to dial too often: try again later" })
    }
    underWay.set(key, dialled.length)
    const over = Effect.sync(() => underWay.delete(key))
    yield* FiberSet.run(fibers, Effect.ensuring(dialAll(parts, from, asked, dialled), over))
    return encodeAnswer(dialled.length)
  })

  yield* hearFailures(parts)
  yield* messages.handle(REVERSE, {
    allow: (from, message) => {
      const asked = read(parts, from, message)
      return asked === undefined ? Effect.succeed(false) : allow(from, { kind: "reverse", address: asked.address })
    },
    handler
  })
})
