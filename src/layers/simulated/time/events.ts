/**
 * The future of a world: events in order of time, and of scheduling where times are equal.
 */

/** Something that will happen. Subclassed rather than given a closure: a packet in flight is one small object. */
export abstract class Event {
  /** Milliseconds since the world began. */
  time = 0
  order = 0
  /** A dead event is skipped: cheaper than taking it out of the middle of the heap. */
  dead = false
  abstract fire(): void
}

/** An event that calls a function. */
export class Call extends Event {
  private readonly run: () => void
  constructor(run: () => void) {
    super()
    this.run = run
  }
  fire() {
    this.run()
  }
}

/** A binary heap of events. */
export class EventQueue {
  private readonly heap: Array<Event> = []
  private scheduled = 0

  /** Events held, dead ones included. */
  get size(): number {
    return this.heap.length
  }

  push(event: Event, time: number): void {
    event.time = time
    event.order = this.scheduled++
    const heap = this.heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up]!
      if (!before(event, parent)) break
      heap[at] = parent
      at = up
    }
    heap[at] = event
  }

  /** The next event that is not dead, left in place. */
  peek(): Event | undefined {
    while (this.heap.length > 0) {
      const first = this.heap[0]!
      if (!first.dead) return first
      this.take()
    }
    return undefined
  }

  /** Takes out the first event; only after `peek` found one. */
  take(): void {
    const heap = this.heap
    const last = heap.pop()!
    const size = heap.length
    if (size === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

const before = (a: Event, b: Event): boolean => a.time < b.time || (a.time === b.time && a.order < b.order)
