/**
 * Putting handlers and subscriptions on a pipe. Each is removed by the scope it is registered in.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
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
import { blamed, guarded, HandlerRegistration } from "./handler.ts"
import * as Matcher from "./matcher.ts"
import type { Registry } from "./registry.ts"
import { badQueue } from "./settings.ts"
import type { Registration } from "./sink.ts"
import { SubscriptionSink } from "./subscription.ts"

/** Messages a handler of a UDP server works on at once: they come from many, and no order is promised. */
const UDP_SERVER_CONCURRENCY = 64

/** `add` now, `remove` with the scope. */
const until = (scope: Scope.Scope, add: () => void, remove: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.uninterruptible(
    Effect.suspend(() => {
      add()
      return Scope.addFinalizer(scope, remove)
    })
  )

const register = (
  pipe: BasePipe,
  scope: Scope.Scope,
  registration: Registration,
  release: Effect.Effect<void>
): Effect.Effect<void> =>
  until(
    scope,
    () => pipe.addRegistration(registration),
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
  Effect.flatMap(Effect.scope, (scope) => {
    const matches = Failure.invalid(wanted(filter), "subscribe", pipe)
    if (Result.isFailure(matches)) return Effect.fail(matches.failure)
    const subscription = new SubscriptionSink(pipe, matches.success, filter?.queue ?? pipe.settings.queue)
    const leave = Effect.sync(() => {
      subscription.queue.clear()
      subscription.finish(new End(pipe, { _tag: "ClosedHere" }))
    })
    return Effect.as(register(pipe, scope, subscription, leave), subscription)
  })

export const onMessage = <R>(
  pipe: BasePipe,
  handler: MessageHandler<R>,
  filter: Filter | undefined
): Effect.Effect<void, PipeError, R | Scope.Scope> =>
  Effect.contextWith((context: Context.Context<R | Scope.Scope>) => {
    const matches = Failure.invalid(Matcher.compile(filter), "subscribe", pipe)
    if (Result.isFailure(matches)) return Effect.fail(matches.failure)
    const fork = Effect.runForkWith(context)
    const { handlerConcurrency, queue } = pipe.settings
    const registration = new HandlerRegistration({
      run: (message, from) => {
        try {
          return fork(handler(message, message.from, from))
        } catch (defect) {
          return fork(Effect.die(defect))
        }
      },
      failed: (cause, from) => fork(blamed("message handler", from, cause)),
      matches: matches.success,
      queue,
      concurrency:
        handlerConcurrency ?? (pipe.transport === "udp" && pipe.kind === "server" ? UDP_SERVER_CONCURRENCY : 1)
    })
    return register(pipe, Context.get(context, Scope.Scope), registration, registration.stop)
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
  Effect.flatMap(Effect.scope, (scope) =>
    until(
      scope,
      () => registry.add(entry),
      Effect.sync(() => registry.remove(entry))
    )
  )
