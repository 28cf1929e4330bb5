/**
 * Remembers which messages were taken, so that none is taken twice. Bounded, and forgetting never lets a repeated one pass.
 *
 * Each message has an end: the time after which it is refused as late, whatever this table knows. It is remembered until
 * then. When a sender has too many, its oldest is forgotten and its mark rises to that one's end: from then on it is heard
 * only with messages that end later. When there are too many senders, the one quiet the longest is forgotten, and the mark
 * of all who are not in the table rises to the last of its ends. So a crowd of strangers can keep other strangers out for a
 * while, and nobody who is in the table. Only messages that were acted on belong here, or strangers could push out friends.
 */

export interface Limits {
  readonly senders: number
  readonly idsPerSender: number
  /** Ids in all. */
  readonly ids: number
}

/** Some 6 MB when full. */
export const limits: Limits = { senders: 4096, idsPerSender: 256, ids: 32_768 }

interface Sender {
  /** Ids by their end. */
  readonly ends: Map<string, number>
  /** Messages must end later. */
  mark: number
}

export class ReplayWindow {
  private readonly senders = new Map<string, Sender>()
  private readonly limits: Limits
  private ids = 0
  private mark = -Infinity

  constructor(given: Limits = limits) {
    this.limits = given
  }

  /** Senders and ids remembered. */
  get size(): { readonly senders: number; readonly ids: number } {
    return { senders: this.senders.size, ids: this.ids }
  }

  /** Whether this message was taken, or may have been and is forgotten. */
  isRepeat(sender: string, id: string, end: number): boolean {
    const known = this.senders.get(sender)
    return end <= (known?.mark ?? this.mark) || known?.ends.has(id) === true
  }

  /** Takes a message that is no repeat. */
  take(sender: string, id: string, end: number, now: number): void {
    const state = this.senders.get(sender) ?? { ends: new Map<string, number>(), mark: this.mark }
    this.senders.delete(sender)
    this.senders.set(sender, state)
    this.dropEnded(state, now)
    state.ends.set(id, end)
    this.ids++
    if (state.ends.size > this.limits.idsPerSender) this.dropFirst(state)
    while (this.senders.size > this.limits.senders || this.ids > this.limits.ids) this.dropSender()
  }

  private drop(state: Sender, id: string, end: number): void {
    state.ends.delete(id)
    state.mark = Math.max(state.mark, end)
    this.ids--
  }

  // The mark rises here too: a clock that is set back must not bring old messages to life.
  private dropEnded(state: Sender, now: number): void {
    for (const [id, end] of state.ends) if (end < now) this.drop(state, id, end)
  }

  private dropFirst(state: Sender): void {
    let first: readonly [id: string, end: number] | undefined
    for (const entry of state.ends) if (first === undefined || entry[1] < first[1]) first = entry
    this.drop(state, ...first!)
  }

  private dropSender(): void {
    const [sender, { ends, mark }] = this.senders.entries().next().value!
    this.senders.delete(sender)
    this.ids -= ends.size
    this.mark = Math.max(this.mark, mark, ...ends.values())
  }
}
