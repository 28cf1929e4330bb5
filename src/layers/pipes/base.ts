/**
 * What all pipes share: who hears a message, how receiving ends, handlers, subscriptions and the inbox. Subclasses move
 * the bytes.
 */
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { NetKind } from "../../schemas/NetKind.ts"
import { DuplicateFilter } from "../../protocols/duplicates/DuplicateFilter.ts"
import type {
  CloseHandler,
  CloseReason,
  Filter,
  Message,
  MessageHandler,
  OpenHandler,
  Pipe,
  PipeError,
  PipeIoError,
  QueueLimits,
  ReceiveOptions,
  Subscription
} from "../../services/Pipe.ts"
import type { CommonOptions } from "../../services/Pipes.ts"
import type { InterfaceBinding } from "../../services/Tcp.ts"
import { Counters } from "./counters.ts"
import * as Endpoint from "./endpoint.ts"
import * as Failure from "./failure.ts"
import { guarded, HandlerRegistration } from "./handler.ts"
import { Hooks } from "./hooks.ts"
import { linkPipes } from "./link.ts"
import * as Matcher from "./matcher.ts"
import type { MessageQueue } from "./queue.ts"
import { End, Receiver } from "./receiver.ts"
import { type Registration, Registry, type Sink } from "./sink.ts"
import { SubscriptionSink } from "./subscription.ts"

/** The settings a pipe keeps, and hands to the clients of a server. */
export interface Settings {
  readonly framing: CommonOptions["framing"]
  readonly queue: QueueLimits | undefined
  readonly dropDuplicates: CommonOptions["dropDuplicates"]
  readonly handlerConcurrency: number | undefined
}

const encoder = new TextEncoder()
export const bytesOf = (data: Uint8Array | string): Uint8Array =>
  typeof data === "string" ? encoder.encode(data) : data

export abstract class BasePipe implements Pipe {
  abstract readonly kind: Pipe["kind"]
  abstract readonly transport: Pipe["transport"]
  abstract readonly secure: boolean
  abstract readonly local: NetAddress.InetAddress
  abstract readonly remote: NetAddress.InetAddress | undefined
  abstract readonly binding: InterfaceBinding

  readonly settings: Settings
  readonly counters: Counters
  readonly inbox: Receiver
  /** The server this pipe is a client of. */
  readonly parent: BasePipe | undefined
  private readonly registry = new Registry()
  readonly hooks = new Hooks()
  private readonly duplicates: DuplicateFilter | undefined
  private sinks: ReadonlyArray<Sink> = []
  private seen = -1
  private ending: CloseReason | undefined = undefined
  private ended = false
  private watchers: Array<(reason: CloseReason) => void> | undefined = undefined

  constructor(settings: Settings, parent: BasePipe | undefined) {
    this.settings = settings
    this.parent = parent
    this.counters = new Counters(parent?.counters)
    this.inbox = new Receiver(settings.queue)
    this.duplicates =
      settings.dropDuplicates === undefined || settings.dropDuplicates === false
        ? undefined
        : new DuplicateFilter(settings.dropDuplicates === true ? {} : settings.dropDuplicates)
  }

  abstract send(data: Uint8Array | string, to?: NetAddress.InetAddress | string): Effect.Effect<void, PipeError>
  abstract readonly end: Pipe["end"]
  abstract readonly close: Pipe["close"]
  abstract readonly reset: Pipe["reset"]

  get accept(): Pipe["accept"] {
    return Effect.fail(this.failure("accept", "Unsupported", "only a server accepts: open it with `listen`"))
  }

  /** UDP drops what a full queue cannot take; TCP waits. */
  protected get lossy(): boolean {
    return this.transport === "udp"
  }

  /** A server's client that somebody accepted: its messages are for the one who did, whatever its server hears. */
  protected claimed = false

  // Messages nobody asked for wait in the inbox.
  private get inboxOpen(): boolean {
    return this.registry.entries.length === 0 && (this.claimed || !(this.parent?.hasRegistrations ?? false))
  }

  protected get hasRegistrations(): boolean {
    return this.registry.entries.length > 0
  }

  /** A fibre waiting for messages of this pipe at its server. */
  protected claimElsewhere(_message: Message): ReturnType<Receiver["claim"]> {
    return undefined
  }

  /** A message went to the inbox. */
  protected kept() {}

  // Hearing

  private hearers(): ReadonlyArray<Sink> {
    const version = this.registry.version + (this.parent?.registry.version ?? 0)
    if (version !== this.seen) {
      this.seen = version
      const all = [...this.registry.entries, ...(this.parent?.registry.entries ?? [])]
      this.sinks = all.map((registration) => registration.sinkFor(this))
    }
    return this.sinks
  }

