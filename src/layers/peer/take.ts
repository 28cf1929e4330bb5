/**
 * One step of a connect: runs its strategy, secures the link, and takes it to the meeting. What becomes of it is in its
 * record.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { AttemptId } from "../../protocols/connect/nomination.ts"
import type { Failure, Running } from "../../protocols/connect/records.ts"
import type { PeerAddress } from "../../schemas/PeerAddress.ts"
import type { LinkSecurityError } from "../../services/LinkSecurity.ts"
import { type Strategy, StrategyError } from "../../services/Peer.ts"
import type { TcpError } from "../../services/Tcp.ts"
import type { Parts } from "./parts.ts"
import { Held, session, type SessionError } from "./session.ts"

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

export const take = <R>(parts: Parts, taking: Taking<R>): Effect.Effect<void, never, R> => {
  const { began, bytes, id, running, strategy, theirs, until } = taking
  const reached = (step: Parameters<Running["reached"]>[0]) => Effect.sync(() => running.reached(step))
  const end = (outcome: Parameters<Running["end"]>[0], failure?: Failure) =>
    Effect.map(Clock.currentTimeMillis, (now) => running.end(outcome, now - began, failure))

  const linked = Effect.fnUntraced(function* (held: Held, budget: number) {
    const { meetings, fibers, security } = parts
    const { pair } = running.step
    const { peer } = theirs
    const attempt = { peer, address: theirs, id: bytes, pair, budget, reached }
    const link = yield* Scope.provide(strategy.run(attempt), held.scope)
    held.connection = "connection" in link ? link.connection : link.secured.connection
    yield* reached("secure")
    const secured =
      "secured" in link
        ? link.secured
        : yield* Scope.provide(security[link.as](link.connection, { expect: peer }), held.scope)
    if (secured.peer !== peer) {
      return yield* new StrategyError({ reason: "WrongPeer", problem: `the strategy connected to ${secured.peer}` })
    }
    held.connection = secured.connection
    yield* reached("open")
    return yield* session(
      meetings,
      held,
      secured,
      (link) => ({ _tag: "Dialled", link, kind: "direct", attempt: id }),
      fibers
    )
  })

  return Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const budget = Math.min(running.step.budget ?? Infinity, until - now)
    const held = new Held(Scope.makeUnsafe(), now)
    running.start(now - began, held.scope)
    yield* linked(held, budget).pipe(
      Effect.timeoutOption(budget),
      Effect.matchEffect({
        onFailure: (error) => end("failed", failureOf(error)),
        onSuccess: (outcome) =>
          outcome._tag === "None" ? end("timed-out") : outcome.value === "pipe" ? end("connected") : end("superseded")
      }),
      // A strategy that is broken stops no other.
      Effect.catchDefect((defect) =>
        Effect.andThen(
          Effect.logError(`strategy ${running.step.strategy} is broken`, defect),
          end("failed", { reason: "Defect", problem: `the strategy is broken: ${String(defect)}` })
        )
      ),
      Effect.ensuring(held.drop)
    )
  })
}
