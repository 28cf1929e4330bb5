/**
 * What happens to an envelope that comes: checks from the cheapest to the dearest, and nothing done for anybody before all of
 * them are passed and `allow` said yes.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Envelope from "../../protocols/envelope/Envelope.ts"
import { TOLERANCE } from "../../protocols/envelope/PeerClocks.ts"
import { short } from "../../schemas/PeerId.ts"
import {
  type Dropped,
  type Handler,
  MAX_BODY,
  type Message,
  MessageError,
  type Messages
} from "../../services/Messages.ts"
import type { Opened, Post } from "./Post.ts"
import type { Sending } from "./Sending.ts"
import { keyOf, type Tables } from "./Tables.ts"

interface Registered {
  readonly allow: Parameters<Messages["Service"]["handle"]>[1]["allow"]
  readonly handler: Handler
  readonly context: Context.Context<never>
  readonly fibers: FiberSet.FiberSet<unknown, unknown>
}

/** Of the words of a failed handler that are told. */
const MAX_WORDS = 300
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class Receiving {
  private readonly tables: Tables
  private readonly post: Post
  private readonly sending: Sending
  private readonly handlers = new Map<string, Registered>()
  /** Answers that are given once more. */
  private readonly repeating: FiberSet.FiberSet<unknown, unknown>

  constructor(tables: Tables, post: Post, sending: Sending, repeating: FiberSet.FiberSet<unknown, unknown>) {
    this.tables = tables
    this.post = post
    this.sending = sending
    this.repeating = repeating
  }

  readonly handle: Messages["Service"]["handle"] = Effect.fnUntraced({ self: this }, function* (kind, options) {
    const context: Context.Context<never> = yield* Effect.context<never>()
    const fibers = yield* FiberSet.make<unknown, unknown>()
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        if (this.handlers.has(kind)) throw new Error(`messages of kind ${JSON.stringify(kind)} have a handler already`)
        this.handlers.set(kind, { ...options, handler: options.handler as Handler, context, fibers })
      }),
      () => Effect.sync(() => this.handlers.delete(kind))
    )
  })

  /** Takes one envelope. What handlers do goes on after it. */
  readonly receive = Effect.fnUntraced({ self: this }, function* (envelope: Uint8Array) {
    const now = yield* Clock.currentTimeMillis
    const { tables } = this
    const sealed = Envelope.unwrap(envelope)
    if (Result.isFailure(sealed)) return this.drop("malformed")
    if (tables.copies.has("", envelope)) return this.drop("replayed")
    if (!tables.mayOpen(now)) return this.drop("limited")
    const opened = yield* Effect.result(this.post.open(sealed.success))
    if (Result.isFailure(opened)) return this.drop(opened.failure)
    tables.copies.add("", envelope)
    const { content } = opened.success
    return content.role === "answer" || content.role === "refusal"
      ? this.answered(opened.success, now)
      : yield* this.asked(opened.success, now)
  })

  private drop(reason: keyof Dropped): void {
    this.tables.dropped[reason]++
  }

  private answered({ content, from }: Opened, now: number): void {
    const pending = this.tables.pending.get(keyOf(content.inReplyTo!))
    if (pending === undefined || pending.to !== from || pending.kind !== content.kind) return this.drop("unasked")
    this.tables.clocks.learn(from, content.sentAt, now, now - pending.since)
    const { body, kind } = content
    const exit =
      content.role === "answer"
        ? Exit.succeed(messageOf({ content, from }, now))
        : Exit.fail(new MessageError({ op: "request", reason: "Refused", to: from, kind, problem: wordsOf(body) }))
    Deferred.doneUnsafe(pending.answer, exit)
  }

  private readonly asked = Effect.fnUntraced({ self: this }, function* (opened: Opened, now: number) {
    const { content, from } = opened
    const { tables } = this
    const key = keyOf(content.id)
    const registered = this.handlers.get(content.kind)
    if (!tables.clocks.isFresh(from, content.sentAt, content.lifetime, now)) return this.drop("expired")
    if (tables.window.isRepeat(from, key, endOf(content))) return yield* this.repeated(opened)
    if (tables.isBusy(from, key)) return this.drop("replayed")
    if (!tables.mayHear(from, now)) return this.drop("limited")
    if (registered === undefined) return this.drop("refused")
    yield* this.begin(opened, registered.fibers, this.work(registered, opened, now))
  })

  private readonly repeated = Effect.fnUntraced({ self: this }, function* (opened: Opened) {
    this.drop("replayed")
    const { content, from } = opened
    const answer = content.role === "request" ? this.tables.answers.again(from + keyOf(content.id)) : undefined
    if (answer !== undefined) yield* this.begin(opened, this.repeating, this.sending.replyAgain(answer))
  })

  private begin(
    { content, from }: Opened,
    fibers: FiberSet.FiberSet<unknown, unknown>,
    work: Effect.Effect<void>
  ): Effect.Effect<void> {
    const key = keyOf(content.id)
    if (!this.tables.begin(from, key)) return Effect.sync(() => this.drop("limited"))
    const end = Effect.sync(() => this.tables.end(from, key))
    return Effect.asVoid(FiberSet.run(fibers, Effect.ensuring(work, end)))
  }

  private work({ allow, context, handler }: Registered, opened: Opened, now: number): Effect.Effect<void> {
    const { content, from } = opened
    const message = messageOf(opened, now)
    return Effect.gen({ self: this }, function* () {
      if (!(yield* allow(from, message))) return this.drop("refused")
      this.tables.clocks.learn(from, content.sentAt, now)
      this.tables.window.take(from, keyOf(content.id), endOf(content), now)
      const exit = yield* Effect.exit(Effect.flatMap(handler(message), fitting))
      if (Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)) return yield* Effect.failCause(exit.cause)
      if (Exit.isFailure(exit)) yield* this.failed(message, exit.cause)
      if (content.role !== "request") return
      if (Exit.isFailure(exit)) yield* this.sending.reply(message, content.id, "refusal", saidOf(exit.cause))
      else if (exit.value !== undefined) yield* this.sending.reply(message, content.id, "answer", exit.value)
    }).pipe(
      Effect.catchCause((cause) => (Cause.hasInterrupts(cause) ? Effect.void : this.failed(message, cause))),
      Effect.provide(context)
    )
  }

  private failed({ from, kind }: Message, cause: Cause.Cause<unknown>): Effect.Effect<void> {
    const what = `a message of kind ${kind} from ${short(from)} was not handled`
    return Cause.hasDies(cause) ? Effect.logError(what, cause) : Effect.logDebug(what, cause)
  }
}

const fitting = (answer: Uint8Array | undefined) =>
  answer === undefined || answer.length <= MAX_BODY
    ? Effect.succeed(answer)
    : Effect.fail({ message: `its answer is too large: ${answer.length} bytes of ${MAX_BODY}` })

/** When a message is late whatever the clocks say. */
const endOf = ({ lifetime, sentAt }: Opened["content"]): number => sentAt + lifetime + TOLERANCE

const messageOf = ({ content, from }: Opened, receivedAt: number): Message => {
  const { body, kind, sentAt } = content
  return { from, kind, body, sentAt, receivedAt }
}

/** What the other peer is told of a failure: the words of an expected one, nothing of a defect. */
const saidOf = (cause: Cause.Cause<{ readonly message: string }>): Uint8Array => {
  const error = Cause.findErrorOption(cause)
  return encoder.encode(Option.isSome(error) ? error.value.message.slice(0, MAX_WORDS) : "its handler failed")
}

// These words come from somebody else: nothing in them may move a terminal's cursor.
const wordsOf = (body: Uint8Array): string =>
  `it refused: ${decoder
    .decode(body)
    .slice(0, MAX_WORDS)
    .replace(/\p{C}+/gu, " ")}`
