/**
 * Messages between peers by way of `Signalling`: sealed to the recipient, signed by the sender, bound to both, fresh, heard
 * once, and limited, so that what arrives here was written by who it says, for this peer, now.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { PeerId } from "../schemas/PeerId.ts"

/** A message that could not be sent, or a request nobody answered. */
export class MessageError extends Schema.TaggedError<MessageError>()("MessageError", {
  op: Schema.Literals(["send", "request"]),
  reason: Schema.Literals(["NoBroker", "NoAnswer", "Refused", "TooLarge"]),
  to: Schema.String,
  kind: Schema.String,
  problem: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {
  override get message() {
    return `signalling ${this.op} ${this.kind} to ${this.to}: ${this.problem}`
  }
}

/** A message that passed every check. */
export interface Message {
  readonly from: PeerId
  /** What it is about: a short name, the same in every version (`reverse`). */
  readonly kind: string
  readonly body: Uint8Array
  /** The sender's clock when it was written, and this one's when it came: milliseconds since 1970. */
  readonly sentAt: number
  readonly receivedAt: number
}

export interface SendOptions {
  /** Brokers of the recipient, from its address. */
  readonly via?: ReadonlyArray<string> | undefined
}

/** What was thrown away since the start, by reason. */
export interface Dropped {
  readonly malformed: number
  readonly notForMe: number
  readonly forged: number
  readonly expired: number
  readonly replayed: number
  readonly limited: number
  readonly refused: number
}

/**
 * Gives the answer to a request, or nothing for a message that wants none. Called only for senders `allow` says yes to. Its failure
 * tells the sender `Refused`, with the message of the error and nothing else.
 */
export type Handler<R = never> = (
  message: Message
) => Effect.Effect<Uint8Array | undefined, { readonly message: string }, R>

export class Messages extends Context.Service<
  Messages,
  {
    /** Sends without waiting for an answer: it may be lost. */
    readonly send: (
      to: PeerId,
      kind: string,
      body: Uint8Array,
      options?: SendOptions
    ) => Effect.Effect<void, MessageError>
    /** Sends, repeats it while no answer comes, and gives the answer. */
    readonly request: (
      to: PeerId,
      kind: string,
      body: Uint8Array,
      options?: SendOptions & { readonly timeout?: Duration.Input | undefined }
    ) => Effect.Effect<Message, MessageError>
    /**
     * Handles messages of a kind until the scope closes; one handler a kind. `allow` sees who asks and what, before anything
     * else is done for it; a repeated request is answered with the first answer and not handled again.
     */
    readonly handle: <R = never>(
      kind: string,
      options: {
        readonly allow: (from: PeerId, message: Message) => Effect.Effect<boolean>
        readonly handler: Handler<R>
      }
    ) => Effect.Effect<void, never, R | Scope.Scope>
    readonly dropped: () => Dropped
  }
>()("effect-p2p/services/Messages") {}
