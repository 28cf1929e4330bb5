/**
 * One direction of a link: how late a packet leaves it, and whether it does.
 */
import type { Luck } from "../time/Luck.ts"

/** The qualities of one direction. Times are milliseconds, probabilities from 0 to 1. */
export interface LinkQuality {
  readonly latency: number
  /** Up to this much is added to the latency, evenly spread. Order is kept. */
  readonly jitter: number
  readonly loss: number
  /** Probability of a packet being held back so that later ones overtake it. */
  readonly reorder: number
  readonly duplicate: number
  /** Bits per second; infinite where nothing limits it. */
  readonly bandwidth: number
  /** Bytes that may wait for a limited bandwidth. */
  readonly queue: number
  /** Bytes of the largest packet that crosses in one piece. */
  readonly mtu: number
}

/** An overtaken packet is this many times its latency late, and this many milliseconds at least. */
const REORDER_FACTOR = 0.5
const REORDER_MIN = 2

export type LossReason = "loss" | "queue full"

export class LinkSide {
  quality: LinkQuality
  private readonly luck: Luck
  /** When the last packet leaves the queue, and when the last one in order arrives. */
  private busyUntil = 0
  private lastArrival = 0

  constructor(quality: LinkQuality, luck: Luck) {
    this.quality = quality
    this.luck = luck
  }

  /** Whether a packet's delay does not depend on those before it. */
  get isMemoryless(): boolean {
    return this.quality.bandwidth === Infinity && this.quality.jitter === 0 && this.quality.reorder === 0
  }

  /** When a packet sent now arrives, or why it does not. A packet over the MTU goes in pieces: one lost, all lost. */
  pass(length: number, now: number): number | LossReason {
    const { bandwidth, jitter, latency, loss, mtu, queue, reorder } = this.quality
    if (loss > 0) {
      const pieces = Math.ceil(length / mtu)
      for (let piece = 0; piece < pieces; piece++) if (this.luck.chance(loss)) return "loss"
    }
    let leaves = now
    if (bandwidth !== Infinity) {
      const starts = Math.max(now, this.busyUntil)
      if (((starts - now) * bandwidth) / 8000 > queue) return "queue full"
      leaves = starts + (length * 8000) / bandwidth
      this.busyUntil = leaves
    }
    const arrival = leaves + latency + (jitter > 0 ? this.luck.float() * jitter : 0)
    if (reorder > 0 && this.luck.chance(reorder)) return arrival + Math.max(latency * REORDER_FACTOR, REORDER_MIN)
    if (jitter > 0 || reorder > 0) this.lastArrival = Math.max(arrival, this.lastArrival)
    return jitter > 0 || reorder > 0 ? this.lastArrival : arrival
  }

  /** Whether the packet just passed arrives a second time. */
  duplicates(): boolean {
    return this.luck.chance(this.quality.duplicate)
  }
}
