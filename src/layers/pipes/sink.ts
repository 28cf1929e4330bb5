/**
 * Where messages and events go: the contract of handlers and subscriptions towards the pipe that hears them.
 */
import type * as Effect from "effect/Effect"
import type { CloseReason, Message } from "../../services/Pipe.ts"
import type { BasePipe } from "./base.ts"
import type { End } from "./end.ts"
import type { MessageQueue } from "./queue.ts"

/** A queue and whoever empties it. */
export interface Sink {
  readonly registration: Registration
  readonly queue: MessageQueue
  /** Queues the message if it matches. A full queue takes it too on a stream, and drops it on UDP. */
  readonly offer: (message: Message, lossy: boolean) => "taken" | "dropped" | "passed"
  /** Lets those who wait for what is queued have it. Called when every sink was offered the message. */
  readonly wake: () => void
  /** Nothing is queued or under way that the end of the pipe must wait for. */
  readonly isIdle: boolean
}

/** What a user registered. On a server one registration serves every client, each with a sink of its own if need be. */
export interface Registration {
  readonly sinkFor: (pipe: BasePipe) => Sink
  /** No more messages of this pipe will come; only a registration of its own is told. */
  readonly finish: (end: End) => void
}

/** An open or close handler, ready to run. */
export type Opener = (pipe: BasePipe) => Effect.Effect<void>
export type Closer = (reason: CloseReason, pipe: BasePipe) => void
