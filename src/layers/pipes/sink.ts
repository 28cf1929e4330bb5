/**
 * Where messages go: the contract of handlers and subscriptions towards the pipe that hears them.
 */
import type { Message } from "../../services/Pipe.ts"
import type { BasePipe } from "./base.ts"
import type { MessageQueue } from "./queue.ts"
import type { End } from "./receiver.ts"

export interface Sink {
  /** Takes the message if it matches; `false` if not. A full queue takes it too on a stream, and drops it on UDP. */
  readonly offer: (message: Message, lossy: boolean) => "taken" | "dropped" | "passed"
  /** The queue a stream waits for when it is full. */
  readonly queue: MessageQueue
  /** Nothing is queued or under way. */
  readonly idle: boolean
  readonly finish: (end: End) => void
}

/** What a user registered. On a server one registration serves every client, each with a sink of its own if need be. */
export interface Registration {
  readonly sinkFor: (pipe: BasePipe) => Sink
  /** The pipe is over: whatever is kept for it can go. */
  readonly release: (pipe: BasePipe) => void
}

const none: ReadonlyArray<Registration> = []

/** The registrations of one pipe. `version` lets the clients of a server notice a change without being told. */
export class Registry {
  entries: ReadonlyArray<Registration> = none
  version = 0

  add(registration: Registration) {
    this.entries = [...this.entries, registration]
    this.version++
  }

  remove(registration: Registration) {
    this.entries = this.entries.filter((entry) => entry !== registration)
    this.version++
  }
}
