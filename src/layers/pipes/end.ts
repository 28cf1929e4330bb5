/**
 * The end of receiving, as those see it who wait for messages.
 */
import type { CloseReason, PipeError } from "../../services/Pipe.ts"
import type { BasePipe } from "./base.ts"

export class End {
  private readonly pipe: BasePipe
  private readonly reason: CloseReason
  private made: PipeError | undefined = undefined

  constructor(pipe: BasePipe, reason: CloseReason) {
    this.pipe = pipe
    this.reason = reason
  }

  /** Whether a stream ends well here. */
  get clean(): boolean {
    return this.reason._tag === "ClosedHere" || this.reason._tag === "ClosedByPeer"
  }

  /** What a `receive` fails with: made when one asks, since most pipes end with nobody waiting. */
  get error(): PipeError {
    return (this.made ??= this.make())
  }

  private make(): PipeError {
    const { pipe, reason } = this
    switch (reason._tag) {
      case "ClosedHere":
        return pipe.failure("receive", "Closed", "by this side: open another")
      case "ClosedByPeer":
        return pipe.failure("receive", "Closed", "the peer finished: nothing more will come")
      case "Reset":
        return pipe.failure("receive", "Reset")
      case "Failed":
        return reason.error
    }
  }
}
