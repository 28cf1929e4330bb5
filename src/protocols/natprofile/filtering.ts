/**
 * The filtering rule: which strangers may send in (RFC 5780 section 4.4; over TCP by a server that dials back), and what
 * happens to those who may not.
 *
 * An answer that comes through proves something. Silence proves something only of a server that is seen to send such
 * answers, and only as far as it is not loss.
 */
import * as Equal from "effect/Equal"
import type { Dependence } from "../../schemas/NatDevice.ts"
import type { NatObservation } from "../../schemas/NatObservation.ts"
import type { Measured, Unsolicited } from "../../schemas/NatProfile.ts"
import { CERTAIN, known, silenceIsNotLoss, together, unknown } from "./confidence.ts"
import { type Facts, hasOutcome, isElsewhere } from "./facts.ts"
import { ADM, APDM, EIM } from "./mapping.ts"

/** A server that names another endpoint which is there, but could not be shown to answer from it. */
const UNPROVEN = 0.8
/** A server that reports how its dial ended: silence might be its own firewall's. */
const REPORTED = 0.95

/** What one server's tests say. */
type Finding =
  | {
      readonly _tag: "Rule"
      readonly rule: Dependence
      readonly confidence: number
      readonly ids: ReadonlyArray<string>
    }
  | { readonly _tag: "Useless"; readonly why: string; readonly ids: ReadonlyArray<string> }

export const filtering = (facts: Facts, mapped: Measured<Dependence>): Measured<Dependence> => {
  const tcp = facts.subject.transport === "tcp"
  const tests = facts.observations.filter(({ test }) => test === (tcp ? "probe-back" : "filtering"))
  const servers = [...new Set(tests.map(({ server }) => server))]
  const findings = servers.map((server) => (tcp ? byDial(facts, server) : byAnswer(facts, server, mapped)))
  const rules = findings.filter((finding) => finding._tag === "Rule")
  const useless = findings.filter((finding) => finding._tag === "Useless")
  if (rules.length === 0) {
    const why = useless.map((finding) => finding.why).join("; ")
    const need = tcp ? "a server that dials back" : "a server with two addresses that obeys CHANGE-REQUEST (RFC 5780)"
    return unknown(
      tcp ? "needs-probe-back" : "needs-change-request",
      why === "" ? `needs ${need}` : `needs ${need}: ${why}`,
      useless.flatMap(({ ids }) => ids)
    )
  }
  // What came through for one server came through: the others lost it, or do not do what they say.
  const open = [EIM, ADM, APDM]
    .map((rule) => rules.filter((finding) => finding.rule === rule))
    .find((some) => some.length > 0)!
  const doubt = open.length < rules.length ? 0.9 : 1
  return known(
    open[0]!.rule,
    Math.min(CERTAIN, together(open.map(({ confidence }) => confidence))) * doubt,
    open.flatMap(({ ids }) => ids)
  )
}

const byAnswer = (facts: Facts, server: string, mapped: Measured<Dependence>): Finding => {
  const own = facts.observations.filter((each) => each.server === server)
  const tests = own.filter(({ test }) => test === "filtering")
  const other = tests.find(({ change }) => change.address)
  const otherPort = tests.find(({ change }) => change.port && !change.address)
  const ids = tests.map(({ id }) => id)
  const useless = (why: string): Finding => ({ _tag: "Useless", why: `server ${server} ${why}`, ids })
  if (other === undefined || otherPort === undefined) return useless("was not asked")

  if (comesFrom(other) === "address") return { _tag: "Rule", rule: EIM, confidence: CERTAIN, ids: [other.id] }
  for (const each of tests) {
    if (each.outcome._tag === "ErrorAnswer") return useless(`refuses CHANGE-REQUEST with error ${each.outcome.code}`)
    if (each.change.port && comesFrom(each) === "same") return useless("answers from the same endpoint all the same")
  }
  if (other.outcome._tag === "NotSent") return useless("could not be asked")
  if (!tests.some(hasOutcome("Answered"))) return useless("answered none of the tests of filtering")
  const trust = obedience(own, mapped)
  if (typeof trust === "string") return useless(trust)
  const silence = silenceIsNotLoss(facts.loss, other.transmissions)
  if (comesFrom(otherPort) === "port") return { _tag: "Rule", rule: ADM, confidence: trust * silence, ids }
  return {
    _tag: "Rule",
    rule: APDM,
    confidence: trust * silence * silenceIsNotLoss(facts.loss, otherPort.transmissions),
    ids
  }
}

