/**
 * The allocation rule of a NAT as a number pattern, estimated from samples in the order they were sent.
 *
 * Every rule that the samples suggest is weighed against all others, and against chance (Bayes' theorem, all kinds being
 * equally likely beforehand). The confidence is the share of the best, cut to what the number of samples that followed it can
 * carry: a rule seen to hold three times is not sure, however well it fits.
 */
import type { Delta, Measured } from "../../schemas/NatProfile.ts"
import { CERTAIN, known, succession, unknown } from "./confidence.ts"
import * as Hypotheses from "./hypotheses.ts"
import { independent } from "./independent.ts"
import { type Sample, type Step, stepsOf } from "./Sample.ts"

/** With fewer answers nothing can be told from chance. */
const FEWEST_SAMPLES = 5
/** A rule has to show at least so often; an offset in a range is two numbers, which two coincidences can make up. */
const FEWEST_HITS = 2
const FEWEST_OFFSETS = 4
/** Chance is what is left when no rule shows, so a rule must have had this many occasions to show. */
const FEWEST_OCCASIONS = 3

export interface Estimate {
  readonly hypothesis: Hypotheses.Hypothesis
  /** The share of the best hypothesis among all. */
  readonly share: number
  readonly confidence: number
  readonly samples: ReadonlyArray<Sample>
  readonly others: ReadonlyArray<Hypotheses.Ports>
  readonly steps: ReadonlyArray<Step>
}

/** The best explanation, `undefined` for too few samples. `others` are new mappings made at other times. */
export const estimate = (
  samples: ReadonlyArray<Sample>,
  others: ReadonlyArray<Hypotheses.Ports> = []
): Estimate | undefined => {
  const steps = stepsOf(samples)
  if (steps.length + 1 < FEWEST_SAMPLES) return undefined
  const evidence = Hypotheses.evidenceOf(samples, steps, others)
  const rules = [
    Hypotheses.offset(evidence, 0),
    ...offsetsOf(evidence),
    ...stepsSeen(steps).map((step) => independent(evidence, step)),
    ...stepsSeen(steps.filter(isPair)).map((step) => Hypotheses.dependent(evidence, step))
  ].filter(({ delta, hits }) => hits >= (delta.kind === "preserving" ? FEWEST_OFFSETS : FEWEST_HITS))
  const candidates = [Hypotheses.random(evidence), ...rules]
  const best = candidates.reduce((a, b) => (b.weight > a.weight ? b : a))
  const total = candidates.reduce((sum, { weight }) => sum + Math.exp(weight - best.weight), 0)
  const confidence = carried(best, steps) / total
  return { hypothesis: best, share: 1 / total, confidence, samples, others, steps: best.steps ?? steps }
}

/** Of chance there is never less to be said than this, when every rule has been ruled out. */
const CHANCE = 0.6

// Of a rule: how often it was followed. Of chance: how often a rule could have shown and did not. Where answers overtake each
// other the samples may have done so before the NAT, which hides a rule: with half of them overtaken nothing is known.
const carried = ({ delta, hits }: Hypotheses.Hypothesis, steps: ReadonlyArray<Step>): number => {
  if (delta.kind !== "random") return succession(2 * hits)
  const pairs = steps.filter(isPair)
  const overtaking = (pairs.filter(({ overtaken }) => overtaken).length + 1) / (pairs.length + 2)
  const occasions = pairs.length * Math.max(0, 1 - 2 * overtaking)
  return pairs.length < FEWEST_OCCASIONS ? 0 : Math.max(CHANCE, succession(2 * occasions))
}

const isPair = ({ gap, isRun }: Step): boolean => isRun && gap === 0

const stepsSeen = (steps: ReadonlyArray<Step>): ReadonlyArray<number> => [
  ...new Set(steps.flatMap(({ from, to }) => (to === from ? [] : [to - from])))
]

