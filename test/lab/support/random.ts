/** A small seeded generator (xorshift32): the same seed gives the same test. */
export interface Luck {
  /** In [0, 1). */
  readonly next: () => number
  /** From 0 to `count` - 1. */
  readonly below: (count: number) => number
  readonly chance: (probability: number) => boolean
  readonly pick: <A>(from: ReadonlyArray<A>) => A
}

export const luck = (seed: number): Luck => {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
  const below = (count: number): number => Math.floor(next() * count)
  return { next, below, chance: (probability) => next() < probability, pick: (from) => from[below(from.length)]! }
}