  /** Hands a message to everybody who wants it. Gives back a queue to wait for where one is full and none may be lost. */
  deliver(message: Message): MessageQueue | undefined {
    this.counters.received(message.data.length)
    if (this.duplicates?.isRepeat(Endpoint.keyOf(message.from), message.data) === true) {
      this.counters.add("duplicates")
      return undefined
    }
    const sinks = this.hearers()
    const waiting = this.inbox.claim(message) ?? this.claimElsewhere(message)
    const copy = this.claimed && this.inboxOpen
    let heard = false
    let full: MessageQueue | undefined = undefined
    for (const sink of sinks) {
      const taken = sink.offer(message, this.lossy)
      if (taken === "passed") continue
      heard = true
      if (taken === "dropped") this.counters.add("dropped")
      else if (!this.lossy && sink.queue.full) full = sink.queue
    }
    if (waiting !== undefined) {
      waiting(Effect.succeed(message))
      return full
    }
    return heard && !copy ? full : (this.keep(message) ?? full)
  }

  private keep(message: Message): MessageQueue | undefined {
    if (!this.inboxOpen) {
      this.counters.add("unclaimed")
      return undefined
    }
    const queue = this.inbox.queue
    if (this.lossy && queue.full) {
      this.counters.add("dropped")
      return undefined
    }
    queue.push(message)
    this.kept()
    if (!queue.full) return undefined
    // Whoever still waits wants none of these; on a stream nothing else can come until they are taken.
    this.inbox.interject(
      this.failure(
        "receive",
        "LimitReached",
        "the inbox is full of other messages: take them, or subscribe with the filter"
      )
    )
    return this.lossy ? undefined : queue
  }

  // Ending

  /** No more messages will come. Handlers still finish what they have; then close handlers run and `closed` is told. */
  finish(reason: CloseReason) {
    if (this.ending !== undefined) return
    this.ending = reason
    const end = this.endOf(reason)
    this.inbox.finish(end)
    for (const registration of this.registry.entries) registration.sinkFor(this).finish(end)
    this.settle()
  }

  private endOf(reason: CloseReason): End {
    const clean = reason._tag === "ClosedHere" || reason._tag === "ClosedByPeer"
    return new End(clean, () => {
      switch (reason._tag) {
        case "ClosedHere":
          return this.failure("receive", "Closed", "it was closed here")
        case "ClosedByPeer":
          return this.failure("receive", "Closed", "the peer finished: nothing more will come")
        case "Reset":
          return this.failure("receive", "Reset")
        case "Failed":
          return reason.error
      }
    })
  }

  /** Called when a handler has nothing left to do. */
  settle() {
    const reason = this.ending
    if (reason === undefined || this.ended || this.hearers().some((sink) => !sink.idle)) return
    this.ended = true
    for (const registration of this.registry.entries) registration.release(this)
    for (const registration of this.parent?.registry.entries ?? []) registration.release(this)
    const closers = [...this.hooks.closers, ...(this.parent?.hooks.closers ?? [])]
    for (const run of closers) run(reason, this)
    const watchers = this.watchers
    this.watchers = undefined
    if (watchers !== undefined) for (const watch of watchers) watch(reason)
    this.settled(reason)
  }

  /** Everything is handled: a server-owned client closes itself here. */
  protected settled(_reason: CloseReason) {}

  get closed(): Pipe["closed"] {
    return Effect.callback<CloseReason>((resume) => {
      if (this.ended) return resume(Effect.succeed(this.ending!))
      const watch = (reason: CloseReason) => resume(Effect.succeed(reason))
      ;(this.watchers ??= []).push(watch)
      return Effect.sync(() => {
        const at = this.watchers?.indexOf(watch) ?? -1
        if (at >= 0) this.watchers!.splice(at, 1)
      })
    })
  }

  // Receiving

  /** What a server finds in the inboxes of its clients. */
  protected readonly early: ((matches: Matcher.Matcher | undefined) => Message | undefined) | undefined = undefined

  receive(options?: ReceiveOptions): Effect.Effect<Message, PipeError> {
    const early = this.early
    if (options === undefined && early === undefined) return this.inbox.take(undefined)
    return Effect.suspend(() => {
      const matches = Failure.invalid(Matcher.compile(options), "receive", this.transport)
      if (Result.isFailure(matches)) return Effect.fail(matches.failure)
      const look = early === undefined ? undefined : () => early(matches.success)
      return this.timed(this.inbox.take(matches.success, look), options)
    })
  }

  get messages(): Pipe["messages"] {
    const early = this.early
    return this.inbox.stream(early === undefined ? undefined : () => early(undefined))
  }

  get toStream(): Pipe["toStream"] {
    return Stream.map(this.messages, (message) => message.data)
  }

  timed<A>(
    effect: Effect.Effect<A, PipeError>,
    options: Pick<ReceiveOptions, "timeout"> | undefined
  ): Effect.Effect<A, PipeError> {
    if (options?.timeout === undefined) return effect
    return Effect.timeoutOrElse(effect, {
      duration: options.timeout,
      orElse: () => Effect.fail(this.failure("receive", "TimedOut", "no such message came within the limit given"))
    })
  }

  // Registering

