/** What a peer spends on others at most, however many they are and whatever they send. */
import type { Rate } from "../../protocols/limits/RateLimiter.ts"

export interface Limits {
  /** Connections from outside that have not yet said what they want, in all and of one source address. */
  readonly handshakes: number
  readonly handshakesPerSource: number
  /** Milliseconds a handshake may take, and then the first frame. */
  readonly handshakeTime: number
  readonly openTime: number
  /** Links that are not decided yet, in all and with one peer. More are refused. */
  readonly links: number
  readonly linksPerPeer: number
  /** Milliseconds two peers may take to agree on a link. */
  readonly agreeTime: number
  /** Pipes that wait to be accepted. More are refused. */
  readonly arrivals: number
  /** Dials to the candidates of one request to dial back. */
  readonly dialsPerRequest: number
  /** Dials back: for each peer that asks, and in all. */
  readonly dialsPerPeer: Rate
  readonly dials: Rate
  /** Requests to dial back that are worked on at the same time. */
  readonly dialBacks: number
}

export const limits: Limits = {
  handshakes: 512,
  handshakesPerSource: 128,
  handshakeTime: 10_000,
  openTime: 5000,
  links: 1024,
  linksPerPeer: 256,
  agreeTime: 15_000,
  arrivals: 256,
  dialsPerRequest: 8,
  dialsPerPeer: { perSecond: 0.5, burst: 24 },
  dials: { perSecond: 5, burst: 96 },
  dialBacks: 32
}
