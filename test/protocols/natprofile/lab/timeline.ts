/** Virtual time: events in the order of their time, those of the same time in the order they were made. */
export class Timeline {
  now = 0
  readonly #heap: Array<{ readonly at: number; readonly index: number; readonly run: () => void }> = []
  #count = 0

  at(time: number, run: () => void): void {
    const heap = this.#heap
    heap.push({ at: Math.max(time, this.now), index: this.#count++, run })
    for (let i = heap.length - 1; i > 0;) {
      const parent = (i - 1) >> 1
      if (!this.#before(i, parent)) break
      this.#swap(i, parent)
      i = parent
    }
  }

  after(delay: number, run: () => void): void {
    this.at(this.now + delay, run)
  }

  /** Runs events until `done` or until there are none. */
  run(done: () => boolean): void {
    const heap = this.#heap
    while (heap.length > 0 && !done()) {
      const next = heap[0]!
      const last = heap.pop()!
      if (heap.length > 0) {
        heap[0] = last
        for (let i = 0; ;) {
          const [left, right] = [2 * i + 1, 2 * i + 2]
          let least = i
          if (left < heap.length && this.#before(left, least)) least = left
          if (right < heap.length && this.#before(right, least)) least = right
          if (least === i) break
          this.#swap(i, least)
          i = least
        }
      }
      this.now = next.at
      next.run()
    }
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a]!, this.#heap[b]!]
    return x.at < y.at || (x.at === y.at && x.index < y.index)
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a]!
    this.#heap[a] = this.#heap[b]!
    this.#heap[b] = kept
  }
}
