/**
 * Putting handlers and subscriptions on a pipe. Each is removed by the scope it is registered in.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type {
  CloseHandler,
  CloseReason,
  Filter,
  MessageHandler,
  OpenHandler,
  PipeError,
  QueueLimits,
  Subscription
} from "../../services/Pipe.ts"
import type { BasePipe } from "./base.ts"
import { End } from "./end.ts"
import * as Failure from "./failure.ts"
import { guarded, HandlerRegistration } from "./handler.ts"
import * as Matcher from "./matcher.ts"
import type { Registry } from "./registry.ts"
import { badQueue } from "./settings.ts"
import type { Registration } from "./sink.ts"
import { SubscriptionSink } from "./subscription.ts"

/** Messages a handler of a UDP server works on at once: they come from many, and no order is promised. */
const UDP_SERVER_CONCURRENCY = 64

const register = (
  pipe: BasePipe,
  registration: Registration,
  release: Effect.Effect<void>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => pipe.addRegistration(registration)),
    () =>
      Effect.suspend(() => {
        pipe.registrations.remove(registration)
        return release
      })
  )

const wanted = (filter: (Filter & { readonly queue?: QueueLimits | undefined }) | undefined) => {
  const bad = badQueue(filter?.queue)
  return bad === undefined ? Matcher.compile(filter) : Result.fail(bad)
}

export const subscribe = (
  pipe: BasePipe,
  filter: (Filter & { readonly queue?: QueueLimits | undefined }) | undefined
): Effect.Effect<Subscription, PipeError, Scope.Scope> =>
  Effect.flatMap(Effect.fromResult(Failure.invalid(wanted(filter), "subscribe", pipe)), (matches) => {
    const subscription = new SubscriptionSink(pipe, matches, filter?.queue ?? pipe.settings.queue)
    const leave = Effect.sync(() => {
      subscription.queue.clear()
      subscription.finish(new End(pipe, { _tag: "ClosedHere" }))
    })
    return Effect.as(register(pipe, subscription, leave), subscription)
  })

export const onMessage = <R>(
  pipe: BasePipe,
  handler: MessageHandler<R>,
  filter: Filter | undefined
): Effect.Effect<void, PipeError, R | Scope.Scope> =>
  Effect.gen(function* () {
    const matches = yield* Effect.fromResult(Failure.invalid(Matcher.compile(filter), "subscribe", pipe))
    const fork = Effect.runForkWith(yield* Effect.context<R>())
    const { handlerConcurrency, queue } = pipe.settings
    const registration = new HandlerRegistration({
      run: (message, from) => fork(guarded("message handler", from, () => handler(message, message.from, from))),
      matches,
      queue,
      concurrency:
        handlerConcurrency ?? (pipe.transport === "udp" && pipe.kind === "server" ? UDP_SERVER_CONCURRENCY : 1)
    })
    yield* register(pipe, registration, registration.stop)
  })

export const onOpen = <R>(pipe: BasePipe, handler: OpenHandler<R>): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.flatMap(Effect.context<R>(), (context) => {
    const run = (opened: BasePipe) =>
      Effect.provide(
        guarded("open handler", opened, () => handler(opened)),
        context
      )
    return Effect.andThen(listed(pipe.openers, run), pipe.isOpen ? run(pipe) : Effect.void)
  })

export const onClose = <R>(pipe: BasePipe, handler: CloseHandler<R>): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.flatMap(Effect.context<R>(), (context) => {
    const fork = Effect.runForkWith(context)
    const run = (reason: CloseReason, closed: BasePipe) => {
      fork(guarded("close handler", closed, () => handler(reason, closed)))
    }
    return Effect.andThen(
      listed(pipe.closers, run),
      Effect.sync(() => {
        if (pipe.endedBy !== undefined) run(pipe.endedBy, pipe)
      })
    )
  })

const listed = <A>(registry: Registry<A>, entry: A): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => registry.add(entry)),
    () => Effect.sync(() => registry.remove(entry))
  )
