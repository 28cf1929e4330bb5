/**
 * One step of a connect: runs its strategy, secures the link, and takes it to the meeting. What becomes of it is in its
 * record.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { AttemptId } from "../../protocols/connect/nomination.ts"
import type { Failure, Running } from "../../protocols/connect/records.ts"
import type { PeerAddress } from "../../schemas/PeerAddress.ts"
import type { LinkSecurityError } from "../../services/LinkSecurity.ts"
import { type Strategy, StrategyError } from "../../services/Peer.ts"
import type { TcpError } from "../../services/Tcp.ts"
import type { Parts } from "./parts.ts"
import type { SessionError } from "./Meeting.ts"
import { Held, session } from "./session.ts"

export interface Taking<R> {
  readonly running: Running
  readonly strategy: Strategy<R>
  readonly theirs: PeerAddress
  readonly id: AttemptId
  readonly bytes: Uint8Array
  /** When the connect began, and when it must be over. */
  readonly began: number
  readonly until: number
}

type TakeError = StrategyError | LinkSecurityError | SessionError | TcpError

const failureOf = (error: TakeError): Failure => ({
  reason: error._tag === "TcpError" ? error.reason.kind : error.reason,
  problem: error.message
})

/** A strategy that keeps to its budget has so many milliseconds to say itself what went wrong. */
const LAST_WORDS = 20

/** To be run in a fibre of its own, which it interrupts when the time of the step is over. */
export const take = <R>(parts: Parts, taking: Taking<R>): Effect.Effect<void, never, R> =>
  Effect.clockWith((clock) => {
    const { began, bytes, id, running, strategy, theirs, until } = taking
    const { pair } = running.step
    const { peer } = theirs
    const { deadlines, security } = parts
    const now = clock.currentTimeMillisUnsafe()
    const budget = Math.min(running.step.budget ?? Infinity, until - now)
    const held = new Held(Scope.makeUnsafe(), now)
    const reached = (step: Parameters<Running["reached"]>[0]) => Effect.sync(() => running.reached(step))
    const end = (outcome: Parameters<Running["end"]>[0], failure?: Failure) =>
      running.end(outcome, clock.currentTimeMillisUnsafe() - began, failure)
    running.start(now - began, held.scope)

    const linked = Effect.gen(function* () {
      const link = yield* strategy.run({ peer, address: theirs, id: bytes, pair, budget, reached })
      held.connection = "connection" in link ? link.connection : link.secured.connection
      running.reached("secure")
      const secured =
        "secured" in link
          ? link.secured
          : yield* security[link.as](link.connection, { expect: peer, timeout: Infinity })
      if (secured.peer !== peer) {
        return yield* new StrategyError({ reason: "WrongPeer", problem: `the strategy connected to ${secured.peer}` })
      }
      held.connection = secured.connection
      running.reached("open")
      return yield* session(parts, held, secured, (link) => ({
        _tag: "Dialled",
        link,
        kind: "direct",
        attempt: id,
        welcome: secured.welcome === true
      }))
    })

    const spent = (fiber: Fiber.Fiber<unknown, unknown>) => () => {
      end("timed-out")
      fiber.interruptUnsafe()
    }
    return Effect.withFiber((fiber) => {
      const done = deadlines.after(budget + LAST_WORDS, spent(fiber))
      return Effect.onExit(Scope.provide(linked, held.scope), () => Effect.sync(done))
    }).pipe(
      Effect.match({
        onFailure: (error) => end("failed", failureOf(error)),
        onSuccess: (outcome) => end(outcome === "pipe" ? "connected" : "superseded")
      }),
      // A strategy that is broken stops no other.
      Effect.catchDefect((defect) => {
        end("failed", { reason: "Defect", problem: `the strategy is broken: ${String(defect)}` })
        return Effect.logError(`strategy ${running.step.strategy} is broken`, defect)
      }),
      Effect.ensuring(held.drop)
    )
  })
