/**
 * A pipe over a TCP connection.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Decoder, Framing, FramingError } from "../../protocols/framing/Framing.ts"
import * as LengthPrefixed from "../../protocols/framing/lengthPrefixed.ts"
import * as Lines from "../../protocols/framing/lines.ts"
import type { CloseReason, Message, Pipe, PipeError, PipeIoError } from "../../services/Pipe.ts"
import * as Tcp from "../../services/Tcp.ts"
import { BasePipe } from "./base.ts"
import * as Endpoint from "./endpoint.ts"
import * as Failure from "./failure.ts"
import { canPush, type Intake, pulled, type Pushing } from "./intake.ts"
import { bytesOf, StreamMessage } from "./message.ts"
import type { MessageQueue } from "./queue.ts"
import type { Settings } from "./settings.ts"

const framingOf = (option: Settings["framing"]): Framing | undefined => {
  if (option === undefined || option === "raw") return undefined
  const { limit, type } = typeof option === "string" ? { type: option, limit: undefined } : option
  return type === "lines" ? Lines.make(limit) : LengthPrefixed.make(limit)
}

const endOfPull = (error: unknown): Tcp.CloseReason => {
  if (Cause.isDone(error)) return { _tag: "ClosedByPeer" }
  if (!(error instanceof Tcp.TcpError)) {
    const reason = new Tcp.TcpIoError({ op: "read", kind: "Unknown", cause: error })
    return { _tag: "Failed", error: new Tcp.TcpError({ reason }) }
  }
  switch (error.reason.kind) {
    case "Reset":
      return { _tag: "ResetByPeer" }
    case "Closed":
      return { _tag: "ClosedHere" }
    default:
      return { _tag: "Failed", error }
  }
}

export class TcpPipe extends BasePipe implements Intake<Uint8Array, Tcp.CloseReason> {
  readonly kind: "client" | "accepted"
  readonly transport = "tcp"
  readonly secure: boolean
  protected readonly connection: Tcp.TcpConnection
  private readonly framing: Framing | undefined
  private readonly decoder: Decoder | undefined
  // Found and not handed out, because a queue is full: at most what one chunk held.
  private readonly backlog: Array<Message> = []
  private waiting = false
  private stopWaiting: (() => void) | undefined = undefined
  private last: CloseReason | undefined = undefined
  private leaving: CloseReason | undefined = undefined
  private source: Pushing<Uint8Array, Tcp.CloseReason> | undefined = undefined
  private readAfter: Effect.Effect<void, PipeError> | undefined
  private greeting: Fiber.Fiber<void, PipeError> | undefined = undefined
  private hasEnded = false

  constructor(
    connection: Tcp.TcpConnection,
    secure: boolean,
    settings: Settings,
    parent: BasePipe | undefined,
    scope: Scope.Closeable | undefined,
    readAfter?: Effect.Effect<void, PipeError>
  ) {
    super(settings, parent, scope)
    this.kind = parent === undefined ? "client" : "accepted"
    this.connection = connection
    this.readAfter = readAfter
    this.secure = secure
    this.framing = framingOf(settings.framing)
    this.decoder = this.framing?.decoder()
  }

  get local(): NetAddress.InetAddress {
    return this.connection.local
  }

  get remote(): NetAddress.InetAddress {
    return this.connection.remote
  }

  get binding(): Tcp.InterfaceBinding {
    return this.connection.binding
  }

  // Reading

  /** Begins to read, after the open handlers a client finds at its server. Handlers are registered by now. */
  start(context: Context.Context<never>) {
    const run = Effect.runForkWith(context)
    const { connection } = this
    const source = canPush<Uint8Array, Tcp.CloseReason>(connection)
      ? connection
      : pulled(connection.pull, endOfPull, run)
    this.source = source
    const openers = this.parent?.openers.entries ?? []
    const first =
      openers.length === 0 ? this.readAfter : Effect.forEach(openers, (open) => open(this), { discard: true })
    this.readAfter = undefined
    if (first === undefined) return source.pushTo(this)
    this.greeting = run(first)
    this.greeting.addObserver((exit) => {
      this.greeting = undefined
      if (Exit.isSuccess(exit)) return source.pushTo(this)
      const error = Cause.findErrorOption(exit.cause)
      if (Option.isSome(error))
        run(this.leave({ _tag: "Failed", error: error.value }, (connection) => connection.close))
    })
  }

  take(chunk: Uint8Array): boolean {
    if (this.last !== undefined) return false
    if (this.decoder === undefined && this.hasRoom) {
      this.deliver(new StreamMessage(chunk, this.connection.remote))
      // Whether there is room for one more is asked when it has come.
      return true
    }
    this.decode(this.decoder, chunk)
    return !this.waiting && this.last === undefined
  }

  private get hasRoom(): boolean {
    return !this.waiting && this.backlog.length === 0 && this.fullQueue() === undefined
  }

  private decode(decoder: Decoder | undefined, chunk: Uint8Array) {
    if (decoder === undefined) this.found(chunk)
    else this.last = this.broken(decoder.push(chunk, (message) => this.found(message)))
    this.handOut()
  }

  private found(bytes: Uint8Array) {
    this.backlog.push(new StreamMessage(bytes, this.connection.remote))
  }

  ended(reason: Tcp.CloseReason) {
    // The connection is gone as a whole.
    if (this.last !== undefined) {
      this.hurry()
      return this.handOut()
    }
    // The end of the stream may complete a last message.
    const problem = reason._tag === "ClosedByPeer" ? this.decoder?.end((message) => this.found(message)) : undefined
    this.last = this.broken(problem) ?? this.leaving ?? this.reasonOf(reason)
    if (reason._tag !== "ClosedByPeer") this.hurry()
    this.handOut()
  }

  // Looks for room first: a queue may be shared with other connections. The end waits for it as well, so that connections
  // which come and go cannot fill a queue beyond its limit.
  private handOut() {
    if (this.backlog.length > 0) this.lookForRoom()
    while (this.backlog.length > 0 && !this.waiting) {
      this.deliver(this.backlog.shift()!)
      this.lookForRoom()
    }
    if (this.last !== undefined && this.backlog.length === 0) this.finish(this.last)
  }

  private lookForRoom() {
    const full = this.waiting ? undefined : this.fullQueue()
    if (full !== undefined) this.waitFor(full)
  }

  // One queue may have room again while another is full by now, so all of them are looked at.
  private waitFor(full: MessageQueue) {
    this.waiting = true
    this.stopWaiting = full.onRoom(() => {
      const next = this.fullQueue()
      if (next !== undefined) return this.waitFor(next)
      this.waiting = false
      this.handOut()
      if (!this.waiting && this.last === undefined) this.source?.resume()
    })
  }

  // Nothing holds the connection open any more while its messages wait: those there is no room for are dropped.
  private hurry() {
    this.stopWaiting?.()
    this.stopWaiting = undefined
    this.waiting = false
    while (this.backlog.length > 0) {
      const message = this.backlog.shift()!
      if (this.fullQueue() === undefined) this.deliver(message)
      else this.counters.add("dropped")
    }
  }

  private reasonOf(reason: Tcp.CloseReason): CloseReason {
    switch (reason._tag) {
      case "ResetHere":
        return { _tag: "Reset", by: "here" }
      case "ResetByPeer":
        return { _tag: "Reset", by: "peer" }
      case "Failed":
        return { _tag: "Failed", error: Failure.fromSocket("receive", reason.error) }
      default:
        return reason
    }
  }

  private broken(problem: FramingError | undefined): CloseReason | undefined {
    return problem === undefined ? undefined : { _tag: "Failed", error: this.misframed("receive", problem) }
  }

  private misframed(op: PipeIoError["op"], { kind, message }: FramingError): PipeError {
    return this.failure(
      op,
      kind === "TooLarge" ? "TooLarge" : "InvalidInput",
      `${message} (framing ${this.framing!.name})`
    )
  }

  // Sending

  send(data: Uint8Array | string, to?: NetAddress.InetAddress | string): Effect.Effect<void, PipeError> {
    return Effect.suspend(() => {
      const wrong = Endpoint.notThePeer(to, this.connection.remote)
      if (wrong !== undefined) return Effect.fail(this.failure("send", "InvalidInput", wrong))
      const bytes = bytesOf(data)
      const encoded = this.framing?.encode(bytes)
      if (encoded !== undefined && Result.isFailure(encoded)) {
        return Effect.fail(this.misframed("send", encoded.failure))
      }
      const written = encoded === undefined ? this.connection.write(bytes) : this.connection.writeAll(encoded.success)
      return Effect.matchEffect(written, {
        onSuccess: () => {
          this.counters.sent(bytes.length)
          return Effect.void
        },
        onFailure: (error) => Effect.fail(this.unsent(error))
      })
    })
  }

  private unsent(error: Tcp.TcpError): PipeError {
    const isOpen = this.hasEnded && this.leaving === undefined && error.reason.kind === "Closed"
    return isOpen
      ? this.failure(
          "send",
          "Closed",
          "this side has ended its sending (`end`); what the peer sends still arrives",
          error
        )
      : Failure.fromSocket("send", error)
  }

  get end(): Pipe["end"] {
    return Effect.mapError(
      Effect.tap(this.connection.end, () => Effect.sync(() => (this.hasEnded = true))),
      (error) => Failure.fromSocket("end", error)
    )
  }

  // Leaving

  get close(): Effect.Effect<void> {
    return this.leave({ _tag: "ClosedHere" }, (connection) => connection.close)
  }

  get reset(): Effect.Effect<void> {
    return this.leave({ _tag: "Reset", by: "here" }, (connection) => connection.reset)
  }

  private leave(reason: CloseReason, go: (connection: Tcp.TcpConnection) => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const leaving = (this.leaving ??= reason)
      return Effect.andThen(
        go(this.connection),
        Effect.suspend(() => {
          this.greeting?.interruptUnsafe()
          this.last ??= leaving
          this.hurry()
          this.finish(this.last)
          this.source?.resume()
          return this.released
        })
      )
    })
  }
}
