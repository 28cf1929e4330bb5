/** Taking the pipes that others opened: one by one, as a stream, or by a handler. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Peer, PeerPipe } from "../../services/Peer.ts"
import type { PipeError } from "../../services/Pipe.ts"
import type { CommonOptions } from "../../services/Pipes.ts"
import * as Failure from "../pipes/failure.ts"
import type { Parts } from "./parts.ts"
import { pipeOf } from "./peerPipe.ts"

const closed = () => Failure.io("accept", "tcp", { kind: "Closed", detail: "the peer has closed" })

export const accepting = ({
  acquaintances,
  arrivals,
  pipes
}: Pick<Parts, "acquaintances" | "arrivals" | "pipes">): Pick<Peer["Service"], "accept" | "connections" | "onPipe"> => {
  const accept = <R = never>(options: CommonOptions<R> = {}): Effect.Effect<PeerPipe, PipeError, R | Scope.Scope> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const arrived = yield* restore(arrivals.take)
        if (arrived === undefined) return yield* closed()
        const { peer, won } = arrived
        acquaintances.meet(peer)
        const report = { attempts: [], milliseconds: won.milliseconds }
        return yield* pipeOf(pipes, won, won.kind, report, options, restore)
      })
    )

  /** The next one in a scope of its own, which ends with `parent` or with the pipe. */
  const acceptIn = <R>(parent: Scope.Scope, options: CommonOptions<R> | undefined) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(parent)
        const pipe = yield* restore(Scope.provide(accept(options), scope)).pipe(
          Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)))
        )
        return { pipe, scope }
      })
    )

  return {
    accept,
    connections: (options) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const scope = yield* Effect.scope
          const fibers = yield* FiberSet.make<void>()
          const next = Effect.tap(acceptIn(scope, options), ({ pipe, scope }) =>
            FiberSet.run(fibers, Effect.andThen(pipe.closed, Scope.close(scope, Exit.void)))
          )
          return Stream.fromEffectRepeat(Effect.map(next, ({ pipe }) => pipe))
        })
      ).pipe(Stream.catch((error) => (error.reason.kind === "Closed" ? Stream.empty : Stream.fail(error)))),
    onPipe: (handler, options) =>
      Effect.gen(function* () {
        const scope = yield* Effect.scope
        const fibers = yield* FiberSet.make<void>()
        const one = Effect.gen(function* () {
          const accepted = yield* acceptIn(scope, options)
          const handled = handler(accepted.pipe).pipe(
            Effect.catchCause((cause) => Effect.logWarning("the handler of a peer's pipe failed", cause)),
            Effect.asVoid,
            Effect.onExit((exit) => Scope.close(accepted.scope, exit))
          )
          yield* FiberSet.run(fibers, handled)
        })
        yield* Effect.forkScoped(Effect.ignore(Effect.forever(one)))
      })
  }
}
