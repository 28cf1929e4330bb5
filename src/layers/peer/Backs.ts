/**
 * Who waits to be dialled back, so that it can be told when that came to nothing.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { AttemptId } from "../../protocols/connect/nomination.ts"
import type { PeerId } from "../../schemas/PeerId.ts"

export class Backs {
  private readonly waiting = new Map<string, Deferred.Deferred<void>>()

  isWaiting(peer: PeerId, attempt: AttemptId): boolean {
    return this.waiting.has(keyOf(peer, attempt))
  }

  /** Completes when the other peer says that its dials for this attempt have failed. */
  failed(peer: PeerId, attempt: AttemptId): Effect.Effect<void> {
    return Effect.suspend(() => {
      const told = Deferred.makeUnsafe<void>()
      const key = keyOf(peer, attempt)
      this.waiting.set(key, told)
      return Effect.ensuring(
        Deferred.await(told),
        Effect.sync(() => this.waiting.delete(key))
      )
    })
  }

  tell(peer: PeerId, attempt: AttemptId): void {
    const told = this.waiting.get(keyOf(peer, attempt))
    if (told !== undefined) Deferred.doneUnsafe(told, Effect.void)
  }
}

const keyOf = (peer: PeerId, attempt: AttemptId): string => `${peer} ${attempt}`
