/**
 * Handing an envelope to several brokers at once.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import { type BrokerOutcome, MAX_ENVELOPE, SignallingError } from "../../services/Signalling.ts"

/** A broker, and how it goes there, which fails with what went wrong; or why it never will. */
export type Try = { readonly broker: string } & (
  | { readonly send: Effect.Effect<void, string> }
  | { readonly never: string }
)

/** Succeeds when the first broker took it. The other tries go on in `fibers`, also when this is interrupted. */
export const firstTaken = Effect.fnUntraced(function* (
  envelope: Uint8Array,
  tries: ReadonlyArray<Try>,
  fibers: FiberSet.FiberSet<unknown, unknown>
): Effect.fn.Return<void, SignallingError> {
  const fail = (problem: string, brokers: ReadonlyArray<BrokerOutcome> = []) =>
    new SignallingError({ op: "send", brokers, problem })
  if (envelope.length > MAX_ENVELOPE) return yield* fail(`${envelope.length} bytes are no envelope`)
  if (tries.length === 0) return yield* fail("there is no broker to send it by: configure one, or name the recipient's")
  const first = Deferred.makeUnsafe<void, SignallingError>()
  const outcomes: Array<BrokerOutcome> = []
  const possible = tries.flatMap((each) => {
    if ("send" in each) return [each]
    outcomes.push({ broker: each.broker, problem: each.never, final: true })
    return []
  })
  if (possible.length === 0) return yield* fail("no broker can take it", outcomes)
  for (const { broker, send } of possible) {
    const told = Effect.matchEffect(send, {
      onSuccess: () => Deferred.succeed(first, undefined),
      onFailure: (problem) => {
        outcomes.push({ broker, problem })
        return outcomes.length < tries.length ? Effect.void : Deferred.fail(first, fail("no broker took it", outcomes))
      }
    })
    yield* FiberSet.run(fibers, told)
  }
  return yield* Deferred.await(first)
})
