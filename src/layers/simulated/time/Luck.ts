/**
 * The luck of a simulated world: one seed, split by name into independent streams, so that a host or link that is added
 * does not shift the luck of the others.
 *
 * The generator is sfc32 (128 bits of state, passes PractRand); its state is filled from the seed and the name by a
 * 32-bit mixing hash. Nothing here is secret.
 */

/** A stream of pseudo-random numbers. Seeded when first drawn from: most of a world's luck is never needed. */
export class Luck {
  private readonly seed: number
  private readonly name: string
  private a = 0
  private b = 0
  private c = 0
  private counter = 0

  /** The stream of the component called `name` in the world of `seed`. */
  constructor(seed: number, name: string) {
    this.seed = seed
    this.name = name
  }

  /** 32 random bits, as an integer from 0 to 2^32 - 1. */
  next(): number {
    if (this.counter === 0) this.begin()
    return this.draw()
  }

  private begin(): void {
    const low = mix(this.seed | 0)
    const high = mix(Math.floor(this.seed / 0x1_0000_0000) ^ 0x9e37_79b9)
    this.a = mix(hash(this.name, 0x811c_9dc5 ^ low))
    this.b = high ^ mix(this.a + 0x6d2b_79f5)
    this.c = low ^ mix(hash(this.name, high))
    this.counter = 1
    for (let round = 0; round < 12; round++) this.draw()
  }

  private draw(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0
    // The generator only wants it to change; 0 is left out, as it means "not begun".
    this.counter = (this.counter + 1) | 0 || 1
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum
    return sum >>> 0
  }

  /** A number from 0 (included) to 1 (excluded). An arrow, to be handed over as a function. */
  readonly float = (): number => this.next() / 0x1_0000_0000

  /** An integer from 0 (included) to `bound` (excluded). */
  below(bound: number): number {
    return Math.floor(this.float() * bound)
  }

  /** Whether something of this probability happens. Draws nothing when it is certain either way. */
  chance(probability: number): boolean {
    if (probability <= 0) return false
    return probability >= 1 || this.float() < probability
  }
}

// The finalizer of MurmurHash3: every input bit changes about half of the output bits.
const mix = (value: number): number => {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35)
  return (h ^ (h >>> 16)) | 0
}

// FNV-1a.
const hash = (text: string, start: number): number => {
  let h = start | 0
  for (let at = 0; at < text.length; at++) h = Math.imul(h ^ text.charCodeAt(at), 0x0100_0193)
  return h
}
