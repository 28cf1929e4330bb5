/**
 * From observations to a NAT profile: the whole judgement, and nothing but a function of what was observed.
 *
 * Observations of other routes and transports may be among them: they show which servers are alive.
 */
import * as Equal from "effect/Equal"
import type * as NetAddress from "effect/net/NetAddress"
import type { NatObservation } from "../../schemas/NatObservation.ts"
import type { Measured, NatProfile } from "../../schemas/NatProfile.ts"
import { known, unknown } from "./confidence.ts"
import type { Ports } from "./hypotheses.ts"
import { deltaOf, estimate, noiseOf } from "./delta.ts"
import { type Facts, factsOf, type Subject } from "./facts.ts"
import { filtering, suspects, unsolicited } from "./filtering.ts"
import { hairpin } from "./hairpin.ts"
import { lifetime } from "./lifetime.ts"
import { mapping } from "./mapping.ts"
import { ALL_PORTS, rangeOf } from "./range.ts"
import { blocked, external, nats, translated } from "./reach.ts"
import { samplesOf } from "./Sample.ts"

export interface VerdictInput {
  readonly subject: Subject
  readonly observations: ReadonlyArray<NatObservation>
  /** The outside address of the nearest router, where it was asked (UPnP, NAT-PMP, PCP). */
  readonly gateway?: NetAddress.IpAddress | undefined
}

export const verdict = ({ gateway, observations, subject }: VerdictInput): NatProfile => {
  const facts = factsOf(subject, observations)
  const shut = blocked(facts)
  if (shut._tag === "Unknown") return nothing(facts, shut, shut)
  if (shut.value) {
    return nothing(facts, shut, unknown("blocked", `no ${subject.transport.toUpperCase()} gets through`, shut.evidence))
  }
  const changed = translated(facts)
  const mapped = mapping(facts, changed)
  const rule = filtering(facts, mapped)
  return {
    ...subject,
    blocked: shut,
    external: external(facts),
    translated: changed,
    mapping: mapped,
    filtering: rule,
    ...ports(facts, changed),
    unsolicited: unsolicited(facts),
    hairpin: hairpin(facts, changed, mapped),
    lifetime: lifetime(facts, changed),
    nats: nats(facts, changed, gateway),
    warnings: [...facts.warnings, ...suspects(facts, mapped)]
  }
}

const ports = (facts: Facts, changed: Measured<boolean>): Pick<NatProfile, "delta" | "range" | "noise"> => {
  if (changed._tag === "Known" && !changed.value) {
    return {
      delta: known({ kind: "equal", step: 0 }, changed.confidence, changed.evidence),
      range: known(ALL_PORTS, changed.confidence, changed.evidence),
      noise: unknown("no-translation", "nobody else's ports stand in the way of one's own")
    }
  }
  const believed = new Set(facts.answers.map(({ id }) => id))
  const samples = samplesOf(
    facts.observations.filter(({ id, outcome }) => outcome._tag !== "Answered" || believed.has(id))
  )
  const found = estimate(samples, otherMappings(facts))
  const delta = deltaOf(found, samples)
  return {
    delta,
    range: delta._tag === "Known" ? rangeOf(found, samples) : unknown(delta.reason, delta.detail, delta.evidence),
    noise: noiseOf(found)
  }
}

// New mappings of sockets that no sample came from, where it is clear which was the first: there is just one. When they were
// made among the others is not clear.
const otherMappings = ({ answers }: Facts): ReadonlyArray<Ports> => {
  const main = answers.find(({ test }) => test === "sample")?.outcome.mapped.address
  const slots = new Map<string, Set<string>>()
  const ports = new Map<string, Ports>()
  for (const { local, outcome, slot, test } of answers) {
    if (test === "sample" || !Equal.equals(outcome.mapped.address, main)) continue
    slots.set(slot, (slots.get(slot) ?? new Set()).add(String(outcome.mapped.port)))
    ports.set(slot, { local: local.port, external: outcome.mapped.port })
  }
  return [...ports].flatMap(([slot, each]) => (slots.get(slot)!.size === 1 ? [each] : []))
}

// Nothing was heard, so nothing is known but that.
const nothing = (facts: Facts, shut: Measured<boolean>, why: Measured<boolean>): NatProfile => {
  const absent =
    why._tag === "Unknown" ? unknown(why.reason, why.detail, why.evidence) : unknown("no-answer", "nothing was heard")
  return {
    ...facts.subject,
    blocked: shut,
    external: absent,
    translated: absent,
    mapping: absent,
    filtering: absent,
    delta: absent,
    range: absent,
    unsolicited: absent,
    hairpin: absent,
    lifetime: absent,
    nats: absent,
    noise: absent,
    warnings: facts.warnings
  }
}
