/**
 * `Outside` in a simulated world.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import type { Outside } from "../Outside.ts"
import type { Timeline } from "./Timeline.ts"

const realClock = Context.get(Context.empty(), Clock.Clock)
const realScheduler = Context.get(Context.empty(), Scheduler.Scheduler)

export const make = (timeline: Timeline): Outside => ({
  call: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.contextWith((context: Context.Context<R>) => {
      // Outside there is the machine's own time.
      const real = context.pipe(Context.add(Clock.Clock, realClock), Context.add(Scheduler.Scheduler, realScheduler))
      return Effect.callback<A, E>((resume) => {
        const answer = timeline.outside.begin()
        const fiber = Effect.runForkWith(real)(effect)
        fiber.addObserver((exit) => answer(() => resume(exit)))
        return Effect.callback<void>((over) => {
          const end = timeline.outside.begin()
          fiber.addObserver(() => end(() => over(Effect.void)))
          fiber.interruptUnsafe()
        })
      })
    }),
  guest: Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => timeline.outside.enter()),
      (leave) => Effect.sync(leave)
    )
  )
})
