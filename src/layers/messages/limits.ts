/** What a peer spends on messages at most, whoever sends them. */
import { type Limits as ReplayLimits, limits as replay } from "../../protocols/envelope/ReplayWindow.ts"
import type { Rate } from "../../protocols/limits/RateLimiter.ts"

export interface Limits {
  /** Envelopes opened, whoever they are from: before that nobody is known. */
  readonly opened: Rate
  /** Messages of each sender that are looked at, once it has proved who it is. */
  readonly perSender: Rate
  /** Senders whose rate is remembered. */
  readonly senders: number
  /** Messages in the hands of `allow` and handlers at once, in all and of one sender. */
  readonly handling: number
  readonly handlingPerSender: number
  /** Requests waiting for an answer. */
  readonly pending: number
  /** Answers kept for repeated requests, and their bytes. */
  readonly answers: number
  readonly answerBytes: number
  readonly replay: ReplayLimits
}

/** Opening an envelope and checking its signature takes a third of a millisecond: a flood takes a sixth of one core. */
export const limits: Limits = {
  opened: { perSecond: 500, burst: 1000 },
  perSender: { perSecond: 10, burst: 40 },
  senders: 4096,
  handling: 256,
  handlingPerSender: 16,
  pending: 1024,
  answers: 1024,
  answerBytes: 4 * 1024 * 1024,
  replay
}