// Every offset seen, alone and with each range size that explains the other samples best. In a range of one size many offsets
// come to the same: they are one candidate.
const offsetsOf = (evidence: Hypotheses.Evidence): ReadonlyArray<Hypotheses.Hypothesis> => {
  const candidates = new Map<string, Hypotheses.Hypothesis>()
  const times = new Map<number, number>()
  for (const { external, local } of evidence.samples)
    times.set(external - local, (times.get(external - local) ?? 0) + 1)
  for (const [seen, count] of times) {
    // Ports of one run have one offset, so one seen once is none.
    if (seen === 0 || count === 1) continue
    for (const size of [undefined, ...sizesFor(evidence, seen)]) {
      const step = size === undefined ? seen : nearest(seen, size)
      const key = `${step} ${size}`
      if (!candidates.has(key)) candidates.set(key, Hypotheses.offset(evidence, step, size))
    }
  }
  return [...candidates.values()]
}

/** The smallest of the steps that come to the same in a range of this size. */
const nearest = (step: number, size: number): number => {
  const up = ((step % size) + size) % size
  return up > size / 2 ? up - size : up
}

// Ports that an offset misses by multiples of one number wrap in a range of that size. It holds all ports seen.
const sizesFor = ({ samples }: Hypotheses.Evidence, step: number): ReadonlyArray<number> => {
  const smallest = Hypotheses.width(samples)
  const misses = samples.map(({ external, local }) => Math.abs(external - local - step)).filter((miss) => miss > 0)
  const explained = new Map<number, number>()
  for (const miss of new Set(misses)) {
    for (let turns = 1; miss / turns >= smallest; turns++) {
      const size = miss / turns
      if (!Number.isInteger(size) || size > 65_536 || explained.has(size)) continue
      explained.set(size, misses.filter((other) => other % size === 0).length)
    }
  }
  const most = Math.max(...explained.values())
  return [...explained].flatMap(([size, count]) => (count === most ? [size] : []))
}

export const deltaOf = (found: Estimate | undefined, samples: ReadonlyArray<Sample>): Measured<Delta> => {
  const ids = samples.map(({ id }) => id)
  const answered = samples.filter(({ external }) => external !== undefined).length
  if (found === undefined) {
    return unknown(
      "too-few-answers",
      `${answered} of ${samples.length} samples were answered; ${FEWEST_SAMPLES} are needed`,
      ids
    )
  }
  if (found.confidence < 0.5) {
    return unknown(
      "too-few-answers",
      `${answered} of ${samples.length} samples were answered and show no clear rule`,
      ids
    )
  }
  return known(found.hypothesis.delta, Math.min(CERTAIN, found.confidence), ids)
}

/** Before anything is seen, others are reckoned to make half a mapping in this time; a home makes about 2 a second. */
export const NOISE_PRIOR_MS = 200

/** New mappings a second by others, as far as the samples show: a counter that went on, or a run that was broken. */
export const noiseOf = (found: Estimate | undefined): Measured<number> => {
  const kind = found?.hypothesis.delta.kind
  if (found === undefined || (kind !== "independent" && kind !== "dependent")) {
    return unknown("not-visible", "mappings of others do not show in the ports of this kind of NAT")
  }
  const { step } = found.hypothesis.delta
  let others = 0
  let time = 0
  for (const { from, gap, isRun, time: passed, to } of found.steps) {
    const count = (to - from) / step
    if (kind === "dependent") {
      if (!isRun || gap > 0) continue
      others += count === 1 ? 0 : 1
    } else {
      if (!Number.isInteger(count) || count < 1 || count > 100) continue
      others += Math.max(0, count - 1 - gap)
    }
    time += passed
  }
  return known(
    ((others + 0.5) * 1000) / (time + NOISE_PRIOR_MS),
    Math.max(0.1, time / (time + NOISE_PRIOR_MS)),
    found.samples.map(({ id }) => id)
  )
}
