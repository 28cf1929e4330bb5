/**
 * Which steps to take, and when: a function of what is known, giving plain data. Nothing waits for a fixed time where there
 * is nothing better to do: a step also starts as soon as nothing else is under way.
 */
import * as NetAddress from "effect/net/NetAddress"
import type { AddressInterface, Candidate } from "../../schemas/PeerAddress.ts"
import { briefOf, chanceThrough, type Chance } from "./chance.ts"
import { isFar } from "./judge.ts"
import type { Pair, Pairs } from "./pair.ts"

/** Direct dials that start at once; more follow one by one, so that a burst does not fill the tables of a small router. */
export const AT_ONCE = 8
/** Between the starts of the others (RFC 8305 section 5). */
export const STAGGER_MS = 250
/**
 * On one machine the first dial gets through or is refused at once: that long the others are kept from costing it a
 * handshake each. They begin when it has failed, too.
 */
export const SAME_MACHINE_MS = 50
/** Dials that are known to be filtered start this much later: what they cost is better spent on the others. */
export const FILTERED_DELAY_MS = 500
/** A dial, the handshake on it and the agreement: ten round trips of a bad second, with a lost packet among them. */
export const DIRECT_BUDGET_MS = 10_000
/**
 * How long a direct dial that will get through is given before the other is asked to dial back: an answer from the other side
 * of the world, and a retransmitted SYN is not waited for (RFC 6298 section 2: it comes after a second).
 */
export const REVERSE_DELAY_MS = 300

/** What is known when a connect begins. */
export interface Facts extends Pairs {
  /** The best chance the other has to dial this peer. */
  readonly back: Chance
  /** Whether it can be asked to: it names a broker. */
  readonly signalling: boolean
}

/** One step, or a strategy that is not used, and why. */
export type Proposal =
  | {
      readonly pair?: Pair | undefined
      /** Milliseconds after the start of the connect. */
      readonly delay: number
      /** Milliseconds it may take. Absent: all there are. */
      readonly budget?: number | undefined
      readonly why: string
    }
  | { readonly skipped: string }

export interface Step {
  readonly strategy: string
  readonly pair: Pair | undefined
  readonly delay: number
  readonly budget: number | undefined
  readonly why: string
}

export interface Plan {
  /** In the order of their starts. */
  readonly steps: ReadonlyArray<Step>
  readonly skipped: ReadonlyArray<{ readonly strategy: string; readonly why: string }>
}

/** Steps at most, whatever strategies of others propose. */
export const MAX_STEPS = 64

/** Dials every pair: those that may get through now, the others later. */
export const direct = ({ pairs, skipped }: Facts): ReadonlyArray<Proposal> => {
  if (pairs.length === 0) {
    const none =
      skipped.length === 0 ? "its address has no TCP candidate" : "no candidate of it can be dialled from here"
    return [{ skipped: none }]
  }
  const likely = pairs.filter(({ chance }) => chance !== "filtered")
  const filtered = pairs.filter(({ chance }) => chance === "filtered")
  const step = (pair: Pair, delay: number): Proposal => ({ pair, delay, budget: DIRECT_BUDGET_MS, why: pair.why })
  const wait = likely[0]?.nearness === "same-machine" && likely[0].chance === "open" ? SAME_MACHINE_MS : 0
  return [
    ...likely.map((pair, at) => step(pair, (at > 0 ? wait : 0) + Math.max(0, at + 1 - AT_ONCE) * STAGGER_MS)),
    ...filtered.map((pair, at) => step(pair, FILTERED_DELAY_MS + Math.floor(at / AT_ONCE) * STAGGER_MS))
  ]
}

/** Asks the other to dial back, at once unless a direct dial is as good as sure. */
export const reverse = ({ back, pairs, signalling }: Facts): ReadonlyArray<Proposal> => {
  if (!signalling) return [{ skipped: "its address names no broker to ask it by" }]
  if (back === "filtered") return [{ skipped: "the other could not dial this peer either" }]
  const sure = pairs.find(({ chance }) => chance === "open")
  return sure === undefined
    ? [{ delay: 0, why: "no direct dial is sure to get through" }]
    : [{ delay: REVERSE_DELAY_MS, why: `in case ${NetAddress.formatInet(sure.remote)} does not answer` }]
}

/** Asks each strategy; the order of strategies decides between steps that start together. */
export const planOf = (
  facts: Facts,
  strategies: ReadonlyArray<readonly [name: string, plan: (facts: Facts) => ReadonlyArray<Proposal>]>
): Plan => {
  const steps: Array<Step> = []
  const skipped: Array<Plan["skipped"][number]> = []
  for (const [strategy, propose] of strategies) {
    for (const proposal of propose(facts)) {
      if ("skipped" in proposal) skipped.push({ strategy, why: proposal.skipped })
      else {
        const { budget, delay, pair, why } = proposal
        steps.push({ strategy, pair, delay, budget, why })
      }
    }
  }
  return { steps: steps.toSorted((a, b) => a.delay - b.delay).slice(0, MAX_STEPS), skipped }
}

/** `0 ms direct eth0 10.0.0.2 -> 11.0.0.2:4000, open: its network lets in who comes from outside` */
export const format = ({ delay, pair, strategy, why }: Step): string => {
  const ends =
    pair === undefined
      ? ""
      : ` ${pair.interface} ${NetAddress.formatIp(pair.local)} -> ${NetAddress.formatInet(pair.remote)}, ${pair.chance}`
  return `${delay} ms ${strategy}${ends}: ${why}`
}

const better = (a: Chance, b: Chance): Chance => (a === "open" || b === "filtered" ? a : b)

const chanceOf = ({ nats }: AddressInterface, { endpoint, kind }: Candidate): Chance => {
  if (!isFar(endpoint.address)) return "filtered"
  return kind === "mapped" ? "open" : chanceThrough(briefOf(nats, NetAddress.familyOf(endpoint.address)))
}

/**
 * The best chance the other has to dial this peer, `filtered` where there is none: by the candidates this one would send
 * it, and by what is near, which is so from both sides. Who says nothing of where it is may be near.
 */
export const chanceBack = (mine: ReadonlyArray<AddressInterface>, { pairs, skipped }: Pairs): Chance => {
  const isHidden = pairs.length === 0 && skipped.length === 0
  const near = pairs.filter(({ nearness }) => nearness !== "internet").map(({ chance }) => chance)
  const far = mine.flatMap((each) =>
    each.candidates
      .filter(({ transport }) => transport === "tcp")
      .map((candidate) => (isHidden && !isFar(candidate.endpoint.address) ? "unknown" : chanceOf(each, candidate)))
  )
  // Who listens nowhere is dialled by nobody, however near.
  return far.length === 0 ? "filtered" : [...near, ...far].reduce(better, "filtered")
}
