/**
 * A bounded queue of messages that says when it is full and when there is room again.
 */
import type { Message, QueueLimits } from "../../services/Pipe.ts"

export const DEFAULT_MESSAGES = 1024
export const DEFAULT_BYTES = 1024 * 1024

export class MessageQueue {
  private readonly maxMessages: number
  private readonly maxBytes: number
  private items: Array<Message> = []
  private bytes = 0
  private waiters: Set<() => void> | undefined = undefined

  constructor(limits: QueueLimits | undefined) {
    this.maxMessages = limits?.messages ?? DEFAULT_MESSAGES
    this.maxBytes = limits?.bytes ?? DEFAULT_BYTES
  }

  get length(): number {
    return this.items.length
  }

  /** A queue that is not full takes one more message of any size, so a large one cannot be stuck for ever. */
  get full(): boolean {
    return this.items.length >= this.maxMessages || this.bytes >= this.maxBytes
  }

  /** The caller has seen that the queue is not full, or drops instead. */
  push(message: Message) {
    this.items.push(message)
    this.bytes += message.data.length
  }

  /** Takes the first message that matches. */
  take(matches?: (message: Message) => boolean): Message | undefined {
    const message = matches === undefined ? this.items.shift() : this.takeMatching(matches)
    if (message !== undefined) this.took(message)
    return message
  }

  private takeMatching(matches: (message: Message) => boolean): Message | undefined {
    const at = this.items.findIndex(matches)
    return at === -1 ? undefined : this.items.splice(at, 1)[0]
  }

  private took(message: Message) {
    this.bytes -= message.data.length
    // Half empty before the sender may go on: waking it for every message would cost more than the message.
    if (this.waiters !== undefined && this.items.length <= this.maxMessages / 2 && this.bytes <= this.maxBytes / 2) {
      this.release()
    }
  }

  /** Forgets everything and lets waiting senders go on. */
  clear() {
    this.items = []
    this.bytes = 0
    this.release()
  }

  private release() {
    const waiters = this.waiters
    this.waiters = undefined
    if (waiters !== undefined) for (const wake of waiters) wake()
  }

  /** Calls back once there is room in a full queue, unless that is taken back with what this returns. */
  onRoom(wake: () => void): () => void {
    const waiters = (this.waiters ??= new Set())
    waiters.add(wake)
    return () => {
      waiters.delete(wake)
    }
  }
}
