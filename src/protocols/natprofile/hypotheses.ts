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
/** How often another mapping is made between two samples. */
const BUSY = [0.02, 0.15, 0.4]
/** How often two packets overtake each other on the way to the NAT. */
const OVERTAKING = 0.03
/** In the end a counter has gone on by one for each sample, whatever overtook what; by far less, it counts otherwise. */
const LEAST_PROGRESS = 0.75
/** Mappings of others between two samples that are still reckoned with. */
const MOST_OTHERS = 12
/** Further back than by this many a packet was not overtaken: it found a mapping that was there already. */
const MOST_OVERTAKEN = 4
/** How often a sample finds a mapping that its port has already; where one of a run does, the next one will. */
const FOUND = 0.05
const FOLLOWING = 0.5
/** So many in a row: a run, and the controls beside it. */
const MOST_FOUND = 8
/** A counter that does not go on by its step starts anew anywhere, not beside where it was: one of this many ports. */
const ANYWHERE = 16_384
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
const logSum = (logs: ReadonlyArray<number>): number => {
  const most = Math.max(...logs)
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0))
}

// The likelihood of everything, however often the rule fails.
const overFailing = (log: (failing: number) => number): number =>
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
const stepPrior = (step: number): number => -Math.log(2 * Math.abs(step) * (Math.abs(step) + 1))

/** Every mapping, whoever makes it, takes the port `step` further on. */
export const independent = (evidence: Evidence, step: number): Hypothesis => {
  const { ports, samples } = evidence
  const countOf = ({ from, to }: Step): number | undefined =>
    (to - from) % step === 0 ? (to - from) / step : undefined
  const isNext = (each: Step): boolean => {
    const count = countOf(each)
    return count !== undefined && count >= 1 && count <= each.gap + 2
  }
  const { following, found, steps } = withoutFound(evidence.steps, isNext)
  const counts = steps.map(countOf)
  const counted = counts.filter(
    (count) => count !== undefined && count >= -MOST_OVERTAKEN && count <= MOST_OTHERS
  ) as ReadonlyArray<number>
  const goesOn = counted.reduce((sum, count) => sum + count, 0) >= LEAST_PROGRESS * counted.length
  const perBusy = BUSY.map((busy) => {
    const chances = steps.map(({ gap }, index) => {
      const count = counts[index]
      return count === undefined ? 0 : chanceOf(count, gap, busy)
    })
    return overFailing((failing) =>
      chances.reduce((sum, chance) => sum + Math.log((1 - failing) * chance + failing / Math.max(ANYWHERE, ports)), 0)
    )
  })
  return {
    delta: { kind: "independent", step },
    weight:
      stepPrior(step) +
      (found - following) * Math.log(FOUND) +
      following * Math.log(FOLLOWING) -
      (samples.length - steps.length - following) * Math.log(ports) +
      logSum(perBusy) -
      Math.log(BUSY.length),
    hits: goesOn ? steps.filter(isNext).length : 0,
    tried: steps.length,
    steps
  }
}

interface Made {
  readonly steps: ReadonlyArray<Step>
  /** Samples that made no mapping, and those among them that follow another one in a run. */
  readonly found: number
  readonly following: number
}

// Leaves out samples that found a mapping from before, as after a measurement a minute ago: the counter goes on behind them as
// if they were not there.
const withoutFound = (steps: ReadonlyArray<Step>, isNext: (step: Step) => boolean): Made => {
  const kept: Array<Step> = []
  let following = 0
  for (let at = 0; at < steps.length; at++) {
    const step = steps[at]!
    const over = isNext(step) ? 0 : foundAt(steps, at, isNext)
    kept.push(across(steps, at, over))
    for (let next = at + 1; next < at + over; next++) if (steps[next]!.isRun && isNext(steps[next]!)) following++
    at += over
  }
  return { steps: kept, found: steps.length - kept.length, following }
}

// How many samples from here on to leave out, the fewest.
const foundAt = (steps: ReadonlyArray<Step>, at: number, isNext: (step: Step) => boolean): number => {
  for (let over = 1; over <= MOST_FOUND && at + over < steps.length; over++) {
    if (isNext(across(steps, at, over))) return over
  }
  return 0
}

const across = (steps: ReadonlyArray<Step>, at: number, over: number): Step => {
  const all = steps.slice(at, at + over + 1)
  return {
    from: all[0]!.from,
    to: all.at(-1)!.to,
    gap: all.reduce((sum, { gap }) => sum + gap, 0),
    time: all.reduce((sum, { time }) => sum + time, 0),
    isRun: over === 0 && all[0]!.isRun,
    overtaken: over === 0 && all[0]!.overtaken
  }
}

// How probable it is that `count` mappings lie between two samples: this one, those of `gap` lost samples which got as far as
// the NAT or did not, and those of others. Negative counts are samples that overtook each other.
const chanceOf = (count: number, gap: number, busy: number): number => {
  if (count < 0) return count < -MOST_OVERTAKEN ? 0 : OVERTAKING * 0.5 ** -count
  let chance = 0
  for (let arrived = 0; arrived <= gap; arrived++) {
    const others = count - 1 - arrived
    if (others >= 0 && others <= MOST_OTHERS) chance += (choose(gap, arrived) / 2 ** gap) * (1 - busy) * busy ** others
  }
  return (1 - OVERTAKING) * chance
}

const choose = (n: number, k: number): number => {
  let ways = 1
  for (let i = 0; i < k; i++) ways = (ways * (n - i)) / (i + 1)
  return ways
}

/** The same, but only for the internal port after the last one's; else any port. A lost sample may have broken the run. */
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
