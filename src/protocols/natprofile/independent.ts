/**
 * How probable a series of samples is if every mapping, whoever makes it, takes the port `step` further on: a counter.
 *
 * Others may make mappings in between, packets may overtake each other, and a sample may find a mapping that its port has
 * already, behind which the counter goes on as if nothing had been.
 */
import { type Evidence, type Hypothesis, logSum, overFailing, stepPrior } from "./hypotheses.ts"
import type { Step } from "./Sample.ts"

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
/**
 * How often a sample finds a mapping that its port has already: hardly ever, or often if this machine measured a minute ago.
 * Where one of a run does, the next one will.
 */
const FINDING = [
  { found: 0.005, weight: 0.8 },
  { found: 0.3, weight: 0.2 }
]
const FOLLOWING = 0.5
/** So many in a row: two runs, and the controls beside them. */
const MOST_FOUND = 12
/** A counter that does not go on by its step starts anew anywhere, not beside where it was: one of this many ports. */
const ANYWHERE = 16_384

/** Every mapping, whoever makes it, takes the port `step` further on. */
export const independent = (evidence: Evidence, step: number): Hypothesis => {
  const every = counting(evidence, step, { steps: evidence.steps, found: 0, following: 0 })
  const made = likeliest(evidence, step)
  const some = made.found === 0 ? every : counting(evidence, step, made)
  return some.weight > every.weight ? some : every
}

const countOf = ({ from, to }: Step, step: number): number | undefined =>
  (to - from) % step === 0 ? (to - from) / step : undefined

const isNext = (each: Step, step: number): boolean => {
  const count = countOf(each, step)
  return count !== undefined && count >= 1 && count <= each.gap + 2
}

const chanceOfStep = (each: Step, step: number, busy: number): number => {
  const count = countOf(each, step)
  return count === undefined ? 0 : chanceOf(count, each.gap, busy)
}

const counting = (evidence: Evidence, step: number, { following, found, steps }: Made): Hypothesis => {
  const ports = Math.max(ANYWHERE, evidence.ports)
  const counted = steps
    .map((each) => countOf(each, step))
    .filter((count) => count !== undefined && count >= -MOST_OVERTAKEN && count <= MOST_OTHERS) as ReadonlyArray<number>
  const goesOn = counted.reduce((sum, count) => sum + count, 0) >= LEAST_PROGRESS * counted.length
  const perBusy = BUSY.map((busy) => {
    const chances = steps.map((each) => chanceOfStep(each, step, busy))
    return overFailing((failing) =>
      chances.reduce((sum, chance) => sum + Math.log((1 - failing) * chance + failing / ports), 0)
    )
  })
  const alone = found - following
  const perFinding = FINDING.map(
    (each) => Math.log(each.weight) + alone * Math.log(each.found) + (steps.length + 1) * Math.log(1 - each.found)
  )
  return {
    delta: { kind: "independent", step },
    weight:
      stepPrior(step) +
      logSum(perFinding) +
      following * Math.log(FOLLOWING) -
      (evidence.samples.length - steps.length - following) * Math.log(evidence.ports) +
      logSum(perBusy) -
      Math.log(BUSY.length),
    hits: goesOn ? steps.filter((each) => isNext(each, step)).length : 0,
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

/** Of one sample: how probable the likeliest account up to it is if it made a mapping, and which one did before. */
interface Account {
  readonly weight: number
  readonly last: number
}

/** What a likeliest account reckons with: between what {@link FAILING}, {@link BUSY} and {@link FINDING} allow. */
const RECKONED = { failing: 0.1, busy: 0.15, found: 0.1 }

/**
 * Leaves out samples that found a mapping from before, as after a measurement a minute ago: the counter goes on behind them as
 * if they were not there. What is found in a run goes on like a counter too, so which samples they are does not show one by
 * one: it is the likeliest account of all samples (Viterbi's algorithm).
 */
const likeliest = ({ ports, steps }: Evidence, step: number): Made => {
  const count = steps.length + 1
  const external = [...steps.slice(0, 1).map(({ from }) => from), ...steps.map(({ to }) => to)]
  const alone = Math.log(RECKONED.found / ports)
  const isFollowing = (sample: number): boolean => steps[sample - 1]!.isRun && isNext(steps[sample - 1]!, step)
  const followingIn = (first: number, end: number): number => {
    let following = 0
    for (let sample = first + 1; sample < end; sample++) if (isFollowing(sample)) following++
    return following
  }
  // Of samples that found a mapping, beside one that made its own: near it the counter has not been before.
  const foundIn = (first: number, end: number, beside: number): number => {
    let weight = 0
    for (let sample = first; sample < end; sample++) {
      const away = (external[sample]! - external[beside]!) / step
      if (sample > first && isFollowing(sample)) weight += Math.log(FOLLOWING)
      else weight += away >= -MOST_OVERTAKEN && away <= MOST_OTHERS ? Number.NEGATIVE_INFINITY : alone
    }
    return weight
  }
  const accounts: Array<Account> = []
  for (let sample = 0; sample < count; sample++) {
    let best: Account = { weight: foundIn(0, sample, sample) - Math.log(ports), last: -1 }
    for (let last = Math.max(0, sample - 1 - MOST_FOUND); last < sample; last++) {
      const on = chanceOfStep(across(steps, last, sample - 1 - last), step, RECKONED.busy)
      const made = Math.log((1 - RECKONED.failing) * on + RECKONED.failing / Math.max(ANYWHERE, ports))
      const weight = accounts[last]!.weight + foundIn(last + 1, sample, last) + made
      if (weight > best.weight) best = { weight, last }
    }
    accounts.push(best)
  }
  const ends = accounts.map(({ weight }, sample) => weight + foundIn(sample + 1, count, sample))
  const made: Array<Step> = []
  let sample = ends.indexOf(Math.max(...ends))
  let following = followingIn(sample + 1, count)
  for (;;) {
    const { last } = accounts[sample]!
    following += followingIn(last + 1, sample)
    if (last < 0) return { steps: made.toReversed(), found: steps.length - made.length, following }
    made.push(across(steps, last, sample - 1 - last))
    sample = last
  }
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
