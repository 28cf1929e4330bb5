/** What a peer spends on others at most, however many they are and whatever they send. */
import type { Rate } from "../../protocols/limits/RateLimiter.ts"

export interface Limits {
  /** Connections from outside that have not yet said what they want, in all and of one source address. */
  readonly handshakes: number
  readonly handshakesPerSource: number
  /** Milliseconds such a connection may take to prove who it is from and to say what it wants. */
  readonly arriveTime: number
  /** Milliseconds `allow` may take, which is less than the other waits. Then the answer is no. */
  readonly allowTime: number
  /** Links from outside that are not decided yet, in all and with one peer. More are refused. */
  readonly links: number
  readonly linksPerPeer: number
  /** Milliseconds two peers may take to agree on a link. */
  readonly agreeTime: number
  /** Pipes that wait to be accepted, in all and of one peer. More are refused. */
  readonly arrivals: number
  readonly arrivalsPerPeer: number
  /** Dials to the candidates of one request to dial back. */
  readonly dialsPerRequest: number
  /** Dials back: for each peer that asks; in all for those this peer knows, and in all for strangers. */
  readonly dialsPerPeer: Rate
  readonly dials: Rate
  readonly strangerDials: Rate
  /** Requests to dial back that are worked on at the same time: of those this peer knows, and of strangers. */
  readonly dialBacks: number
  readonly strangerDialBacks: number
}

export const limits: Limits = {
  handshakes: 512,
  handshakesPerSource: 128,
  arriveTime: 10_000,
  allowTime: 8000,
  links: 1024,
  linksPerPeer: 128,
  agreeTime: 15_000,
  arrivals: 256,
  arrivalsPerPeer: 128,
  dialsPerRequest: 8,
  dialsPerPeer: { perSecond: 0.5, burst: 24 },
  dials: { perSecond: 5, burst: 96 },
  strangerDials: { perSecond: 2, burst: 48 },
  dialBacks: 32,
  strangerDialBacks: 16
}
