/**
 * The strategies of this library: `direct` dials a candidate, `reverse` asks the other to dial back.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { encodeRequest, decodeAnswer, REVERSE } from "../../protocols/connect/messages.ts"
import { fromAttempt } from "../../protocols/connect/attemptId.ts"
import * as Plan from "../../protocols/connect/plan.ts"
import { type ConnectOptions, StrategyError, type Strategy, type StrategyName } from "../../services/Peer.ts"
import type { LocalOptions, Tcp } from "../../services/Tcp.ts"
import type { Pair } from "../../protocols/connect/pair.ts"
import type { Parts } from "./parts.ts"

/** By the interface of the pair, but on this very machine: such packets leave by none, and the system knows from where. */
export const localOf = ({ interface: name, local, nearness }: Pair): LocalOptions =>
  nearness === "same-machine" ? {} : { address: local, interface: name }

export const dial = (tcp: Tcp["Service"], pair: Pair, budget: number) =>
  tcp.dial({ remote: pair.remote, local: localOf(pair), timeout: budget })

const direct = (tcp: Tcp["Service"]): Strategy => ({
  plan: Plan.direct,
  run: ({ budget, pair, reached }) =>
    pair === undefined
      ? Effect.fail(new StrategyError({ reason: "InvalidInput", problem: "there is no pair to dial" }))
      : Effect.andThen(reached("dial"), dial(tcp, pair, budget)).pipe(
          Effect.map((connection) => ({ connection, as: "client" as const })),
          Effect.mapError((cause) => new StrategyError({ reason: cause.reason.kind, problem: cause.message, cause }))
        )
})

/** Before its time is up, in milliseconds: so that a request without an answer can still say why. */
const LAST_WORDS = 20

const reverse = ({ backs, messages }: Pick<Parts, "backs" | "messages">, wholeAddress: () => Uint8Array): Strategy => ({
  plan: Plan.reverse,
  run: Effect.fnUntraced(function* ({ address, budget, id, peer, reached }) {
    yield* reached("signal")
    const body = encodeRequest({ attempt: id, timeLeft: budget, address: wholeAddress() })
    const via = address.brokers.length === 0 ? undefined : address.brokers
    const asking = Effect.gen(function* () {
      const answer = yield* Effect.mapError(
        messages.request(peer, REVERSE, body, { via, timeout: Math.max(budget - LAST_WORDS, 1) }),
        (cause) => new StrategyError({ reason: cause.reason, problem: cause.message, cause })
      )
      if (decodeAnswer(answer.body) === undefined) {
        const problem = "the other peer answered with something else: it may run another version"
        return yield* new StrategyError({ reason: "version", problem })
      }
      yield* reached("wait")
      // The link comes in by a listener.
      return yield* Effect.never
    })
    const failed = Effect.andThen(
      backs.failed(peer, fromAttempt(id)),
      new StrategyError({ reason: "NotReached", problem: "the other peer dialled back, and nothing got through" })
    )
    return yield* Effect.raceFirst(asking, Effect.andThen(failed, Effect.never))
  })
})

/** By their names. `wholeAddress`: this peer's own, with nothing left out. */
export const strategies = (
  parts: Pick<Parts, "tcp" | "messages" | "backs">,
  wholeAddress: () => Uint8Array
): { readonly [Name in StrategyName]: Strategy } => ({
  direct: direct(parts.tcp),
  reverse: reverse(parts, wholeAddress)
})

export type Strategies = ReturnType<typeof strategies>

/** The strategies a connect may use, by name and in order; or what is wrong with the option. */
export const chosen = <R>(
  ours: Strategies,
  option: ConnectOptions<R>["strategies"]
): Result.Result<ReadonlyMap<string, Strategy<R>>, string> => {
  const entries: ReadonlyArray<readonly [string, true | Strategy<R>]> =
    option === undefined
      ? Object.entries(ours)
      : Array.isArray(option)
        ? option.map((name: string) => [name, true] as const)
        : Object.entries(option)
  const found = new Map<string, Strategy<R>>()
  for (const [name, strategy] of entries) {
    const known = strategy === true ? (ours as { readonly [name: string]: Strategy | undefined })[name] : strategy
    if (known === undefined) {
      return Result.fail(`there is no strategy ${JSON.stringify(name)}; there are ${Object.keys(ours).join(", ")}`)
    }
    found.set(name, known)
  }
  return found.size === 0 ? Result.fail("no strategy is named") : Result.succeed(found)
}
