/**
 * Remembers which messages were taken, so that none is taken twice. Bounded, and forgetting never lets a repeated one pass.
 *
 * Each message has an end: the time after which it is refused as late, whatever this table knows. It is remembered until
 * then. When a sender has too many, its oldest is forgotten and its mark rises to that one's end: from then on it is heard
 * only with messages that end later. When there are too many senders, the one quiet the longest is forgotten, and what its
 * mark must be is kept in one of {@link MARKS} places, which it shares with few others.
 *
 * Strangers can have as many keys as they like, and their clocks say what they like, so they can raise the marks of other
 * strangers. They cannot choose whose: places follow from a secret. To raise half of them takes 45,000 messages that were acted
 * on beyond those that are remembered. Peers this peer wrote to have a table of their own, where no stranger gets in.
 */

export interface Bounds {
  readonly senders: number
  /** Ids of all of them. */
  readonly ids: number
}

export interface Limits extends Bounds {
  readonly idsPerSender: number
  /** Of peers this peer wrote to. */
  readonly known: Bounds
}

/** Some 8 MB when full. */
export const limits: Limits = {
  senders: 4096,
  idsPerSender: 256,
  ids: 32_768,
  known: { senders: 1024, ids: 16_384 }
}

/** Places of marks, half a megabyte. */
export const MARKS = 65_536

/** Four for each letter of a peer id. */
export const SECRET_BYTES = 256

const PRIME = 2 ** 31 - 1

interface Sender {
  /** Ids by their end. */
  readonly ends: Map<string, number>
  /** Messages must end later. */
  mark: number
}

class Table {
  /** The one quiet the longest first. */
  readonly senders = new Map<string, Sender>()
  readonly bounds: Bounds
  ids = 0

  constructor(bounds: Bounds) {
    this.bounds = bounds
  }

  get isOver(): boolean {
    return this.senders.size > this.bounds.senders || this.ids > this.bounds.ids
  }

  put(sender: string, state: Sender): void {
    this.remove(sender)
    this.senders.set(sender, state)
    this.ids += state.ends.size
  }

  remove(sender: string): void {
    this.ids -= this.senders.get(sender)?.ends.size ?? 0
    this.senders.delete(sender)
  }
}

export class ReplayWindow {
  private readonly known: Table
  private readonly strangers: Table
  private readonly idsPerSender: number
  private readonly factors: Uint32Array
  private readonly marks = new Float64Array(MARKS).fill(-Infinity)

  /** `secret`: {@link SECRET_BYTES} that nobody else knows. */
  constructor(secret: Uint8Array, { idsPerSender, known, ...strangers }: Limits = limits) {
    this.factors = new Uint32Array(secret.slice().buffer)
    this.idsPerSender = idsPerSender
    this.known = new Table(known)
    this.strangers = new Table(strangers)
  }

  /** Senders and ids remembered. */
  get size(): { readonly senders: number; readonly ids: number } {
    const { known, strangers } = this
    return { senders: known.senders.size + strangers.senders.size, ids: known.ids + strangers.ids }
  }

  /** Whether this message was taken, or may have been and is forgotten. */
  isRepeat(sender: string, id: string, end: number): boolean {
    const state = this.find(sender)
    return end <= (state?.mark ?? this.markOf(sender)) || state?.ends.has(id) === true
  }

  /** Takes a message that is no repeat. */
  take(sender: string, id: string, end: number, now: number): void {
    const state = this.find(sender) ?? this.fresh(sender)
    const table = this.known.senders.has(sender) ? this.known : this.strangers
    table.remove(sender)
    // The mark rises here too: a clock that is set back must not bring old messages to life.
    for (const [id, end] of state.ends) if (end < now) drop(state, id, end)
    state.ends.set(id, end)
    if (state.ends.size > this.idsPerSender) dropFirst(state)
    this.keep(table, sender, state)
  }

  /** This peer writes to that one: from now on no stranger makes it forgotten. */
  know(sender: string): void {
    const state = this.find(sender) ?? this.fresh(sender)
    this.strangers.remove(sender)
    this.keep(this.known, sender, state)
  }

  private find(sender: string): Sender | undefined {
    return this.known.senders.get(sender) ?? this.strangers.senders.get(sender)
  }

  private fresh(sender: string): Sender {
    return { ends: new Map(), mark: this.markOf(sender) }
  }

  private keep(table: Table, sender: string, state: Sender): void {
    table.put(sender, state)
    while (table.isOver) this.forget(table)
  }

  private forget(table: Table): void {
    const [sender, { ends, mark }] = table.senders.entries().next().value!
    table.remove(sender)
    this.marks[this.placeOf(sender)] = Math.max(this.markOf(sender), mark, ...ends.values())
  }

  private markOf(sender: string): number {
    return this.marks[this.placeOf(sender)]!
  }

  // A universal hash (Carter and Wegman): any two senders meet with a chance of 1 in MARKS, for who does not know the factors.
  private placeOf(sender: string): number {
    let sum = 0
    for (let at = 0; at < sender.length; at++) sum += sender.charCodeAt(at) * this.factors[at % this.factors.length]!
    return (sum % PRIME) % MARKS
  }
}

const drop = (state: Sender, id: string, end: number): void => {
  state.ends.delete(id)
  state.mark = Math.max(state.mark, end)
}

const dropFirst = (state: Sender): void => {
  let first: readonly [id: string, end: number] | undefined
  for (const entry of state.ends) if (first === undefined || entry[1] < first[1]) first = entry
  drop(state, ...first!)
}
