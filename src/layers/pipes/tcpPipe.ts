/**
 * A pipe over a TCP connection.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Framing } from "../../protocols/framing/Framing.ts"
import * as LengthPrefixed from "../../protocols/framing/lengthPrefixed.ts"
import * as Lines from "../../protocols/framing/lines.ts"
import type { Message, Pipe, PipeError } from "../../services/Pipe.ts"
import type { InterfaceBinding, TcpConnection, TcpError } from "../../services/Tcp.ts"
import { BasePipe, bytesOf, type Settings } from "./base.ts"
import * as Failure from "./failure.ts"
import { StreamMessage } from "./message.ts"

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
  private fiber: Fiber.Fiber<void> | undefined = undefined
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
    this.fiber = Effect.runForkWith(context)(this.reading)
  }

  private get reading(): Effect.Effect<void> {
    return Effect.andThen(
      this.greeted,
      this.framing === undefined ? this.readChunks : this.readMessages(this.framing)
    ).pipe(
      Effect.catchDefect((cause) => Effect.fail(this.failure("receive", "Unknown", undefined, cause))),
      Effect.catch((error) =>
        Effect.sync(() => {
          if (Cause.isDone(error)) this.finish({ _tag: "ClosedByPeer" })
          else this.failed(error)
        })
      )
    )
  }

  private get readChunks(): Effect.Effect<never, TcpError | Cause.Done> {
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        const chunks = yield* this.connection.pull
        for (const chunk of chunks) {
          const full = this.deliver(new StreamMessage(chunk, this.connection.remote))
          if (full !== undefined && full.full) yield* full.room
        }
      }
    })
  }

  private readMessages(framing: Framing): Effect.Effect<never, TcpError | PipeError | Cause.Done> {
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
          if (full !== undefined && full.full) yield* full.room
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
