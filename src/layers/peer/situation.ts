/**
 * How this peer and another stand to each other: what is known before anything is sent.
 *
 * It is found out once, for each address that was read and as long as this machine's networks stay what they are.
 */
import type { Primitives } from "../../protocols/crypto/Primitives.ts"
import * as Locality from "../../protocols/address/locality.ts"
import * as Own from "../../protocols/connect/own.ts"
import { type Mine, pairsOf, type PairOptions, type Pairs, type Relation } from "../../protocols/connect/pair.ts"
import type { PeerAddress } from "../../schemas/PeerAddress.ts"

/** What follows from this machine's networks. */
interface Known {
  readonly own: Own.Own
  readonly mine: Mine
  readonly networks: ReturnType<typeof Own.networksOf>
  readonly relations: WeakMap<PeerAddress, Relation>
  /** Where nothing is left out. */
  readonly pairs: WeakMap<PeerAddress, Pairs>
}

const knownOf = (own: Own.Own): Known => ({
  own,
  mine: Own.mineOf(own),
  networks: Own.networksOf(own),
  relations: new WeakMap(),
  pairs: new WeakMap()
})

export class Situation {
  private readonly primitives: Primitives
  private readonly machine: Uint8Array | undefined
  private known: Known | undefined = undefined

  /** `machine`: what peers on this machine share, if anything; see `protocols/address/locality`. */
  constructor(primitives: Primitives, machine: Uint8Array | undefined) {
    this.primitives = primitives
    this.machine = machine
  }

  /** The candidates of another peer as pairs with this machine's interfaces. */
  pairsWith(own: Own.Own, theirs: PeerAddress, options: PairOptions = {}): Pairs {
    const known = this.known?.own === own ? this.known : (this.known = knownOf(own))
    const { families, interfaces, stranger } = options
    const isWhole = families === undefined && interfaces === undefined && stranger !== true
    const before = isWhole ? known.pairs.get(theirs) : undefined
    if (before !== undefined) return before
    let relation = known.relations.get(theirs)
    if (relation === undefined) {
      relation = this.relationTo(known.networks, theirs)
      known.relations.set(theirs, relation)
    }
    const pairs = pairsOf(known.mine, theirs.interfaces, relation, options)
    if (isWhole) known.pairs.set(theirs, pairs)
    return pairs
  }

  private relationTo(networks: Known["networks"], theirs: PeerAddress): Relation {
    const { machine, primitives } = this
    const common = (exactly: boolean) =>
      new Map(
        [...networks].map(([name, facts]) => [name, new Set(Locality.sameNetwork(primitives, facts, theirs, exactly))])
      )
    // Each is asked for where the other is not.
    const found = new Map<boolean, ReturnType<typeof common>>()
    const tagged = theirs.locality?.machine !== undefined && machine !== undefined
    return {
      sameMachine: tagged ? Locality.sameMachine(primitives, machine, theirs) : undefined,
      sameNetwork: (name, index, exactly) => {
        const there = theirs.interfaces[index]
        if (there?.network === undefined || (networks.get(name)?.length ?? 0) === 0) return undefined
        if (!found.has(exactly)) found.set(exactly, common(exactly))
        return found.get(exactly)!.get(name)!.has(there)
      }
    }
  }
}
