/**
 * How probable a series of samples is under each allocation rule: the likelihoods that `delta.ts` weighs.
 *
 * No rule holds without exception. A port may be taken, another program may make a mapping in between, packets may overtake
 * each other: so each step either follows the rule or, with some probability, lands anywhere. How often it does not follow
 * is not known beforehand, and every likelihood is an average over a few possibilities.
 */
import type { Delta } from "../../schemas/NatProfile.ts"
import type { Sample, Step } from "./Sample.ts"

/** How often a rule may fail to show, and how likely that is. */
const FAILING = [
  { failing: 0.02, weight: 0.4 },
  { failing: 0.1, weight: 0.3 },
  { failing: 0.3, weight: 0.2 },
  { failing: 0.6, weight: 0.07 },
  { failing: 0.85, weight: 0.03 }
]
/** A range smaller than this is not considered: it would make anything look like chance. */
const SMALLEST_RANGE = 128

/** The ports of one new mapping. */
export interface Ports {
  readonly local: number
  readonly external: number
}

export interface Evidence {
  /** New mappings, in no order. */
  readonly samples: ReadonlyArray<Ports>
  readonly steps: ReadonlyArray<Step>
  /** How many ports there are to choose from, as far as the samples show. */
  readonly ports: number
}

export interface Hypothesis {
  readonly delta: Delta
  /** Size of the range that an offset wraps in, if it does. */
  readonly size?: number | undefined
  /** Natural logarithm of prior times likelihood. */
  readonly weight: number
  /** Samples or steps that follow the rule, of those that could. */
  readonly hits: number
  readonly tried: number
  /** The steps it explains, where some samples made none. */
  readonly steps?: ReadonlyArray<Step> | undefined
}

/** `others` are new mappings of which it is not known when they were made. */
export const evidenceOf = (
  samples: ReadonlyArray<Sample>,
  steps: ReadonlyArray<Step>,
  others: ReadonlyArray<Ports>
): Evidence => {
  const all = [
    ...samples.flatMap(({ external, local }) => (external === undefined ? [] : [{ local, external }])),
    ...others
  ]
  return {
    samples: all,
    steps,
    ports: Math.min(65_536, Math.max(SMALLEST_RANGE, (width(all) * (all.length + 1)) / (all.length - 1)))
  }
}

/** From the lowest external port to the highest, both included. */
export const width = (samples: ReadonlyArray<Ports>): number => {
  const ports = samples.map(({ external }) => external)
  return Math.max(...ports) - Math.min(...ports) + 1
}

/** The logarithm of the sum of e^x, without leaving the range of numbers. */
export const logSum = (logs: ReadonlyArray<number>): number => {
  const most = Math.max(...logs)
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0))
}

// The likelihood of everything, however often the rule fails.
export const overFailing = (log: (failing: number) => number): number =>
  logSum(FAILING.map(({ failing, weight }) => Math.log(weight) + log(failing)))

/** Every port is as good as any. */
export const random = ({ samples, steps, ports }: Evidence): Hypothesis => ({
  delta: { kind: "random", step: 0 },
  weight: -samples.length * Math.log(ports),
  hits: steps.length,
  tried: steps.length
})

const ALL_PORTS = 65_536

/**
 * The external port is the internal one plus an offset, wrapped in a range of `size` ports if that is known. Without a size
 * any offset is as likely as another. With one, an offset is one of `size`, and of all places such a range can have those
 * count that hold every port seen: a range hardly larger than what was seen is unlikely to lie just there.
 */
export const offset = (evidence: Evidence, step: number, size?: number): Hypothesis => {
  const follows = ({ external, local }: Ports): boolean => {
    const away = external - local - step
    return away === 0 || (size !== undefined && away % size === 0)
  }
  const hits = evidence.samples.filter(follows).length
  const misses = evidence.samples.length - hits
  const isEqual = step === 0 && size === undefined
  const places = size === undefined ? 1 : (size - width(evidence.samples) + 1) / (ALL_PORTS - size + 1)
  const prior = isEqual ? 0 : size === undefined ? -Math.log(2 * ALL_PORTS) : Math.log(places / size / ALL_PORTS)
  return {
    delta: { kind: isEqual ? "equal" : "preserving", step },
    size,
    weight:
      prior + overFailing((failing) => hits * Math.log(1 - failing) + misses * Math.log(failing / evidence.ports)),
    hits,
    tried: evidence.samples.length
  }
}

/** Small steps are likelier: the probability of k is 1 / 2k(k + 1), which sums to one over both directions. */
export const stepPrior = (step: number): number => -Math.log(2 * Math.abs(step) * (Math.abs(step) + 1))

/** The port `step` further on, but only for the internal port after the last one's; else any port. A lost sample may have broken the run. */
export const dependent = (evidence: Evidence, step: number): Hypothesis => {
  const { ports, steps } = evidence
  const runs = steps.filter(({ isRun }) => isRun)
  const follows = ({ from, gap, to }: Step): boolean => to - from === step * (gap + 1)
  const free = evidence.samples.length - runs.length
  const follow = overFailing((failing) =>
    runs.reduce((sum, run) => {
      const kept = (1 - failing) / 2 ** run.gap
      return sum + Math.log((follows(run) ? kept : 0) + (1 - kept) / ports)
    }, 0)
  )
  return {
    delta: { kind: "dependent", step },
    weight: stepPrior(step) - free * Math.log(ports) + follow,
    hits: runs.filter(follows).length,
    tried: runs.length
  }
}
