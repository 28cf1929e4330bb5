/**
 * A link that was decided on as a pipe of the program.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { PipeError } from "../../services/Pipe.ts"
import type { CommonOptions, Pipes } from "../../services/Pipes.ts"
import type { PeerPipe, Report } from "../../services/Peer.ts"
import type { TcpConnection } from "../../services/Tcp.ts"
import * as Failure from "../pipes/failure.ts"
import type { SessionError, Won } from "./Meeting.ts"

// By itself: closures of one function keep alive what any of them uses, for as long as the pipe is open.
const closedWith = (scope: Scope.Scope, own: Scope.Closeable): Effect.Effect<void> =>
  Scope.addFinalizer(scope, Scope.close(own, Exit.void))

const notTaken =
  ({ local, remote }: TcpConnection) =>
  ({ message: detail }: SessionError): PipeError =>
    Failure.io("receive", "tcp", { kind: "Closed", local, remote, detail })

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
  Effect.contextWith((context: Context.Context<R | Scope.Scope>) => {
    const { finish, link, own, readAfter, scope } = won
    const { peer, protection } = link
    const { dropDuplicates, framing, handlerConcurrency, onClose, onMessage, onOpen, queue } = options
    const wrapped = {
      dropDuplicates,
      framing,
      handlerConcurrency,
      onClose,
      onMessage,
      onOpen,
      queue,
      secure: protection !== "plain",
      readAfter: readAfter === undefined ? undefined : Effect.mapError(readAfter, notTaken(link.connection))
    }
    return closedWith(Context.get(context, Scope.Scope), scope).pipe(
      Effect.andThen(finish),
      Effect.flatMap((connection) => restore(pipes.fromTcp(connection, wrapped))),
      Effect.map((pipe) =>
        Object.assign(pipe, { peer, strategy, protection, report, initiator: own ? "here" : "there" } as const)
      ),
      Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)))
    )
  })
