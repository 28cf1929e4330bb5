/** Why bytes are no STUN message, or a message has no bytes; says where. */
import * as Data from "effect/Data"
import * as Result from "effect/Result"

export class StunError extends Data.TaggedError("StunError")<{
  /** The attribute by its name in the RFCs (`XOR-MAPPED-ADDRESS`), or `header`, `message`, `ChannelData`, `stream`. */
  readonly part: string
  /** Bytes from the start of the message (in a stream, of the stream) to the field in question. */
  readonly offset: number
  /** What is wrong, with the value found. */
  readonly problem: string
}> {
  override get message() {
    return `STUN ${this.part}, byte ${this.offset}: ${this.problem}`
  }
}

/**
 * Makes one without a stack: it says where in the bytes it arose, and taking the stack costs ten times what finding out
 * did, which whoever floods a server with garbage would have it pay.
 */
export const stunError = (part: string, offset: number, problem: string): StunError => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return new StunError({ part, offset, problem })
  } finally {
    Error.stackTraceLimit = limit
  }
}

export const fail = (part: string, offset: number, problem: string): Result.Result<never, StunError> =>
  Result.fail(stunError(part, offset, problem))
