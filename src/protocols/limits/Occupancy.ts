/** How many of something each source may have at once, and all together. Remembers only sources that have some. */
export interface Bounds {
  readonly each: number
  readonly total: number
}

export class Occupancy {
  readonly #bounds: Bounds
  readonly #counts = new Map<string, number>()
  #total = 0

  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  /** All there are. */
  get total(): number {
    return this.#total
  }

  /** Whether `enter` would give a place. */
  hasRoom(source: string): boolean {
    return this.#total < this.#bounds.total && (this.#counts.get(source) ?? 0) < this.#bounds.each
  }

  /** Takes a place, or says that there is none. Who got one must `leave`. */
  enter(source: string): boolean {
    if (!this.hasRoom(source)) return false
    this.#counts.set(source, (this.#counts.get(source) ?? 0) + 1)
    this.#total++
    return true
  }

  leave(source: string): void {
    const count = this.#counts.get(source)
    if (count === undefined) return
    if (count === 1) this.#counts.delete(source)
    else this.#counts.set(source, count - 1)
    this.#total--
  }
}
