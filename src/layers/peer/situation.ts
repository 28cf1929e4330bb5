/**
 * How this peer and another stand to each other: what is known before anything is sent.
 */
import type { Primitives } from "../../protocols/crypto/Primitives.ts"
import * as Locality from "../../protocols/address/locality.ts"
import * as Own from "../../protocols/connect/own.ts"
import { pairsOf, type PairOptions, type Pairs, type Relation } from "../../protocols/connect/pair.ts"
import type { PeerAddress } from "../../schemas/PeerAddress.ts"

/** `machine`: what peers on this machine share, if anything. */
const relationTo = (
  primitives: Primitives,
  own: Own.Own,
  machine: Uint8Array | undefined,
  theirs: PeerAddress
): Relation => {
  const networks = Own.networksOf(own)
  const common = new Map(
    [...networks].map(([name, facts]) => [name, new Set(Locality.sameNetwork(primitives, facts, theirs))])
  )
  const tagged = theirs.locality?.machine !== undefined && machine !== undefined
  return {
    sameMachine: tagged ? Locality.sameMachine(primitives, machine, theirs) : undefined,
    sameNetwork: (name, index) => {
      const there = theirs.interfaces[index]
      if (there?.network === undefined || (networks.get(name)?.length ?? 0) === 0) return undefined
      return common.get(name)!.has(there)
    }
  }
}

/** The candidates of another peer as pairs with this machine's interfaces. */
export const pairsWith = (
  primitives: Primitives,
  own: Own.Own,
  machine: Uint8Array | undefined,
  theirs: PeerAddress,
  options: PairOptions = {}
): Pairs => pairsOf(Own.mineOf(own), theirs.interfaces, relationTo(primitives, own, machine, theirs), options)
