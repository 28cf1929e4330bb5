/**
 * Sending messages, and asking until an answer comes.
 */
import * as Clock from "effect/Clock"
import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { ID_BYTES, MAX_LIFETIME, type Role } from "../../protocols/envelope/Content.ts"
import { type PeerId, short } from "../../schemas/PeerId.ts"
import type { IdentityError } from "../../services/Identity.ts"
import { MAX_BODY, type Message, MessageError, type Messages, type SendOptions } from "../../services/Messages.ts"
import type { Signalling, SignallingError } from "../../services/Signalling.ts"
import type { Post, Signed } from "./Post.ts"
import { keyOf, type Tables } from "./Tables.ts"

/** What nobody waits for is worth nothing after this; an answer, however long its request lives. */
const LIFETIME = 30_000

const DEFAULT_TIMEOUT: Duration.Input = "10 seconds"

/**
 * When a request goes out again: a trip by way of a broker and back takes a fraction of a second. Jitter keeps peers that lost
 * the same broker from asking in step.
 */
const repeats = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("4 seconds")]).pipe(Schedule.jittered)

type Op = MessageError["op"]
type Service = Messages["Service"]

export class Sending {
  private readonly tables: Tables
  private readonly post: Post
  private readonly signalling: Signalling["Service"]
  private readonly random: SecureRandom["Service"]

  constructor(tables: Tables, post: Post, signalling: Signalling["Service"], random: SecureRandom["Service"]) {
    this.tables = tables
    this.post = post
    this.signalling = signalling
    this.random = random
  }

  readonly send: Service["send"] = Effect.fnUntraced({ self: this }, function* (to, kind, body, options = {}) {
    const failed = failure("send", to, kind)
    if (body.length > MAX_BODY) return yield* tooLarge(failed, body)
    if (options.isAnswer !== true) this.tables.window.know(to)
    const { signed } = yield* this.write(to, { role: "notice", kind, body, lifetime: LIFETIME })
    yield* this.dispatch(signed, options, LIFETIME).pipe(
      Effect.catchTags({
        IdentityError: (cause) => failed("NoSuchPeer", cause.problem, cause),
        SignallingError: (cause) => failed("NoBroker", cause.message, cause)
      })
    )
  })

  readonly request: Service["request"] = Effect.fnUntraced({ self: this }, function* (to, kind, body, options = {}) {
    const failed = failure("request", to, kind)
    if (body.length > MAX_BODY) return yield* tooLarge(failed, body)
    if (this.tables.pending.size >= this.tables.limits.pending) {
      return yield* failed("TooMany", `${this.tables.limits.pending} requests wait for answers already`)
    }
    const timeout = Duration.toMillis(Duration.fromInputUnsafe(options.timeout ?? DEFAULT_TIMEOUT))
    const lifetime = Math.min(MAX_LIFETIME, Math.max(1, Math.ceil(timeout)))
    this.tables.window.know(to)
    const { id, sentAt, signed } = yield* this.write(to, { role: "request", kind, body, lifetime })
    const answer = Deferred.makeUnsafe<Message, MessageError>()
    // Of the latest try: what went wrong, if no broker ever took it.
    let taken = 0
    let problem: SignallingError | undefined
    const tries = this.dispatch(signed, options, lifetime).pipe(
      Effect.matchEffect({
        onSuccess: () => Effect.sync(() => taken++),
        onFailure: (cause) => {
          if (cause._tag === "IdentityError") return failed("NoSuchPeer", cause.problem, cause)
          problem = cause
          return cause.isFinal ? failed("NoBroker", cause.message, cause) : Effect.void
        }
      }),
      Effect.repeat(repeats),
      Effect.andThen(Effect.never)
    )
    const { pending } = this.tables
    const key = keyOf(id)
    return yield* Effect.sync(() => pending.set(key, { to, kind, since: sentAt, answer })).pipe(
      Effect.andThen(Effect.raceFirst(Deferred.await(answer), tries)),
      Effect.timeoutOrElse({
        duration: lifetime,
        orElse: () =>
          taken === 0
            ? failed("NoBroker", problem?.message ?? `no broker took it in ${lifetime} ms`, problem)
            : failed("NoAnswer", noAnswer(lifetime, taken))
      }),
      Effect.ensuring(Effect.sync(() => pending.delete(key)))
    )
  })

  /** Answers a request, and keeps the answer for when it is asked again. */
  readonly reply = Effect.fnUntraced(
    { self: this },
    function* (request: Message, id: Uint8Array, role: "answer" | "refusal", body: Uint8Array) {
      const { from, kind } = request
      const { signed } = yield* this.write(from, { role, kind, body, lifetime: LIFETIME, inReplyTo: id })
      this.tables.answers.keep(from + keyOf(id), signed)
      yield* this.replyAgain(signed)
    }
  )

  /** An answer that does not get through is asked for again. */
  readonly replyAgain = (signed: Signed): Effect.Effect<void> =>
    Effect.catch(this.dispatch(signed, {}, LIFETIME), (error) =>
      Effect.logDebug(`an answer to ${short(signed.to)} was not sent: ${error.message}`)
    )

  private readonly write = Effect.fnUntraced({ self: this }, function* (to: PeerId, message: Written) {
    const sentAt = Math.floor(yield* Clock.currentTimeMillis)
    const id = yield* this.random.randomBytes(ID_BYTES)
    return { id, sentAt, signed: yield* this.post.sign(to, { id, sentAt, ...message }) }
  })

  private dispatch(
    signed: Signed,
    { via }: SendOptions,
    expiry: number
  ): Effect.Effect<void, IdentityError | SignallingError> {
    return Effect.flatMap(this.post.seal(signed), (envelope) =>
      this.signalling.send(signed.to, envelope, { via, expiry })
    )
  }
}

interface Written {
  readonly role: Role
  readonly kind: string
  readonly body: Uint8Array
  readonly lifetime: number
  readonly inReplyTo?: Uint8Array | undefined
}

const failure =
  (op: Op, to: PeerId, kind: string) =>
  (reason: MessageError["reason"], problem: string, cause?: unknown): Effect.Effect<never, MessageError> =>
    Effect.fail(new MessageError({ op, reason, to, kind, problem, cause }))

const tooLarge = (failed: ReturnType<typeof failure>, body: Uint8Array) =>
  failed("TooLarge", `${body.length} bytes are more than the ${MAX_BODY} of a message: send them by a pipe`)

const noAnswer = (lifetime: number, taken: number): string =>
  `no answer in ${lifetime} ms, asked ${taken} times: it is not running, not at these brokers, does not know this peer, or ` +
  "one of the two clocks is wrong by more than an hour"
