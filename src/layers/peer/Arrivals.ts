/**
 * Pipes others opened, until the program takes them: oldest first, at most so many, in all and of one peer.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { type Bounds, Occupancy } from "../../protocols/limits/Occupancy.ts"
import type { PeerId } from "../../schemas/PeerId.ts"
import type { Won } from "./Meeting.ts"

export interface Arrived {
  readonly peer: PeerId
  readonly won: Won
}

interface Waiting extends Arrived {
  readonly hasPlace: boolean
}

export class Arrivals {
  private readonly waiting: Array<Waiting> = []
  private readonly places: Occupancy
  private readonly takers: Array<Deferred.Deferred<Arrived | undefined>> = []
  private readonly drop: (arrived: Arrived) => Effect.Effect<void>
  private readonly run: (effect: Effect.Effect<void>) => void
  private isClosed = false

  /** `drop`: what is done with those that are not wanted; `run` does it where nobody waits. */
  constructor(
    bounds: Bounds,
    drop: (arrived: Arrived) => Effect.Effect<void>,
    run: (effect: Effect.Effect<void>) => void
  ) {
    this.places = new Occupancy(bounds)
    this.drop = drop
    this.run = run
  }

  /** How many wait. */
  get size(): number {
    return this.waiting.length
  }

  /** Those that are agreed on already are taken beyond the limit: links that are not decided are limited elsewhere. */
  hasRoom(peer: PeerId): boolean {
    return this.places.hasRoom(peer)
  }

  add(arrived: Arrived): void {
    if (this.isClosed) return this.run(this.drop(arrived))
    const taker = this.takers.shift()
    if (taker === undefined) this.waiting.push(this.placed(arrived))
    else Deferred.doneUnsafe(taker, Effect.succeed(arrived))
  }

  /** The next one; `undefined` when there will be none. Interrupted at any moment, none is lost. */
  readonly take: Effect.Effect<Arrived | undefined> = Effect.suspend(() => {
    const next = this.next()
    if (next !== undefined || this.isClosed) return Effect.succeed(next)
    const taker = Deferred.makeUnsafe<Arrived | undefined>()
    this.takers.push(taker)
    return Effect.onInterrupt(Deferred.await(taker), () =>
      Effect.flatMap(this.withdraw(taker), (arrived) =>
        Effect.sync(() => {
          if (arrived !== undefined) this.putBack(arrived)
        })
      )
    )
  })

  private withdraw(taker: Deferred.Deferred<Arrived | undefined>): Effect.Effect<Arrived | undefined> {
    const at = this.takers.indexOf(taker)
    if (at < 0) return Deferred.await(taker)
    this.takers.splice(at, 1)
    return Effect.undefined
  }

  private putBack(arrived: Arrived): void {
    if (this.isClosed) return this.run(this.drop(arrived))
    this.waiting.unshift(this.placed(arrived))
  }

  private placed({ peer, won }: Arrived): Waiting {
    return { peer, won, hasPlace: this.places.enter(peer) }
  }

  private next(): Arrived | undefined {
    const next = this.waiting.shift()
    if (next?.hasPlace === true) this.places.leave(next.peer)
    return next
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.isClosed = true
    for (const taker of this.takers.splice(0)) Deferred.doneUnsafe(taker, Effect.undefined)
    return Effect.forEach(this.waiting.splice(0), this.drop, { concurrency: "unbounded", discard: true })
  })
}
