/**
 * The mapping rule (RFC 5780 section 4.3): what one socket is mapped to towards several endpoints.
 *
 * Two endpoints of one address that see the same port rule out address-and-port-dependent; two of different addresses that see
 * the same leave only endpoint-independent. A NAT that translates to the same endpoint only as long as nothing clashes is
 * endpoint-independent here: that is what a peer meets.
 */
import * as NetAddress from "effect/net/NetAddress"
import type { Dependence } from "../../schemas/NatDevice.ts"
import type { Measured } from "../../schemas/NatProfile.ts"
import { known, together, unknown } from "./confidence.ts"
import type { Answer, Facts } from "./facts.ts"

export const EIM = "endpoint-independent"
export const ADM = "address-dependent"
export const APDM = "address-and-port-dependent"

/** One pair of destinations that saw the same or different things is right this often. */
const PAIR = 0.95
/** Servers contradict each other, and the addresses of one of them are taken at their word. */
const CONTRADICTED = 0.6

interface Pair {
  readonly far: boolean
  readonly equal: boolean
  readonly oneServer: boolean
  readonly ids: readonly [string, string]
}

export const mapping = (facts: Facts, changed: Measured<boolean>): Measured<Dependence> => {
  if (changed._tag === "Known" && !changed.value) return known(EIM, changed.confidence, changed.evidence)
  const pairs = pairsOf(facts.answers)
  const verdict = decide(pairs)
  if (verdict !== "contradiction") return verdict
  const own = decide(pairs.filter(({ oneServer }) => oneServer))
  if (own !== "contradiction" && own._tag === "Known")
    return { ...own, confidence: Math.min(own.confidence, CONTRADICTED) }
  const evidence = pairs.flatMap(({ ids }) => ids)
  return unknown("inconsistent", "towards some servers the external endpoint is the same, towards others not", [
    ...new Set(evidence)
  ])
}

const decide = (pairs: ReadonlyArray<Pair>): Measured<Dependence> | "contradiction" => {
  const those = (far: boolean, equal: boolean) => pairs.filter((pair) => pair.far === far && pair.equal === equal)
  const nearEqual = those(false, true)
  const nearDifferent = those(false, false)
  const farEqual = those(true, true)
  const farDifferent = those(true, false)
  const evidence = [...new Set(pairs.flatMap(({ ids }) => ids))]
  const sure = (...votes: ReadonlyArray<ReadonlyArray<Pair>>): number =>
    Math.min(...votes.map((vote) => together(vote.map(() => PAIR))))

  if (pairs.length === 0) {
    return unknown("needs-second-address", "needs answers from two addresses to one socket: name another server", [])
  }
  if ((farEqual.length > 0 && farDifferent.length > 0) || (nearEqual.length > 0 && nearDifferent.length > 0)) {
    return "contradiction"
  }
  if (nearDifferent.length > 0)
    return farEqual.length > 0 ? "contradiction" : known(APDM, sure(nearDifferent), evidence)
  if (farEqual.length > 0) return known(EIM, sure(farEqual), evidence)
  if (farDifferent.length > 0 && nearEqual.length > 0) return known(ADM, sure(farDifferent, nearEqual), evidence)
  return farDifferent.length > 0
    ? unknown<Dependence>(
        "needs-second-port",
        "every address sees another port; whether every port does needs a server with two ports (RFC 5780)",
        evidence,
        [ADM, APDM]
      )
    : unknown<Dependence>(
        "needs-second-address",
        "two ports of one address see the same; whether two addresses do needs another server",
        evidence,
        [EIM, ADM]
      )
}

// All pairs of destinations of each socket. A destination seen twice counts as it was seen last.
const pairsOf = (answers: ReadonlyArray<Answer>): ReadonlyArray<Pair> => {
  const slots = new Map<string, Map<string, Answer>>()
  for (const answer of answers) {
    const slot = slots.get(answer.slot) ?? new Map<string, Answer>()
    slots.set(answer.slot, slot.set(NetAddress.formatInet(answer.to), answer))
  }
  const pairs: Array<Pair> = []
  for (const slot of slots.values()) {
    const seen = [...slot.values()]
    seen.forEach((a, index) => {
      for (const b of seen.slice(index + 1)) {
        pairs.push({
          far: NetAddress.formatIp(a.to.address) !== NetAddress.formatIp(b.to.address),
          equal: NetAddress.formatInet(a.outcome.mapped) === NetAddress.formatInet(b.outcome.mapped),
          oneServer: a.server === b.server,
          ids: [a.id, b.id]
        })
      }
    })
  }
  return pairs
}
