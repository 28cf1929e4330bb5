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
import type { AttemptId, LinkId } from "../../protocols/connect/nomination.ts"
import type { Pair } from "../../protocols/connect/pair.ts"
import { DIRECT_BUDGET_MS } from "../../protocols/connect/plan.ts"
import { type Rate, RateLimiter } from "../../protocols/limits/RateLimiter.ts"
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
const dialAll = (parts: Parts, from: PeerId, { attempt, timeLeft }: Asked, pairs: ReadonlyArray<Pair>) => {
  const { limits, messages, security, tcp } = parts
  let reached = false
  const one = Effect.fnUntraced(function* (held: Held, pair: Pair) {
    const connection = yield* Scope.provide(dial(tcp, pair, DIRECT_BUDGET_MS), held.scope)
    held.connection = connection
    const secured = yield* Scope.provide(security.client(connection, { expect: from }), held.scope)
    held.connection = secured.connection
    const event = (link: LinkId) => ({ _tag: "Dialled", link, kind: "reverse", attempt, welcome: false }) as const
    yield* session(parts, held, secured, event)
    reached = true
  })
  const dialled = (pair: Pair): Effect.Effect<void> =>
    Effect.clockWith((clock) => {
      const held = new Held(Scope.makeUnsafe(), clock.currentTimeMillisUnsafe())
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
  // By the brokers the request came by, as an answer: whose address this is must not choose where this peer connects.
  const told = Effect.ignore(messages.send(from, REVERSE_FAILED, encodeFailed(toAttempt(attempt)), { isAnswer: true }))
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

/** What is spent on one kind of askers. */
class Budget {
  /** Requests worked on, and how many dials each was answered with. */
  private readonly underWay = new Map<string, number>()
  private readonly most: number
  private readonly rates: RateLimiter

  constructor(each: Rate, total: Rate, most: number) {
    this.most = most
    this.rates = new RateLimiter({ each, total })
  }

  dialsOf(request: string): number | undefined {
    return this.underWay.get(request)
  }

  /** Takes a dial before there is any work: what is looked for in vain costs one as well. */
  begin(from: PeerId, now: number): boolean {
    return this.underWay.size < this.most && this.rates.allow(from, now)
  }

  /** Takes the others, and gives those that may be dialled. */
  take(from: PeerId, now: number, pairs: ReadonlyArray<Pair>): ReadonlyArray<Pair> {
    return pairs.length < 2 || this.rates.allow(from, now, pairs.length - 1) ? pairs : pairs.slice(0, 1)
  }

  during<A, E>(request: string, dials: number, effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    this.underWay.set(request, dials)
    return Effect.ensuring(
      effect,
      Effect.sync(() => this.underWay.delete(request))
    )
  }
}

/** Answers requests until the scope closes. */
export const answerRequests = Effect.fnUntraced(function* (parts: Parts): Effect.fn.Return<void, never, Scope.Scope> {
  const { acquaintances, allow, arrivals, fibers, limits, messages, network, situation } = parts
  const budgets = {
    known: new Budget(limits.dialsPerPeer, limits.dials, limits.dialBacks),
    strangers: new Budget(limits.dialsPerPeer, limits.strangerDials, limits.strangerDialBacks)
  }
  /** What was read for `allow`. */
  const requests = new WeakMap<Message, Asked>()

  const handler = Effect.fnUntraced(function* (message: Message) {
    const { from } = message
    const asked = requests.get(message)
    if (asked === undefined) return yield* Effect.fail({ message: "the request makes no sense" })
    const key = `${from} ${asked.attempt}`
    if (!arrivals.hasRoom(from))
      return yield* Effect.fail({ message: "it has no room for another pipe: try again later" })
    const budget = acquaintances.knows(from) ? budgets.known : budgets.strangers
    const known = budget.dialsOf(key)
    if (known !== undefined) return encodeAnswer(known)
    const now = yield* Clock.currentTimeMillis
    if (!budget.begin(from, now))
      return yield* Effect.fail({ message: "it is asked to dial too often: try again later" })
    const { pairs } = situation.pairsWith(network.own, asked.address, { stranger: !acquaintances.isCalled(from) })
    const likely = pairs.filter(({ chance }) => chance !== "filtered").slice(0, limits.dialsPerRequest)
    if (likely.length === 0) return yield* Effect.fail({ message: "it sees no way to dial this peer" })
    const dialled = budget.take(from, now, likely)
    yield* FiberSet.run(fibers, budget.during(key, dialled.length, dialAll(parts, from, asked, dialled)))
    return encodeAnswer(dialled.length)
  })

  yield* hearFailures(parts)
  yield* messages.handle(REVERSE, {
    allow: (from, message) => {
      const asked = read(parts, from, message)
      if (asked === undefined) return Effect.succeed(false)
      requests.set(message, asked)
      return Effect.timeoutOrElse(allow(from, { kind: "reverse", address: asked.address }), {
        duration: limits.allowTime,
        orElse: () => Effect.succeed(false)
      })
    },
    handler
  })
})
