/**
 * How long promises and effects take.
 */
import * as Effect from "effect/Effect"
import type { Context } from "./case.ts"

/** What changes by the minute on a shared machine is better met by many short rounds than by few long ones. */
export const often = (context: Context): Context =>
  context.quick ? context : { ...context, rounds: context.rounds * 3 }

export const seconds = async (run: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await run()
  return (performance.now() - start) / 1000
}

/** Seconds an effect takes. */
export const timed = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, () => (performance.now() - start) / 1000)
  })

export const repeat = <E, R>(times: number, effect: Effect.Effect<unknown, E, R>): Effect.Effect<void, E, R> => {
  let left = times
  return Effect.whileLoop({ while: () => left-- > 0, body: () => effect, step: () => {} })
}
