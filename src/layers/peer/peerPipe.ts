/**
 * A link that was decided on as a pipe of the program.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { PipeError } from "../../services/Pipe.ts"
import type { CommonOptions, Pipes } from "../../services/Pipes.ts"
import type { PeerPipe, Report } from "../../services/Peer.ts"
import type { Won } from "./Meeting.ts"

// By itself: closures of one function keep alive what any of them uses, for as long as the pipe is open.
const closedWithScope = (scope: Scope.Closeable): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer(() => Scope.close(scope, Exit.void))

/**
 * To be run where it cannot be interrupted, with `restore` around what can be: from here on the link belongs to the pipe,
 * and the pipe to the scope.
 */
export const pipeOf = <R>(
  pipes: Pipes["Service"],
  won: Won,
  strategy: string,
  report: Report,
  options: CommonOptions<R>,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<PeerPipe, PipeError, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { link, own, scope } = won
    const { peer, protection } = link
    yield* closedWithScope(scope)
    const connection = yield* won.finish
    const { dropDuplicates, framing, handlerConcurrency, onClose, onMessage, onOpen, queue } = options
    const secure = protection !== "plain"
    const pipe = yield* restore(
      pipes.fromTcp(connection, {
        dropDuplicates,
        framing,
        handlerConcurrency,
        onClose,
        onMessage,
        onOpen,
        queue,
        secure
      })
    )
    return Object.assign(pipe, { peer, strategy, protection, report, initiator: own ? "here" : "there" } as const)
  }).pipe(Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(won.scope, exit))))
