/**
 * Two pipes joined: what one hears the other sends.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Pipe, PipeError, Subscription } from "../../services/Pipe.ts"
import * as Failure from "./failure.ts"

// One direction, until a side ends. The end of one side is passed on as the end of sending on the other, so that
// `request, end, response` works through a link.
const forward = (heard: Subscription, to: Pipe): Effect.Effect<void> =>
  Stream.runForEach(heard.messages, (message) => to.send(message.data)).pipe(
    Effect.andThen(to.end),
    Effect.catch((error) =>
      Effect.andThen(Effect.logDebug("a direction of a link ended", error), Effect.ignore(to.end))
    )
  )

/** Fails where one of the two has no single peer to send to. */
export const linkPipes = (a: Pipe, b: Pipe): Effect.Effect<void, PipeError, Scope.Scope> =>
  Effect.gen(function* () {
    for (const pipe of [a, b]) {
      if (pipe.remote === undefined) {
        return yield* Failure.io("subscribe", pipe.transport, {
          kind: "InvalidInput",
          local: pipe.local,
          detail: "a server cannot be linked: link the clients it accepts"
        })
      }
    }
    const heardByA = yield* a.subscribe()
    const heardByB = yield* b.subscribe()
    yield* Effect.forkScoped(forward(heardByA, b))
    yield* Effect.forkScoped(forward(heardByB, a))
  })
