/**
 * What all pipes share: who hears a message, how receiving ends, and the inbox. Subclasses move the bytes.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { DuplicateFilter } from "../../protocols/duplicates/DuplicateFilter.ts"
import type { NetKind } from "../../schemas/NetKind.ts"
import type {
  CloseHandler,
  CloseReason,
  Filter,
  Link,
  Message,
  MessageHandler,
  OpenHandler,
  Pipe,
  PipeError,
  PipeIoError,
  QueueLimits,
  ReceiveOptions,
  Statistics,
  Subscription
} from "../../services/Pipe.ts"
import type { InterfaceBinding } from "../../services/Tcp.ts"
import { Counters } from "./counters.ts"
import { End } from "./end.ts"
import * as Endpoint from "./endpoint.ts"
import * as Failure from "./failure.ts"
import { linkPipes } from "./link.ts"
import * as Matcher from "./matcher.ts"
import type { MessageQueue } from "./queue.ts"
import { Receiver } from "./receiver.ts"
import * as Registering from "./registering.ts"
import { Registry } from "./registry.ts"
import type { Settings } from "./settings.ts"
import type { Closer, Opener, Registration, Sink } from "./sink.ts"

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
  readonly registrations = new Registry<Registration>()
  readonly openers = new Registry<Opener>()
  readonly closers = new Registry<Closer>()
  /** The server this pipe is a client of. */
  readonly parent: BasePipe | undefined
  /** A server's client that somebody accepted: its messages are for the one who did, whatever its server hears. */
  protected claimed = false
  private readonly scope: Scope.Closeable | undefined
  private readonly duplicates: DuplicateFilter | undefined
  private sinks: ReadonlyArray<Sink> = []
  private seen = 0
  /** Why no more messages will come, from when that is known. */
  ending: CloseReason | undefined = undefined
  private isSettled = false
  private watchers: Array<(reason: CloseReason) => void> | undefined = undefined

  /** `scope` owns what the pipe stands on, and is closed by the pipe. */
  constructor(settings: Settings, parent: BasePipe | undefined, scope: Scope.Closeable | undefined) {
    const { dropDuplicates, queue } = settings
    this.settings = settings
    this.parent = parent
    this.scope = scope
    this.counters = new Counters(parent?.counters)
    this.inbox = new Receiver(queue)
    this.duplicates =
      dropDuplicates === undefined || dropDuplicates === false
        ? undefined
        : new DuplicateFilter(dropDuplicates === true ? {} : dropDuplicates)
  }

  abstract send(data: Uint8Array | string, to?: NetAddress.InetAddress | string): Effect.Effect<void, PipeError>
  abstract readonly end: Pipe["end"]
  abstract readonly close: Pipe["close"]
  abstract readonly reset: Pipe["reset"]

  get accept(): Pipe["accept"] {
    return Effect.fail(this.failure("accept", "Unsupported", "only a server accepts: open it with `listen`"))
  }

  // Hearing

  /** UDP drops what a full queue cannot take; TCP waits. */
  protected get lossy(): boolean {
    return this.transport === "udp"
  }

  // Messages nobody asked for wait in the inbox.
  private get inboxOpen(): boolean {
    return (
      this.registrations.entries.length === 0 &&
      (this.claimed || (this.parent?.registrations.entries.length ?? 0) === 0)
    )
  }

  /** A fibre waiting for messages of this pipe at its server. */
  protected claimElsewhere(_message: Message): ReturnType<Receiver["claim"]> {
    return undefined
  }

  /** A message went to the inbox. */
  protected kept() {}

  private hearers(): ReadonlyArray<Sink> {
    const version = this.registrations.version + (this.parent?.registrations.version ?? 0)
    if (version !== this.seen) {
      this.seen = version
      const { sinks } = this
      const own = this.registrations.entries
      const all = this.parent === undefined ? own : [...own, ...this.parent.registrations.entries]
      this.sinks = all.map((one) => sinks.find((sink) => sink.registration === one) ?? one.sinkFor(this))
    }
    return this.sinks
  }

  /**
   * Hands a message to everybody who wants it: first into every queue, then to those who wait, so that what they do next
   * finds it delivered.
   */
  deliver(message: Message) {
    this.counters.received(message.data.length)
    if (this.duplicates?.isRepeat(Endpoint.keyOf(message.from), message.data) === true) {
      return this.counters.add("duplicates")
    }
    const sinks = this.hearers()
    const waiting = this.inbox.claim(message) ?? this.claimElsewhere(message)
    let heard = waiting !== undefined
    for (const sink of sinks) {
      const taken = sink.offer(message, this.lossy)
      if (taken !== "passed") heard = true
      if (taken === "dropped") this.counters.add("dropped")
    }
    if (waiting === undefined && (!heard || (this.claimed && this.inboxOpen))) this.keep(message)
    for (const sink of sinks) sink.wake()
    waiting?.(Effect.succeed(message))
  }

  private keep(message: Message) {
    if (!this.inboxOpen) return this.counters.add("unclaimed")
    const { queue } = this.inbox
    if (this.lossy && queue.full) return this.counters.add("dropped")
    queue.push(message)
    this.kept()
    // Whoever still waits wants none of these; on a stream nothing else can come until they are taken.
    if (!this.lossy && queue.full && this.inbox.isAwaited) {
      const detail = "the inbox is full of other messages: take them, or subscribe with the filter"
      this.inbox.interject(this.failure("receive", "LimitReached", detail))
    }
  }

  /** A queue that takes no more messages of this pipe. */
  protected fullQueue(): MessageQueue | undefined {
    for (const { queue } of this.hearers()) if (queue.full) return queue
    return this.inbox.queue.full ? this.inbox.queue : undefined
  }

  /** What arrived before anybody listened was meant for the first who does. */
  addRegistration(registration: Registration) {
    this.registrations.add(registration)
    if (this.registrations.entries.length === 1) this.replay(registration)
    if (this.ending !== undefined) registration.finish(new End(this, this.ending))
  }

  protected replay(registration: Registration) {
    const { queue } = this.inbox
    if (queue.length === 0) return
    const sink = this.hearers().find((sink) => sink.registration === registration)!
    for (let left = queue.length; left > 0; left--) {
      if (sink.offer(queue.take()!, false) === "passed") this.counters.add("unclaimed")
    }
    sink.wake()
  }

  // Ending

  /** No more messages will come. Handlers still finish what they have; then close handlers run and `closed` is told. */
  finish(reason: CloseReason) {
    if (this.ending !== undefined) return
    this.ending = reason
    const end = new End(this, reason)
    this.inbox.finish(end)
    for (const registration of this.registrations.entries) registration.finish(end)
    this.settle()
  }

  /** Closes what the pipe stands on. */
  protected get released(): Effect.Effect<void> {
    return this.scope === undefined ? Effect.void : Scope.close(this.scope, Exit.void)
  }

  /** Called whenever something that the end waits for is done. */
  settle() {
    const reason = this.ending
    if (reason === undefined || this.isSettled || this.isHeld) return
    if (this.sinks.length > 0 && this.hearers().some((sink) => !sink.isIdle)) return
    this.isSettled = true
    this.sinks = []
    for (const run of this.closers.entries) run(reason, this)
    for (const run of this.parent?.closers.entries ?? []) run(reason, this)
    const { watchers } = this
    this.watchers = undefined
    if (watchers !== undefined) for (const watch of watchers) watch(reason)
    this.settled()
  }

  /** Somebody may still come for what waits here. */
  protected get isHeld(): boolean {
    return false
  }

  /** Everything is handled: a server-owned client closes itself here. */
  protected settled() {}

  /** Why it ended, once everything is handled. */
  get endedBy(): CloseReason | undefined {
    return this.isSettled ? this.ending : undefined
  }

  get closed(): Pipe["closed"] {
    return Effect.callback<CloseReason>((resume) => {
      if (this.isSettled) return resume(Effect.succeed(this.ending!))
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
    const { early } = this
    if (options === undefined && early === undefined) return this.inbox.take(undefined)
    return Effect.suspend(() => {
      const matches = Failure.invalid(Matcher.compile(options), "receive", this)
      if (Result.isFailure(matches)) return Effect.fail(matches.failure)
      const look = early === undefined ? undefined : () => early(matches.success)
      return this.timed(this.inbox.take(matches.success, look), options)
    })
  }

  get messages(): Pipe["messages"] {
    const { early } = this
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
    return Registering.subscribe(this, filter)
  }

  onMessage<R = never>(handler: MessageHandler<R>, filter?: Filter): Effect.Effect<void, PipeError, R | Scope.Scope> {
    return Registering.onMessage(this, handler, filter)
  }

  onOpen<R = never>(handler: OpenHandler<R>): Effect.Effect<void, never, R | Scope.Scope> {
    return Registering.onOpen(this, handler)
  }

  onClose<R = never>(handler: CloseHandler<R>): Effect.Effect<void, never, R | Scope.Scope> {
    return Registering.onClose(this, handler)
  }

  /** Whether `onOpen` has something to run for at once: every pipe but a server whose clients are what opens. */
  get isOpen(): boolean {
    return true
  }

  link(other: Pipe): Effect.Effect<Link, PipeError, Scope.Scope> {
    return linkPipes(this, other)
  }

  statistics(): Statistics {
    return this.counters.snapshot(this.droppedBelow)
  }

  /** Datagrams the socket dropped before this pipe saw them. */
  protected get droppedBelow(): number {
    return 0
  }

  failure(op: PipeIoError["op"], kind: NetKind, detail?: string, cause?: unknown): PipeError {
    return Failure.io(op, this.transport, { kind, local: this.local, remote: this.remote, detail, cause })
  }
}
