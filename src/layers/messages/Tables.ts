/**
 * What a peer remembers of the messages it gets and sends: every table of it, each bounded.
 */
import type * as Deferred from "effect/Deferred"
import { DuplicateFilter } from "../../protocols/duplicates/DuplicateFilter.ts"
import { PeerClocks } from "../../protocols/envelope/PeerClocks.ts"
import { ReplayWindow } from "../../protocols/envelope/ReplayWindow.ts"
import { RateLimiter } from "../../protocols/limits/RateLimiter.ts"
import type { PeerId } from "../../schemas/PeerId.ts"
import type { Dropped, Message, MessageError } from "../../services/Messages.ts"
import { AnswerCache } from "./AnswerCache.ts"
import { type Limits, limits } from "./limits.ts"

/** A request of this peer that waits for its answer. */
export interface Pending {
  readonly to: PeerId
  readonly kind: string
  /** When it was first sent, milliseconds. */
  readonly since: number
  readonly answer: Deferred.Deferred<Message, MessageError>
}

/** An id as a key. */
export const keyOf = (id: Uint8Array): string => String.fromCharCode(...id)

export class Tables {
  readonly limits: Limits
  /** Envelopes that were opened: the copies other brokers bring are known by their bytes. */
  readonly copies: DuplicateFilter = new DuplicateFilter()
  readonly clocks: PeerClocks = new PeerClocks()
  readonly window: ReplayWindow
  readonly answers: AnswerCache
  readonly pending = new Map<string, Pending>()
  readonly dropped: { -readonly [Reason in keyof Dropped]: number } = {
    malformed: 0,
    notForMe: 0,
    forged: 0,
    expired: 0,
    replayed: 0,
    limited: 0,
    refused: 0,
    unasked: 0
  }
  private readonly opened: RateLimiter
  private readonly senders: RateLimiter
  /** Ids in the hands of `allow` and handlers, by sender. */
  private readonly busy = new Map<PeerId, Set<string>>()
  private handling = 0

  /** `secret`: {@link SECRET_BYTES} of luck. */
  constructor(secret: Uint8Array, given: Partial<Limits> = {}) {
    this.limits = { ...limits, ...given }
    const { answerBytes, answers, opened, perSender, replay, senders } = this.limits
    this.opened = new RateLimiter({ each: opened, sources: 1 })
    this.senders = new RateLimiter({ each: perSender, sources: senders })
    this.window = new ReplayWindow(secret, replay)
    this.answers = new AnswerCache(answers, answerBytes)
  }

  /** Entries of each table. */
  get sizes() {
    const { ids, senders } = this.window.size
    const { answers, clocks, handling, pending } = this
    return {
      answers: answers.size,
      clocks: clocks.size,
      handling,
      pending: pending.size,
      rates: this.senders.size,
      replayIds: ids,
      replaySenders: senders
    }
  }

  /** Whether one more envelope may be opened. */
  mayOpen(now: number): boolean {
    return this.opened.allow("", now)
  }

  /** Whether one more message of this sender may be looked at. */
  mayHear(from: PeerId, now: number): boolean {
    return this.senders.allow(from, now)
  }

  isBusy(from: PeerId, key: string): boolean {
    return this.busy.get(from)?.has(key) === true
  }

  /** Takes a message in hand, unless it is already, or there are too many. */
  begin(from: PeerId, key: string): boolean {
    const own = this.busy.get(from) ?? new Set()
    if (own.has(key) || this.handling >= this.limits.handling || own.size >= this.limits.handlingPerSender) return false
    this.busy.set(from, own.add(key))
    this.handling++
    return true
  }

  end(from: PeerId, key: string): void {
    const own = this.busy.get(from)
    if (own?.delete(key) !== true) return
    this.handling--
    if (own.size === 0) this.busy.delete(from)
  }
}
