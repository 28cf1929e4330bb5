/**
 * Runs planned steps side by side, each when its time has come, or as soon as nothing else is under way.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

export interface Runnable<R = never> {
  /** Milliseconds after the start of the race. */
  readonly delay: number
  readonly run: Effect.Effect<void, never, R>
}

/**
 * Completes when all have ended, each in a fibre of its own, which it may interrupt; interrupting the race ends those under way.
 * `steps` are in the order of their delays.
 */
export const race = <R>(steps: ReadonlyArray<Runnable<R>>, atOnce: number): Effect.Effect<void, never, R> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.callback((resume) => {
      const run = Effect.runForkWith(context)
      const clock = Context.get(context, Clock.Clock)
      const began = clock.currentTimeMillisUnsafe()
      const fibers = new Set<Fiber.Fiber<void>>()
      let running = 0
      let next = 0
      let isStopped = false
      let alarm: Fiber.Fiber<void> | undefined

      const start = ({ run: step }: Runnable<R>) => {
        running++
        const fiber = run(step)
        fibers.add(fiber)
        fiber.addObserver(() => {
          running--
          fibers.delete(fiber)
          if (!isStopped) goOn()
        })
        // By what the step did as it began.
        if (isStopped) fiber.interruptUnsafe()
      }
      const goOn = () => {
        alarm?.interruptUnsafe()
        alarm = undefined
        while (next < steps.length && running < atOnce && !isStopped) {
          const step = steps[next]!
          const wait = running === 0 ? 0 : began + step.delay - clock.currentTimeMillisUnsafe()
          if (wait > 0) return ring(wait)
          next++
          start(step)
        }
        if (running === 0 && next === steps.length) resume(Effect.void)
      }
      const ring = (wait: number) => {
        alarm?.interruptUnsafe()
        alarm = run(Effect.sleep(wait))
        alarm.addObserver((exit) => {
          if (Exit.isSuccess(exit)) goOn()
        })
      }

      goOn()
      return Effect.suspend(() => {
        isStopped = true
        return Fiber.interruptAll(alarm === undefined ? fibers : [...fibers, alarm])
      })
    })
  )
