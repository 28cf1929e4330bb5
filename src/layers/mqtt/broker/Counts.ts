/** What a broker did, and who is there. */
import type { Stats } from "../../../services/Broker.ts"

export class Counts {
  readonly stats: { -readonly [Name in keyof Stats]: number } = {
    clients: 0,
    turnedAway: 0,
    messages: 0,
    refused: 0,
    slow: 0
  }
  private readonly sources = new Map<string, number>()
  private readonly limits: { readonly clients: number; readonly clientsPerSource: number }

  constructor(limits: { readonly clients: number; readonly clientsPerSource: number }) {
    this.limits = limits
  }

  /** Counts a connection, unless there are too many. */
  enter(source: string): boolean {
    const count = this.sources.get(source) ?? 0
    if (this.stats.clients >= this.limits.clients || count >= this.limits.clientsPerSource) {
      this.stats.turnedAway++
      return false
    }
    this.stats.clients++
    this.sources.set(source, count + 1)
    return true
  }

  leave(source: string): void {
    this.stats.clients--
    const count = this.sources.get(source)! - 1
    if (count > 0) this.sources.set(source, count)
    else this.sources.delete(source)
  }
}
