/**
 * The latest answers, for requests that come again. Bounded in number and bytes, the oldest are forgotten first; how often one
 * is given is bounded too, since who repeats a request may not be its sender.
 */
import type { Signed } from "./Post.ts"

/** A request is repeated less often than this before its sender gives up. */
const TIMES = 16

interface Kept {
  readonly answer: Signed
  times: number
}

export class AnswerCache {
  private readonly kept = new Map<string, Kept>()
  private readonly limit: number
  private readonly byteLimit: number
  private bytes = 0

  constructor(limit: number, byteLimit: number) {
    this.limit = limit
    this.byteLimit = byteLimit
  }

  get size(): number {
    return this.kept.size
  }

  /** The answer to give once more, if there is one and it was not given too often. */
  again(key: string): Signed | undefined {
    const kept = this.kept.get(key)
    if (kept === undefined || kept.times >= TIMES) return undefined
    kept.times++
    return kept.answer
  }

  keep(key: string, answer: Signed): void {
    this.kept.set(key, { answer, times: 1 })
    this.bytes += answer.plaintext.length
    for (const [oldest, { answer }] of this.kept) {
      if (this.kept.size <= this.limit && this.bytes <= this.byteLimit) break
      this.kept.delete(oldest)
      this.bytes -= answer.plaintext.length
    }
  }
}
