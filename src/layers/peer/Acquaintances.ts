/**
 * Peers this one has to do with, as long as it runs: so that what strangers use up is not lacking for them. Bounded: the oldest
 * are forgotten. Those it called are kept apart, and nobody else's coming makes it forget them.
 */
import type { PeerId } from "../../schemas/PeerId.ts"
import { dropOldest } from "../../protocols/limits/dropOldest.ts"

/** Of each kind. */
const SIZE = 4096

export class Acquaintances {
  private readonly called = new Set<PeerId>()
  private readonly met = new Set<PeerId>()

  /** This peer connects to it. */
  call(peer: PeerId): void {
    remember(this.called, peer)
  }

  /** The program has taken a pipe of it. */
  meet(peer: PeerId): void {
    remember(this.met, peer)
  }

  /** Whether this peer has chosen it, and not only been found by it. */
  isCalled(peer: PeerId): boolean {
    return this.called.has(peer)
  }

  knows(peer: PeerId): boolean {
    return this.called.has(peer) || this.met.has(peer)
  }
}

const remember = (peers: Set<PeerId>, peer: PeerId): void => {
  peers.delete(peer)
  peers.add(peer)
  dropOldest(peers, SIZE)
}
