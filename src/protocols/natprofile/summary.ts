/** A NAT profile as one flat object, for `p2p nat --json` and for people who read JSON. */
import * as NetAddress from "effect/net/NetAddress"
import type { FieldEvidence, Measured, NatProfile, NatSummary } from "../../schemas/NatProfile.ts"
import { classicName } from "./names.ts"

const valueOf = <A>(measured: Measured<A>): A | "unknown" => (measured._tag === "Known" ? measured.value : "unknown")

const evidenceOf = (measured: Measured<unknown>): FieldEvidence =>
  measured._tag === "Known"
    ? { confidence: measured.confidence, observations: measured.evidence }
    : { confidence: 0, reason: measured.reason, detail: measured.detail, observations: measured.evidence }

export const summary = (profile: NatProfile): NatSummary => {
  const type = classicName(profile)
  const { delta, external, filtering, hairpin, lifetime, mapping, nats, range, unsolicited } = profile
  return {
    interface: profile.interface,
    family: profile.family,
    transport: profile.transport,
    type: valueOf(type),
    mapping: valueOf(mapping),
    filtering: valueOf(filtering),
    delta: delta._tag === "Known" ? delta.value : { kind: "unknown", step: "unknown" },
    range: valueOf(range),
    unsolicited: valueOf(unsolicited),
    hairpin: valueOf(hairpin),
    external: external._tag === "Known" ? NetAddress.formatIp(external.value) : "unknown",
    lifetime: valueOf(lifetime),
    nats: valueOf(nats),
    confidence: type._tag === "Known" ? type.confidence : 0,
    evidence: {
      type: evidenceOf(type),
      mapping: evidenceOf(mapping),
      filtering: evidenceOf(filtering),
      delta: evidenceOf(delta),
      range: evidenceOf(range),
      unsolicited: evidenceOf(unsolicited),
      hairpin: evidenceOf(hairpin),
      external: evidenceOf(external),
      lifetime: evidenceOf(lifetime),
      nats: evidenceOf(nats)
    },
    warnings: profile.warnings
  }
}
