/** Verdicts on what stands in the way as a whole: blocked or not, translated or not, the external address, how many NATs. */
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import type { Measured, NatCount } from "../../schemas/NatProfile.ts"
import { classOf, isPublic, isSiteOnly } from "../addresses/specialUse.ts"
import { CERTAIN, known, succession, unknown } from "./confidence.ts"
import { type Facts, hasOutcome, lossOf, seenAt } from "./facts.ts"

/** Before anything is measured: how often a network does not let a transport through at all. */
const BLOCKED_PRIOR = 0.03
/**
 * How often a server does not answer for reasons of its own: nothing known of it; alive over another transport; over this one.
 * One that refuses, over either transport, does as a host does on which no server runs.
 */
const DEAD = 0.1
const DEAF = 0.02
const THERE = 0.002
const REFUSING = 0.5
/** Where nothing at all was heard, all servers may be silent for one cause: an old list, one operator. */
const UNHEARD = 0.8

export const blocked = (facts: Facts): Measured<boolean> => {
  const { elsewhere, observations, subject } = facts
  const name = subject.transport.toUpperCase()
  // An error is an answer too.
  const heard = observations.find(({ outcome }) => outcome._tag === "Answered" || outcome._tag === "ErrorAnswer")
  if (heard !== undefined) return known(false, CERTAIN, [heard.id])
  if (observations.length === 0) {
    return unknown("no-server", `no server was given that speaks ${name} over ${subject.family}`)
  }
  const contacts = observations.filter(({ outcome, test }) => test === "contact" && outcome._tag !== "NotSent")
  const evidence = contacts.map(({ id }) => id)
  if (contacts.length === 0) {
    const reason = observations.find(hasOutcome("NotSent"))?.outcome.detail
    return unknown("not-sent", `no ${name} probe left this machine${reason === undefined ? "" : `: ${reason}`}`)
  }
  const alive = elsewhere.filter(hasOutcome("Answered"))
  const loss = lossOf(elsewhere.filter((each) => each.interface === subject.interface))
  const servers = new Set(contacts.map(({ server }) => server))
  const instead = contacts.flatMap(({ outcome }) => (outcome._tag === "Silent" ? (outcome.ignored ?? []) : []))
  if (instead.length > 0) {
    // Something came through, though nothing can be built on it.
    const detail = `no answer over ${name} from ${[...servers].join(", ")}: ${instead.join("; ")}; name another server`
    return unknown("no-answer", detail, evidence, [true, false])
  }
  // What is dead is mostly a host: servers at one address are one witness.
  const hosts = new Map<string, number>()
  for (const { outcome, server, to, transmissions } of contacts) {
    const signs = alive.filter((each) => each.server === server)
    const isThere = signs.some(({ transport }) => transport === subject.transport)
    const refuses = elsewhere.some((each) => each.server === server && each.outcome._tag === "Refused")
    const isRefused = outcome._tag === "Refused" || (refuses && signs.length === 0)
    const own = isThere ? THERE : isRefused ? REFUSING : signs.length > 0 ? DEAF : DEAD
    const host = to === undefined ? server : NetAddress.formatIp(to.address)
    const silent = own + (outcome._tag === "Silent" ? loss ** transmissions : 0)
    hosts.set(host, Math.min(hosts.get(host) ?? 1, silent))
  }
  const otherwise = [...hosts.values()].reduce((all, silent) => all * silent, 1)
  const confidence = Math.min(alive.length === 0 ? UNHEARD : 1, BLOCKED_PRIOR / (BLOCKED_PRIOR + otherwise))
  if (confidence > 0.5) return known(true, confidence, evidence)
  const refused = contacts.every(({ outcome }) => outcome._tag === "Refused")
  return unknown(
    "no-answer",
    refused
      ? `${[...servers].join(", ")} refused ${name}: it is blocked, or no server there speaks it; name another server`
      : `no answer over ${name} from ${[...servers].join(", ")}: blocked, or the server is down; name another server`,
    evidence,
    [true, false]
  )
}

export const external = ({ answers }: Facts): Measured<NetAddress.IpAddress> => {
  const seen = seenAt(answers)
  const evidence = answers.filter(({ test }) => test === "contact").map(({ id }) => id)
  const addresses = [...seen.keys()].map((address) => NetAddress.ipFromStringUnsafe(address))
  if (addresses.length === 0) return unknown("too-few-answers", "no server said where it sees us")
  if (addresses.length === 1) return known(addresses[0]!, succession(8 * [...seen.values()][0]!.size), evidence)
  const list = [...seen].map(([address, servers]) => `${address} (${[...servers].join(", ")})`).join(", ")
  return unknown("inconsistent", `seen at several addresses: ${list}`, evidence, addresses)
}

export const translated = ({ answers }: Facts): Measured<boolean> => {
  const same = answers.filter(
    ({ local, outcome }) => NetAddress.formatInet(local) === NetAddress.formatInet(outcome.mapped)
  )
  const evidence = answers.slice(0, 4).map(({ id }) => id)
  if (answers.length === 0) return unknown("too-few-answers", "no server said where it sees us")
  if (same.length === answers.length) return known(false, succession(4 * answers.length), evidence)
  if (same.length === 0) {
    return known(true, succession(4 * (answers.length - same.length)), evidence)
  }
  return unknown("inconsistent", "some servers see our own address and port, others do not", evidence, [true, false])
}

/** A server that sees a private address where others see a public one stands between two NATs, or lies. */
const BETWEEN = 0.8

/**
 * How many NATs stand in a row. `gateway` is the address that the nearest router says it has on its outside (from UPnP, NAT-PMP
 * or PCP), where one was asked.
 */
export const nats = (facts: Facts, changed: Measured<boolean>, gateway?: NetAddress.IpAddress): Measured<NatCount> => {
  if (changed._tag === "Unknown") return unknown(changed.reason, changed.detail, changed.evidence)
  if (!changed.value) return known({ count: 0, exact: true, carrier: false }, changed.confidence, changed.evidence)
  const seen = [...seenAt(facts.answers).keys()]
  const local = facts.answers[0]!.local.address
  const between = facts.observations
    .filter(hasOutcome("Answered"))
    .filter(({ outcome: { mapped } }) => isSiteOnly(mapped.address) && !Equal.equals(mapped.address, local))
  const inside = [local, ...between.map(({ outcome }) => outcome.mapped.address)]
  const carrier = [...inside, ...(gateway === undefined ? [] : [gateway])].some(
    (address) => classOf(address) === "cgnat"
  )
  const evidence = changed.evidence
  if (gateway !== undefined) {
    const last = seen.includes(NetAddress.formatIp(gateway))
    return last
      ? known({ count: 1, exact: true, carrier }, changed.confidence, evidence)
      : known({ count: 2, exact: false, carrier }, isSiteOnly(gateway) || isPublic(gateway) ? CERTAIN : 0.7, evidence)
  }
  const isSeenOutside = seen.some((address) => isPublic(NetAddress.ipFromStringUnsafe(address)))
  return isSeenOutside && between.length > 0
    ? known(
        { count: 2, exact: false, carrier },
        BETWEEN,
        between.map(({ id }) => id)
      )
    : known({ count: 1, exact: false, carrier }, changed.confidence, evidence)
}
