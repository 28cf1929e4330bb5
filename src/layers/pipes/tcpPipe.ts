/**
 * A pipe over a TCP connection.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Framing } from "../../protocols/framing/Framing.ts"
import * as LengthPrefixed from "../../protocols/framing/lengthPrefixed.ts"
import * as Lines from "../../protocols/framing/lines.ts"
import { type Message, type Pipe, PipeError } from "../../services/Pipe.ts"
import { type InterfaceBinding, type TcpConnection, TcpError } from "../../services/Tcp.ts"
import { BasePipe, bytesOf, type Settings } from "./base.ts"
import * as Failure from "./failure.ts"
import { StreamMessage } from "./message.ts"
import type { MessageQueue } from "./queue.ts"

const framingOf = (option: Settings["framing"]): Framing | undefined => {
  if (option === undefined || option === "raw") return undefined
  const { limit, type } = typeof option === "string" ? { type: option, limit: undefined } : option
  return type === "lines" ? Lines.make(limit) : LengthPrefixed.make(limit)
}

export class TcpPipe extends BasePipe {
  readonly kind: "client" | "accepted"
  readonly transport = "tcp"
  readonly secure: boolean
  protected readonly connection: TcpConnection
  private readonly framing: Framing | undefined
  private fiber: Fiber.Fiber<void, TcpError | PipeError | Cause.Done> | undefined = undefined
  private leaving: "close" | "reset" | undefined = undefined

  constructor(connection: TcpConnection, secure: boolean, settings: Settings, parent: BasePipe | undefined) {
    super(settings, parent)
    this.kind = parent === undefined ? "client" : "accepted"
    this.connection = connection
    this.secure = secure
    this.framing = framingOf(settings.framing)
  }

  get local(): NetAddress.InetAddress {
    return this.connection.local
  }

  get remote(): NetAddress.InetAddress {
    return this.connection.remote
  }

  get binding(): InterfaceBinding {
    return this.connection.binding
  }

  /** Begins to read. Handlers are registered by now. */
  start(context: Context.Context<never>) {
    const read = this.framing === undefined ? this.readChunks : this.readMessages(this.framing)
    const greet = this.greeting
    this.fiber = Effect.runForkWith(context)(greet === undefined ? read : Effect.andThen(greet, read))
    this.fiber.addObserver((exit) => this.readingEnded(exit))
  }

  // One primitive and no generator: this loop stands idle in every connection there is.
  private get readChunks(): Effect.Effect<void, TcpError | Cause.Done> {
    const { connection } = this
    let chunks: ReadonlyArray<Uint8Array> = []
    let at = 0
    let full: MessageQueue | undefined
    return Effect.whileLoop<ReadonlyArray<Uint8Array> | void, TcpError | Cause.Done, never>({
      while: () => true,
      body: () => full?.room ?? connection.pull,
      step: (pulled) => {
        if (pulled !== undefined) {
          chunks = pulled
          at = 0
        }
        full = undefined
        while (at < chunks.length && full === undefined) {
          full = this.deliver(new StreamMessage(chunks[at++]!, connection.remote))
        }
        if (full === undefined) chunks = []
      }
    })
  }

  private readMessages(framing: Framing): Effect.Effect<void, TcpError | PipeError | Cause.Done> {
    return Effect.gen({ self: this }, function* () {
      const decoder = framing.decoder()
      let complete: Array<Message> = []
      const emit = (bytes: Uint8Array) => {
        complete.push(new StreamMessage(bytes, this.connection.remote))
      }
      for (;;) {
        // The end of the stream may complete a last message, so it is looked at before it is passed on.
        const chunks = yield* Effect.catchIf(this.connection.pull, Cause.isDone, () => Effect.succeed(undefined))
        let problem = chunks === undefined ? decoder.end(emit) : undefined
        for (const chunk of chunks ?? []) problem ??= decoder.push(chunk, emit)
        const messages = complete
        complete = []
        for (const message of messages) {
          const full = this.deliver(message)
          if (full !== undefined) yield* full.room
        }
        if (problem !== undefined) {
          return yield* this.failure(
            "receive",
            problem.kind === "TooLarge" ? "TooLarge" : "InvalidInput",
            `${problem.message} (framing ${framing.name})`
          )
        }
        if (chunks === undefined) return yield* Cause.done()
      }
    })
  }

  private readingEnded(exit: Exit.Exit<void, TcpError | PipeError | Cause.Done>) {
    // Interrupted by `close` or `reset`, which finish the pipe themselves.
    if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
    const error = Cause.squash(exit.cause)
    if (Cause.isDone(error)) return this.finish({ _tag: "ClosedByPeer" })
    const known = error instanceof TcpError || error instanceof PipeError
    this.failed(known ? error : this.failure("receive", "Unknown", undefined, error))
  }

  private failed(error: TcpError | PipeError) {
    if (this.leaving === "close") return this.finish({ _tag: "ClosedHere" })
    if (this.leaving === "reset") return this.finish({ _tag: "Reset", by: "here" })
    if (error.reason.kind === "Reset") return this.finish({ _tag: "Reset", by: "peer" })
    this.finish({ _tag: "Failed", error: error._tag === "PipeError" ? error : Failure.fromSocket("receive", error) })
  }

  send(data: Uint8Array | string, to?: NetAddress.InetAddress | string): Effect.Effect<void, PipeError> {
    return Effect.suspend(() => {
      const wrong = this.wrongPeer(to, this.connection.remote)
      if (wrong !== undefined) return Effect.fail(wrong)
      const bytes = bytesOf(data)
      const written = this.framing === undefined ? this.connection.write(bytes) : this.writeFramed(this.framing, bytes)
      this.counters.sent(bytes.length)
      return Effect.catchTag(written, "TcpError", (error) => Effect.fail(Failure.fromSocket("send", error)))
    })
  }

  private writeFramed(framing: Framing, bytes: Uint8Array): Effect.Effect<void, PipeError | TcpError> {
    const encoded = framing.encode(bytes)
    return Result.isSuccess(encoded)
      ? this.connection.writeAll(encoded.success)
      : Effect.fail(
          this.failure(
            "send",
            encoded.failure.kind === "TooLarge" ? "TooLarge" : "InvalidInput",
            encoded.failure.message
          )
        )
  }

  get end(): Pipe["end"] {
    return Effect.mapError(this.connection.end, (error) => Failure.fromSocket("end", error))
  }

  get close(): Effect.Effect<void> {
    return this.leave("close", () => this.connection.close)
  }

  get reset(): Effect.Effect<void> {
    return this.leave("reset", () => this.connection.reset)
  }

  private leave(how: "close" | "reset", go: () => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.leaving ??= how
      return Effect.andThen(
        go(),
        Effect.sync(() => {
          // The reader may wait for room or for an open handler rather than for the connection.
          this.fiber?.interruptUnsafe()
          this.finish(this.leaving === "reset" ? { _tag: "Reset", by: "here" } : { _tag: "ClosedHere" })
        })
      )
    })
  }
}
