/**
 * How likely a connection from outside gets through to a peer, from what it says of its NAT.
 */
import type { Family } from "../../schemas/NetworkInterface.ts"
import type { NatBrief } from "../../schemas/PeerAddress.ts"

/** `open`: it is known to get through. `filtered`: it is known not to. */
export type Chance = "open" | "unknown" | "filtered"

/** What is said of TCP in a family. */
export const briefOf = (nats: ReadonlyArray<NatBrief>, family: Family): NatBrief | undefined =>
  nats.find((nat) => nat.family === family && nat.transport === "tcp")

export const chanceThrough = (nat: NatBrief | undefined): Chance => {
  if (nat?.filtering !== undefined) return nat.filtering === "endpoint-independent" ? "open" : "filtered"
  if (nat?.type === undefined) return "unknown"
  return nat.type === "open-internet" || nat.type === "full-cone" ? "open" : "filtered"
}
