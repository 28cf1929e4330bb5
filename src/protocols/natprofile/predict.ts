/**
 * Port prediction: the external ports that new sockets will get, before they send anything.
 *
 * It is about the first mapping of a fresh socket. A socket that is mapped already has the same port for everybody if the
 * mapping is endpoint-independent, and nothing is to be predicted. A prediction counts on from the last sample, so it is as
 * good as that is fresh: every mapping made since, by whomever, moves a counter on.
 */
import type { NatProfile, PortRange } from "../../schemas/NatProfile.ts"
import { NOISE_PRIOR_MS } from "./delta.ts"
import { wrap } from "./range.ts"
import type { Sample } from "./Sample.ts"

export interface PredictInput {
  readonly profile: Pick<NatProfile, "delta" | "range" | "noise">
  /** The latest samples in the order they were sent; the last answered one is counted on from. */
  readonly samples: ReadonlyArray<Sample>
  /** The local ports of the new sockets, in the order in which they will send. */
  readonly locals: ReadonlyArray<number>
  /** When they will, on the clock of the samples, in milliseconds. */
  readonly at: number
  /** New mappings of one's own since the last sample. Default 0. */
  readonly made?: number | undefined
  /** Guesses for each socket at most. Default {@link WIDTH}. */
  readonly width?: number | undefined
}

export interface Guess {
  readonly port: number
  readonly probability: number
}

export interface SocketForecast {
  readonly local: number
  /** The likeliest first. */
  readonly guesses: ReadonlyArray<Guess>
  /** With the probability that is left: any port of this range, none likelier than another. */
  readonly elsewhere: { readonly range: PortRange; readonly probability: number }
}

export interface Forecast {
  readonly sockets: ReadonlyArray<SocketForecast>
  /** Every guessed port with the probability that one of the sockets gets it, the likeliest first: what a peer should aim at. */
  readonly ports: ReadonlyArray<Guess>
}

/** More guesses than this are hardly ever right, and each costs a probe. */
export const WIDTH = 16
/** Ports are looked for where a range is not known: all that are not well-known. */
export const USUAL_RANGE: PortRange = [1024, 65_535]
/** How often the port that the rule names is taken. */
const TAKEN = 0.01

export const predict = (input: PredictInput): Forecast => {
  const { locals, profile, width = WIDTH } = input
  const range = profile.range._tag === "Known" ? profile.range.value : USUAL_RANGE
  const sure = profile.delta._tag === "Known" ? profile.delta.confidence * (1 - TAKEN) : 0
  const sockets = locals.map((local, index): SocketForecast => {
    const guesses = merged(candidates(input, local, index, range))
      .slice(0, width)
      .map(({ port, probability }) => ({ port, probability: probability * sure }))
    const told = guesses.reduce((sum, { probability }) => sum + probability, 0)
    return { local, guesses, elsewhere: { range, probability: Math.max(0, 1 - told) } }
  })
  const none = new Map<number, number>()
  for (const { port, probability } of sockets.flatMap(({ guesses }) => guesses)) {
    none.set(port, (none.get(port) ?? 1) * (1 - probability))
  }
  return { sockets, ports: ranked([...none].map(([port, missed]) => ({ port, probability: 1 - missed }))) }
}

const ranked = (guesses: ReadonlyArray<Guess>): ReadonlyArray<Guess> =>
  guesses.toSorted((a, b) => b.probability - a.probability || a.port - b.port)

// In a small range two guesses may be one port.
const merged = (guesses: ReadonlyArray<Guess>): ReadonlyArray<Guess> => {
  const ports = new Map<number, number>()
  for (const { port, probability } of guesses) ports.set(port, (ports.get(port) ?? 0) + probability)
  return ranked([...ports].map(([port, probability]) => ({ port, probability })))
}

