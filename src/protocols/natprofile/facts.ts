/**
 * The observations of one interface, family and transport, sorted for the verdicts: answers, how much is lost, which servers
 * are not to be believed.
 */
import * as NetAddress from "effect/net/NetAddress"
import type { NatObservation, Outcome, Transport } from "../../schemas/NatObservation.ts"
import type { Family } from "../../schemas/NetworkInterface.ts"
import { isPublic } from "../addresses/specialUse.ts"
import { problemWith } from "./contact.ts"

export interface Subject {
  readonly interface: string
  readonly family: Family
  readonly transport: Transport
}

export type Answered = Extract<Outcome, { readonly _tag: "Answered" }>

/** An answered probe, with where it went. */
export interface Answer extends NatObservation {
  readonly outcome: Answered
  readonly local: NetAddress.InetAddress
  readonly to: NetAddress.InetAddress
}

export interface Facts {
  readonly subject: Subject
  /** Of this subject, in the order of sending. */
  readonly observations: ReadonlyArray<NatObservation>
  /** Of those, the answers of servers that are believed. */
  readonly answers: ReadonlyArray<Answer>
  /** Share of probes that got no answer for no other reason than loss, never 0: one might. */
  readonly loss: number
  /** Of every other subject: they may show that a server is alive. */
  readonly elsewhere: ReadonlyArray<NatObservation>
  readonly warnings: ReadonlyArray<string>
}

export const hasOutcome =
  <T extends Outcome["_tag"]>(tag: T) =>
  (observation: NatObservation): observation is NatObservation & { readonly outcome: Extract<Outcome, { _tag: T }> } =>
    observation.outcome._tag === tag

const isAnswer = (observation: NatObservation): observation is Answer =>
  observation.outcome._tag === "Answered" && observation.local !== undefined && observation.to !== undefined

export const factsOf = (subject: Subject, all: ReadonlyArray<NatObservation>): Facts => {
  const isOurs = (each: NatObservation): boolean =>
    each.interface === subject.interface && each.family === subject.family && each.transport === subject.transport
  const observations = all.filter(isOurs).toSorted((a, b) => a.order - b.order)
  const answers = observations.filter(isAnswer)
  const { believed, warnings } = dissent(answers)
  return {
    subject,
    observations,
    answers: answers.filter(({ server }) => believed(server)),
    loss: lossOf(observations),
    elsewhere: all.filter((each) => !isOurs(each)),
    warnings: [...warnings, ...claims(answers)]
  }
}

/** Before anything is seen, one of ten round trips is reckoned to be lost; five samples weigh as much. */
const USUAL_LOSS = 0.1
const LOSS_PRIOR = 5

/** How much is lost: samples are sent once, to servers that answered before. */
export const lossOf = (observations: ReadonlyArray<NatObservation>): number => {
  const samples = observations.filter(({ outcome, test }) => test === "sample" && outcome._tag !== "NotSent")
  const lost = samples.filter(({ outcome }) => outcome._tag === "Silent").length
  return (lost + USUAL_LOSS * LOSS_PRIOR) / (samples.length + LOSS_PRIOR)
}

/** The addresses a subject was seen at, each with the servers that saw it. */
export const seenAt = (answers: ReadonlyArray<Answer>): ReadonlyMap<string, ReadonlySet<string>> => {
  const seen = new Map<string, Set<string>>()
  for (const { outcome, server } of answers) {
    const address = NetAddress.formatIp(outcome.mapped.address)
    seen.set(address, (seen.get(address) ?? new Set()).add(server))
  }
  return seen
}

/**
 * A server that sees one where no other server does is not believed if the others are in the majority, or if it sees a
 * private address where others see a public one: it lies, or stands on this side of a NAT.
 */
const dissent = (answers: ReadonlyArray<Answer>) => {
  const servers = [...new Set(answers.map(({ server }) => server))]
  const seen = [...seenAt(answers)]
  const isOutside = ([address]: readonly [string, unknown]): boolean => isPublic(NetAddress.ipFromStringUnsafe(address))
  const outside = seen.filter(isOutside)
  const candidates = outside.length > 0 ? outside : seen
  const most = Math.max(0, ...candidates.map(([, by]) => by.size))
  const leaders = candidates.filter(([, by]) => by.size === most)
  const lead = leaders.length === 1 && (most * 2 > servers.length || outside.length === 1) ? leaders[0]![1] : undefined
  const doubted = lead === undefined ? [] : servers.filter((server) => !lead.has(server))
  const warnings = doubted.map((server) => {
    const addresses = seen.filter(([, by]) => by.has(server)).map(([address]) => address)
    return `server ${server} sees us at ${addresses.join(", ")}, the others at ${leaders[0]![0]}: it is not believed`
  })
  return { believed: (server: string): boolean => !doubted.includes(server), warnings }
}

// What servers say about themselves that cannot be, or that they contradict.
const claims = (answers: ReadonlyArray<Answer>): ReadonlyArray<string> => {
  const warnings = new Set<string>()
  const named = new Map<string, string>()
  for (const { change, outcome, server, test, to } of answers) {
    if (test === "contact" && outcome.other !== undefined) {
      const problem = problemWith(to, outcome.other)
      const other = NetAddress.formatInet(outcome.other)
      if (problem !== undefined) warnings.add(`server ${server} names ${other} as its other endpoint, but ${problem}`)
      named.set(server, other)
    }
    const other = named.get(server)
    if (change.address && change.port && other !== undefined && isElsewhere(outcome, to)) {
      const from = NetAddress.formatInet(outcome.from)
      if (from !== other) warnings.add(`server ${server} names ${other} as its other endpoint but answers from ${from}`)
    }
  }
  return [...warnings]
}

/** Whether an answer came from another address than the one asked. */
export const isElsewhere = (outcome: Answered, to: NetAddress.InetAddress): boolean =>
  NetAddress.formatIp(outcome.from.address) !== NetAddress.formatIp(to.address)