const comesFrom = ({ outcome, to }: NatObservation): "address" | "port" | "same" | "nowhere" => {
  if (outcome._tag !== "Answered" || to === undefined) return "nowhere"
  if (isElsewhere(outcome, to)) return "address"
  return outcome.from.port === to.port ? "same" : "port"
}

/** How far a server's silence is to be trusted, or why not at all. */
const obedience = (own: ReadonlyArray<NatObservation>, mapped: Measured<Dependence>): number | string => {
  const controls = own.filter(({ test }) => test === "control")
  if (controls.some((control) => comesFrom(control) === "address")) return CERTAIN
  const named = own.flatMap(({ outcome, test }) =>
    test === "contact" && outcome._tag === "Answered" && outcome.other !== undefined ? [outcome.other] : []
  )[0]
  const isAlive = own.some(
    ({ outcome, test, to }) => test === "mapping" && outcome._tag === "Answered" && Equal.equals(to, named)
  )
  if (!isAlive) return "names another endpoint that does not answer"
  // With one mapping for all destinations nothing could have stopped the control.
  const plain = controls.some(({ outcome, responsePort }) => responsePort === undefined && outcome._tag === "Silent")
  if (mapped._tag === "Known" && mapped.value === EIM && plain) {
    return "does not answer from its other endpoint, even where that was asked before"
  }
  return UNPROVEN
}

const byDial = (facts: Facts, server: string): Finding => {
  const dials = facts.observations.filter((each) => each.server === server && each.test === "probe-back")
  const ids = dials.map(({ id }) => id)
  const result = (address: boolean) => {
    const dial = dials.find(({ change }) => change.address === address)
    return dial?.outcome._tag === "ProbedBack" ? { ...dial.outcome, sent: dial.transmissions } : undefined
  }
  const other = result(true)
  const otherPort = result(false)
  if (other?.result === "connected") return { _tag: "Rule", rule: EIM, confidence: CERTAIN, ids }
  if (other === undefined || otherPort === undefined) {
    const failed = dials.map(({ outcome }) =>
      outcome._tag === "NotSent"
        ? outcome.detail
        : outcome._tag === "ErrorAnswer"
          ? `error ${outcome.code}`
          : "no report"
    )
    return { _tag: "Useless", why: `server ${server} did not dial back: ${failed.join(", ")}`, ids }
  }
  const sure = ({ result, sent }: { readonly result: string; readonly sent: number }): number =>
    result === "silent" ? silenceIsNotLoss(facts.loss, sent) : 1
  const trust = other.result === "silent" ? REPORTED : CERTAIN
  return otherPort.result === "connected"
    ? { _tag: "Rule", rule: ADM, confidence: trust * sure(other), ids }
    : { _tag: "Rule", rule: APDM, confidence: trust * sure(other) * sure(otherPort), ids }
}

/** What is done with packets that are filtered: known by what a server that dialled back met. */
export const unsolicited = (facts: Facts): Measured<Unsolicited> => {
  if (facts.subject.transport === "udp") {
    return unknown("not-visible", "whether a datagram is refused or dropped is seen only by the one who sent it")
  }
  const dials = facts.observations.filter(hasOutcome("ProbedBack"))
  const ids = dials.map(({ id }) => id)
  if (dials.length === 0) return unknown("needs-probe-back", "needs a server that dials back")
  const count = (result: string): number => dials.filter(({ outcome }) => outcome.result === result).length
  const sure = (times: number): number => together(Array.from({ length: times }, () => REPORTED))
  if (count("refused") > 0) return known("rst", sure(count("refused")), ids)
  if (count("unreachable") > 0) return known("icmp", sure(count("unreachable")), ids)
  const silent = dials.filter(({ outcome }) => outcome.result === "silent")
  if (silent.length === 0) return unknown("nothing-filtered", "every dial from outside came through", ids)
  const sent = silent.reduce((total, { transmissions }) => total + transmissions, 0)
  return known("drop", REPORTED * silenceIsNotLoss(facts.loss, sent), ids)
}

/** Servers whose claimed other endpoint turned out not to be one. */
export const suspects = (facts: Facts, mapped: Measured<Dependence>): ReadonlyArray<string> => {
  if (facts.subject.transport === "tcp") return []
  const servers = new Set(facts.observations.filter(({ test }) => test === "filtering").map(({ server }) => server))
  return [...servers].flatMap((server) => {
    const finding = byAnswer(facts, server, mapped)
    return finding._tag === "Useless" ? [finding.why] : []
  })
}
