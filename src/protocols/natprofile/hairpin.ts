/** Hairpinning (RFC 4787 section 6): whether two hosts behind the NAT reach each other at their external endpoints. */
import type { Dependence } from "../../schemas/NatDevice.ts"
import type { Measured } from "../../schemas/NatProfile.ts"
import { CERTAIN, known, silenceIsNotLoss, unknown } from "./confidence.ts"
import { type Facts, hasOutcome } from "./facts.ts"
import { EIM } from "./mapping.ts"

/** A connection and its first segment go to and fro so often; what is left of one dial spoils every second one. */
const TCP_ROUND_TRIPS = 2.5
const TCP_DIALS = 2

/** Silence where a packet should have arrived, twice: a firewall of this machine might swallow it too. */
const SWALLOWED = 0.95

export const hairpin = (facts: Facts, changed: Measured<boolean>, mapped: Measured<Dependence>): Measured<boolean> => {
  const probes = facts.observations.filter(({ test }) => test === "hairpin")
  const ids = probes.map(({ id }) => id)
  if (changed._tag === "Known" && !changed.value) {
    return unknown("no-translation", "without translation the external endpoint is the own one", ids)
  }
  const arrived = probes.filter(hasOutcome("Arrived"))
  if (arrived.length > 0)
    return known(
      true,
      CERTAIN,
      arrived.map(({ id }) => id)
    )
  const failed = probes.filter(({ outcome }) => outcome._tag !== "NotSent")
  if (failed.length === 0) return unknown("too-few-answers", "the own external endpoints are not known", ids)
  if (mapped._tag === "Unknown")
    return unknown(mapped.reason, `how mappings are made is unknown: ${mapped.detail}`, ids)
  if (mapped.value !== EIM) {
    return unknown("not-addressable", "every destination sees another endpoint, so one's own cannot know its own", ids)
  }
  const sent = failed.reduce((total, { transmissions }) => total + transmissions, 0)
  const heard =
    facts.subject.transport === "udp"
      ? silenceIsNotLoss(facts.loss, sent)
      : silenceIsNotLoss(1 - (1 - facts.loss) ** TCP_ROUND_TRIPS, sent / TCP_DIALS)
  return known(false, SWALLOWED * mapped.confidence * heard, ids)
}
