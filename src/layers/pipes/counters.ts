/**
 * Statistics of a pipe. What a server's client counts, the server counts too.
 */
import type { Statistics } from "../../services/Pipe.ts"

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export class Counters {
  private readonly parent: Counters | undefined
  private readonly counts: Mutable<Statistics> = {
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    dropped: 0,
    duplicates: 0,
    unclaimed: 0,
    handlerFailures: 0
  }

  constructor(parent: Counters | undefined) {
    this.parent = parent
  }

  received(bytes: number) {
    this.counts.messagesIn++
    this.counts.bytesIn += bytes
    this.parent?.received(bytes)
  }

  sent(bytes: number) {
    this.counts.messagesOut++
    this.counts.bytesOut += bytes
    this.parent?.sent(bytes)
  }

  add(what: "dropped" | "duplicates" | "unclaimed" | "handlerFailures") {
    this.counts[what]++
    this.parent?.add(what)
  }

  snapshot(dropped: number): Statistics {
    return { ...this.counts, dropped: this.counts.dropped + dropped }
  }
}
