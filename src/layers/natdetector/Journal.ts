/**
 * What a measurement has seen so far, of all its plans: observations in the order they ended, and who waits for more.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { NatObservation } from "../../schemas/NatObservation.ts"

export class Journal {
  readonly observations: Array<NatObservation> = []
  /** Probes there are to be, as far as plans have been made. */
  planned = 0
  private started = 0
  private readonly watchers = new Set<Queue.Queue<void>>()
  private readonly observed: (observation: NatObservation, journal: Journal) => void

  constructor(observed: (observation: NatObservation, journal: Journal) => void) {
    this.observed = observed
  }

  /** A number for each probe that starts, going up. */
  nextOrder(): number {
    return this.started++
  }

  add(observation: NatObservation): void {
    this.observations.push(observation)
    this.observed(observation, this)
    for (const watcher of this.watchers) Queue.offerUnsafe(watcher, undefined)
  }

  /** Something to take as soon as there is an observation more than when it was last taken. */
  readonly news: Effect.Effect<Queue.Dequeue<void>, never, Scope.Scope> = Effect.acquireRelease(
    Effect.tap(Queue.sliding<void>(1), (queue) => Effect.sync(() => this.watchers.add(queue))),
    (queue) => Effect.sync(() => this.watchers.delete(queue))
  )
}