// As if the delta were certain.
const candidates = (input: PredictInput, local: number, index: number, range: PortRange): ReadonlyArray<Guess> => {
  const { delta } = input.profile
  if (delta._tag === "Unknown") return []
  const { kind, step } = delta.value
  switch (kind) {
    case "equal":
      return local >= range[0] && local <= range[1] ? [{ port: local, probability: 1 }] : []
    case "preserving":
      return [{ port: wrap(local + step, range), probability: 1 }]
    case "independent":
      return counted(input, index).map(({ count, external, probability }) => ({
        port: wrap(external + step * count, range),
        probability
      }))
    case "dependent":
      return follows(input, index)
        ? counted(input, index)
            .filter(({ count }) => count === index + 1)
            .map(({ count, external, probability }) => ({ port: wrap(external + step * count, range), probability }))
        : []
    case "random":
      return []
  }
}

interface Counted {
  readonly count: number
  readonly external: number
  readonly probability: number
}

/** Mappings of others that are reckoned with: beyond, a counter has gone too far to be guessed. */
const MOST_OTHERS = 200

// How far the counter will have gone on from the last sample when the socket of this index gets its port.
const counted = ({ at, made = 0, profile, samples }: PredictInput, index: number): ReadonlyArray<Counted> => {
  const last = samples.findLastIndex(({ external }) => external !== undefined)
  if (last < 0) return []
  const { external, sentAt } = samples[last]!
  const lost = samples.length - 1 - last
  const others = othersIn(profile, Math.max(0, at - sentAt))
  const counts = new Map<number, number>()
  // Each lost sample may have been mapped or not.
  for (let arrived = 0; arrived <= lost; arrived++) {
    others.forEach((probability, more) => {
      const count = index + 1 + made + arrived + more
      counts.set(count, (counts.get(count) ?? 0) + (probability * choose(lost, arrived)) / 2 ** lost)
    })
  }
  return [...counts].map(([count, probability]) => ({ count, external: external!, probability }))
}

const choose = (n: number, k: number): number => {
  let ways = 1
  for (let i = 0; i < k; i++) ways = (ways * (n - i)) / (i + 1)
  return ways
}

/**
 * The probability of 0, 1, 2 ... mappings of others in a time. Their rate is only known from a short look, so the counts
 * spread wider than a rate alone would make them (a Poisson count with a gamma rate: negative binomial).
 */
const othersIn = ({ noise }: Pick<NatProfile, "noise">, time: number): ReadonlyArray<number> => {
  const known = noise._tag === "Known"
  const watched = known ? NOISE_PRIOR_MS / Math.max(0.01, 1 - noise.confidence) : NOISE_PRIOR_MS
  const seen = known ? Math.max(0.5, (noise.value * watched) / 1000) : 0.5
  const share = time / (watched + time)
  const probabilities: Array<number> = []
  let probability = (1 - share) ** seen
  for (let count = 0, total = 0; count <= MOST_OTHERS && total < 0.999; count++) {
    probabilities.push(probability)
    total += probability
    probability *= ((seen + count) / (count + 1)) * share
  }
  return probabilities
}

// A dependent counter goes on only from port to next port, with nothing in between.
const follows = ({ locals, made = 0, samples }: PredictInput, index: number): boolean => {
  const last = samples.at(-1)
  if (last?.external === undefined || made > 0) return false
  return locals.slice(0, index + 1).every((local, at) => local === last.local + 1 + at)
}

/** Local ports for `count` new sockets that a prediction can be made for; bind them in this order. */
export const localsFor = (
  profile: Pick<NatProfile, "delta" | "range">,
  samples: ReadonlyArray<Sample>,
  count: number,
  random: () => number
): ReadonlyArray<number> => {
  const kind = profile.delta._tag === "Known" ? profile.delta.value.kind : "random"
  const last = samples.at(-1)
  if (kind === "dependent" && last !== undefined) {
    const first = last.local + 1 + count > 65_535 ? 1024 : last.local + 1
    return Array.from({ length: count }, (_, index) => first + index)
  }
  const [low, high] = kind === "equal" && profile.range._tag === "Known" ? profile.range.value : USUAL_RANGE
  const from = Math.max(1024, low)
  const ports = new Set<number>()
  while (ports.size < Math.min(count, high - from + 1)) ports.add(from + Math.floor(random() * (high - from + 1)))
  return [...ports]
}
