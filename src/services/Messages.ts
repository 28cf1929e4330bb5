/**
 * Messages between peers by way of `Signalling`: sealed to the recipient, signed by the sender, bound to both, fresh, heard
 * once, and limited, so that what arrives here was written by who it says, for this peer, now.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Envelope from "../protocols/envelope/Envelope.ts"
import type { PeerId } from "../schemas/PeerId.ts"

/** Bytes of a body at most. */
export const MAX_BODY: number = Envelope.MAX_BODY

/**
 * A message that could not be sent, or a request without an answer. `NoBroker`: no broker took it. `NoAnswer`: the other peer is
 * not there, does not want to hear from this one, or its clock is wrong by more than an hour. `Refused`: its handler failed; `problem` has its words. `TooMany`: this
 * peer waits for too many answers already. `NoSuchPeer`: nobody can have that id.
 */
export class MessageError extends Schema.TaggedError<MessageError>()("MessageError", {
  op: Schema.Literals(["send", "request"]),
  reason: Schema.Literals(["NoBroker", "NoAnswer", "Refused", "TooLarge", "TooMany", "NoSuchPeer"]),
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
  /** What it is about: a short name (`reverse`), of at most 32 letters `a`-`z`, digits, `-` and `.`. */
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
  /** No envelope of this version, or nonsense inside. */
  readonly malformed: number
  /** Sealed to somebody else, or altered on the way: nobody can tell these apart. */
  readonly notForMe: number
  /** The signature is not the sender's, or was made for another recipient. */
  readonly forged: number
  readonly expired: number
  /** Heard before; the copies that come by several brokers are among them. */
  readonly replayed: number
  /** Over a limit of rate or number. */
  readonly limited: number
  /** `allow` said no, or nobody handles its kind. */
  readonly refused: number
  /** The answer to a request that is over, or never was. */
  readonly unasked: number
}

/**
 * Gives the answer to a request, of at most {@link MAX_BODY} bytes, or nothing for a message that wants none. Called only for
 * senders `allow` says yes to. Its failure tells the sender `Refused`, with the message of the error and nothing else.
 */
export type Handler<R = never> = (
  message: Message
) => Effect.Effect<Uint8Array | undefined, { readonly message: string }, R>

export class Messages extends Context.Service<
  Messages,
  {
    /**
     * Sends without waiting for an answer: it may be lost. It expires after 30 seconds. Here and below, a kind that is none is a
     * defect.
     */
    readonly send: (
      to: PeerId,
      kind: string,
      body: Uint8Array,
      options?: SendOptions & {
        /**
         * It answers what the recipient sent. Who is only answered stays a stranger: it displaces nobody this peer writes to of its
         * own will. Default false.
         */
        readonly isAnswer?: boolean | undefined
      }
    ) => Effect.Effect<void, MessageError>
    /** Sends, repeats it while no answer comes, and gives the answer. Default timeout 10 seconds, at most 10 minutes. */
    readonly request: (
      to: PeerId,
      kind: string,
      body: Uint8Array,
      options?: SendOptions & { readonly timeout?: Duration.Input | undefined }
    ) => Effect.Effect<Message, MessageError>
    /**
     * Handles messages of a kind until the scope closes, which interrupts what is being handled; one handler a kind. `allow` sees
     * who asks and what, before anything else is done for it; who is refused hears nothing. A repeated request is answered with
     * the first answer and not handled again.
     *
     * What was handled is remembered by this process alone. When it is started again, who kept an envelope can have it handled once
     * more, until `sentAt` is an hour and its lifetime ago: do nothing in a handler that must not be done twice.
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
