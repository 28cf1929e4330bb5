/**
 * What is under way outside the world: counted, so that virtual time stands still until it is over.
 *
 * Calls that were begun before time could go on are answered together, in the order they were begun, when the last of
 * them is done: their real durations leave no mark on the world.
 */

interface Begun {
  done: (() => void) | undefined
}

/** Turns of the machine's event loop a guest (a library with events of its own) may need to react. */
const SETTLE_TURNS = 8

export class OutsideCalls {
  private readonly wake: () => void
  private begun: Array<Begun> = []
  private running = 0
  private guests = 0
  private turns = 0

  constructor(wake: () => void) {
    this.wake = wake
  }

  /** Whether time must stand still. */
  get pending(): boolean {
    return this.begun.length > 0 || this.running > 0
  }

  /** Counts a call. Call the result once, with what hands the answer over; without, nobody waits for it any more. */
  begin(): (answer?: () => void) => void {
    const entry: Begun = { done: undefined }
    this.begun.push(entry)
    this.running++
    let over = false
    return (answer = () => {}) => {
      if (over) return
      over = true
      entry.done = answer
      if (--this.running > 0) return
      const answered = this.begun
      this.begun = []
      for (const { done } of answered) done?.()
      this.wake()
    }
  }

  /** Guests are not counted call by call: instead the event loop gets some turns before each jump of time. */
  enter(): () => void {
    this.guests++
    return () => {
      this.guests--
    }
  }

  /** Whether to let the event loop turn once more before time goes on. */
  mustSettle(): boolean {
    return this.guests > 0 && this.turns++ < SETTLE_TURNS
  }

  /** Something happened: guests may react anew. */
  moved(): void {
    this.turns = 0
  }
}