  subscribe(
    filter?: Filter & { readonly queue?: QueueLimits | undefined }
  ): Effect.Effect<Subscription, PipeError, Scope.Scope> {
    return Effect.flatMap(
      Effect.fromResult(Failure.invalid(Matcher.compile(filter), "subscribe", this.transport)),
      (matches) => {
        const subscription = new SubscriptionSink(this, matches, filter?.queue ?? this.settings.queue)
        return Effect.as(
          this.register(subscription, () => {
            subscription.queue.clear()
            subscription.finish(this.endOf({ _tag: "ClosedHere" }))
            return Effect.void
          }),
          subscription
        )
      }
    )
  }

  onMessage<R = never>(handler: MessageHandler<R>, filter?: Filter): Effect.Effect<void, PipeError, R | Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const matches = yield* Effect.fromResult(Failure.invalid(Matcher.compile(filter), "subscribe", this.transport))
      const context = yield* Effect.context<R>()
      const concurrency =
        this.settings.handlerConcurrency ?? (this.transport === "udp" && this.kind === "server" ? 64 : 1)
      const fork = Effect.runForkWith(context)
      const run = (message: Message, pipe: BasePipe) =>
        fork(guarded("message handler", pipe, () => handler(message, message.from, pipe)))
      const registration = new HandlerRegistration(run, matches, this.settings.queue, concurrency)
      yield* this.register(registration, () => registration.stop)
    })
  }

  private register(
    registration: Registration,
    release: () => Effect.Effect<void>
  ): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => {
        this.registry.add(registration)
        // What arrived before anybody listened was meant for the first who does.
        if (this.registry.entries.length === 1) this.replay(registration)
        if (this.ending !== undefined) registration.sinkFor(this).finish(this.endOf(this.ending))
      }),
      () =>
        Effect.suspend(() => {
          this.registry.remove(registration)
          return release()
        })
    )
  }

  /** Gives what waits in the inbox to a first registration. */
  protected replay(registration: Registration) {
    if (this.inbox.queue.length === 0) return
    const sink = registration.sinkFor(this)
    for (let left = this.inbox.queue.length; left > 0; left--) {
      const message = this.inbox.queue.take(undefined)!
      if (sink.offer(message, false) === "passed") this.counters.add("unclaimed")
    }
  }

  onOpen<R = never>(handler: OpenHandler<R>): Effect.Effect<void, never, R | Scope.Scope> {
    return Effect.flatMap(Effect.context<R>(), (context) => {
      const run = (pipe: BasePipe) =>
        Effect.provide(
          guarded("open handler", pipe, () => handler(pipe)),
          context
        )
      return Effect.andThen(this.hooks.addOpener(run), this.isOpen ? run(this) : Effect.void)
    })
  }

  onClose<R = never>(handler: CloseHandler<R>): Effect.Effect<void, never, R | Scope.Scope> {
    return Effect.flatMap(Effect.context<R>(), (context) => {
      const fork = Effect.runForkWith(context)
      const run = (reason: CloseReason, pipe: BasePipe) => {
        fork(guarded("close handler", pipe, () => handler(reason, pipe)))
      }
      return Effect.andThen(
        this.hooks.addCloser(run),
        Effect.sync(() => {
          if (this.ended) run(this.ending!, this)
        })
      )
    })
  }

  /** Whether `onOpen` has something to run for at once: every pipe but a server whose clients are what opens. */
  protected get isOpen(): boolean {
    return true
  }

  /** The open handlers a client finds at its server. */
  protected get greeting(): Effect.Effect<void> | undefined {
    const openers = this.parent?.hooks.openers ?? []
    return openers.length === 0 ? undefined : Effect.forEach(openers, (run) => run(this), { discard: true })
  }

  link(other: Pipe): Effect.Effect<void, PipeError, Scope.Scope> {
    return linkPipes(this, other)
  }

  readonly statistics = () => this.counters.snapshot(this.droppedBelow)

  /** Datagrams the socket dropped before this pipe saw them. */
  protected get droppedBelow(): number {
    return 0
  }

  /** Whether receiving has ended. */
  protected get isOver(): boolean {
    return this.ending !== undefined
  }

  /** What is wrong with sending to this endpoint on a pipe with one peer. */
  protected wrongPeer(
    to: NetAddress.InetAddress | string | undefined,
    remote: NetAddress.InetAddress
  ): PipeError | undefined {
    if (to === undefined || to === remote) return undefined
    const endpoint = Endpoint.parse(to)
    if (Result.isFailure(endpoint)) return this.failure("send", "InvalidInput", endpoint.failure)
    return Endpoint.same(endpoint.success, remote)
      ? undefined
      : this.failure("send", "InvalidInput", `this pipe leads only to ${Endpoint.keyOf(remote)}`)
  }

  failure(op: PipeIoError["op"], kind: NetKind, detail?: string, cause?: unknown): PipeError {
    return Failure.io(op, this.transport, { kind, local: this.local, remote: this.remote, detail, cause })
  }
}
