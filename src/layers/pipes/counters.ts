/**
 * Statistics of a pipe. What a server's client counts, the server counts too.
 */
import type { Statistics } from "../../services/Pipe.ts"

export class Counters {
  private readonly parent: Counters | undefined
  private messagesIn = 0
  private messagesOut = 0
  private bytesIn = 0
  private bytesOut = 0
  private dropped = 0
  private duplicates = 0
  private unclaimed = 0
  private handlerFailures = 0

  constructor(parent: Counters | undefined) {
    this.parent = parent
  }

  received(bytes: number) {
    this.messagesIn++
    this.bytesIn += bytes
    this.parent?.received(bytes)
  }

  sent(bytes: number) {
    this.messagesOut++
    this.bytesOut += bytes
    this.parent?.sent(bytes)
  }

  add(what: "dropped" | "duplicates" | "unclaimed" | "handlerFailures") {
    this[what]++
    this.parent?.add(what)
  }

  /** `below`: datagrams the socket dropped before the pipe saw them. */
  snapshot(below: number): Statistics {
    const { bytesIn, bytesOut, duplicates, handlerFailures, messagesIn, messagesOut, unclaimed } = this
    const dropped = this.dropped + below
    return { messagesIn, messagesOut, bytesIn, bytesOut, dropped, duplicates, unclaimed, handlerFailures }
  }
}
