/**
 * Two pipes joined: what one hears the other sends.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CloseReason, Link, Pipe, PipeError } from "../../services/Pipe.ts"
import * as Failure from "./failure.ts"

// Our own pipes know at once why they end. `closed` also waits for handlers, and one of those may wait for the link.
const endOf = (pipe: Pipe & { readonly ending?: CloseReason | undefined }): Effect.Effect<CloseReason> =>
  Effect.suspend(() => (pipe.ending === undefined ? pipe.closed : Effect.succeed(pipe.ending)))

// UDP has no end of sending: to close it is all there is.
const isWhole = (pipe: Pipe, reason: CloseReason): boolean =>
  reason._tag === "ClosedByPeer" || (pipe.transport === "udp" && reason._tag === "ClosedHere")

// Lost on the way, as datagrams are. The next one may arrive.
const isLost = (to: Pipe, { reason: { kind } }: PipeError): boolean =>
  to.transport === "udp" && (kind === "Refused" || kind === "Unreachable")

const pass = (to: Pipe, data: Uint8Array): Effect.Effect<void, PipeError> =>
  Effect.catch(to.send(data), (error) =>
    isLost(to, error) ? Effect.logDebug("a link lost a datagram", error) : Effect.fail(error)
  )

/**
 * One direction. An end is passed on as an end, so that `request, end, response` works through a link; anything else as a
 * reset, so that nobody takes half a message for a whole one.
 */
const forward = (from: Pipe, to: Pipe): Effect.Effect<void, PipeError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const heard = yield* from.subscribe()
      const end = Effect.flatMap(endOf(from), (reason) => (isWhole(from, reason) ? Effect.ignore(to.end) : to.reset))
      const broken = (error: PipeError) =>
        Effect.logDebug("a direction of a link broke", error).pipe(
          Effect.andThen(Effect.all([from.reset, to.reset], { discard: true }))
        )
      yield* Stream.runForEach(heard.messages, (message) => pass(to, message.data)).pipe(
        Effect.matchEffect({ onSuccess: () => end, onFailure: broken })
      )
    })
  )

/** Fails where one of the two has no single peer to send to. */
export const linkPipes = (a: Pipe, b: Pipe): Effect.Effect<Link, PipeError, Scope.Scope> =>
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
    // At once: both sides are subscribed to before this is done.
    const directions = yield* Effect.forEach([forward(a, b), forward(b, a)], (direction) =>
      Effect.forkScoped(direction, { startImmediately: true })
    )
    return { ended: Effect.asVoid(Fiber.awaitAll(directions)) }
  })
