/**
 * The local ports of delta samples, chosen so that every allocation rule shows.
 *
 * Runs of consecutive ports are what a dependent delta needs. Between them stand samples from all over the port space: the
 * controls. A rule that only looks at the last mapping goes on through them, one that looks at the internal port does not,
 * and where a port range ends they show it. The runs lie side by side but not in order, so that a constant offset is told
 * from a step of one.
 */

export const RUN_LENGTH = 4
/** Controls after each run. */
export const CONTROLS = 2
/** From the start of one run to the next, in ports; more than a run, so that no run follows another. */
export const RUN_STRIDE = 16
/** Ports below are the system's own (RFC 6335), and a program may not bind to them. */
const LOWEST = 1024
const HIGHEST = 65535

export interface SamplePort {
  readonly port: number
  /** Whether it is the port after the last one. */
  readonly follows: boolean
  /** Samples of one group go to one server, so that a dead server costs whole runs and not every run a part. */
  readonly group: number
}

/**
 * Ports for `count` samples, in the order of sending. `near` are external ports seen so far: the runs are laid on both sides
 * of one, where a NAT with few ports that keeps the internal one can keep it.
 */
export const samplePorts = (
  count: number,
  near: ReadonlyArray<number>,
  random: () => number
): ReadonlyArray<SamplePort> => {
  const below = (limit: number): number => Math.floor(random() * limit)
  const groups = Math.max(1, Math.round(count / (RUN_LENGTH + CONTROLS)))
  const seen = near.toSorted((a, b) => a - b)[Math.floor(near.length / 2)] ?? LOWEST + below(HIGHEST - LOWEST)
  const half = Math.ceil(groups / 2) * RUN_STRIDE
  const middle = Math.min(Math.max(seen + below(RUN_STRIDE / 2), LOWEST + half), HIGHEST - half)
  const starts = shuffled(groups, random).map((index) => middle + (index - Math.floor(groups / 2)) * RUN_STRIDE)
  const controls = shuffled(groups * CONTROLS, random).map((stratum, _, all) => control(stratum, all.length, random))
  const ports: Array<SamplePort> = []
  for (let group = 0; group < groups; group++) {
    for (let i = 0; i < RUN_LENGTH; i++) ports.push({ port: starts[group]! + i, follows: i > 0, group })
    for (const port of controls.slice(group * CONTROLS, (group + 1) * CONTROLS))
      ports.push({ port, follows: false, group })
  }
  return ports.slice(0, count)
}

/** Ports from the ends of the port space in which the outermost controls are: a range's end is seen to within as many. */
const EDGE = 100

// One port from each equal part of the port space; the outermost ones from its edges.
const control = (stratum: number, of: number, random: () => number): number => {
  const size = (HIGHEST - LOWEST + 1) / of
  const within = Math.floor(random() * (stratum === 0 || stratum === of - 1 ? Math.min(EDGE, size) : size))
  return stratum === of - 1 ? HIGHEST - within : LOWEST + Math.floor(stratum * size) + within
}

/** 0 to count - 1 in a random order; of several orders one that does not go up all the way. */
const shuffled = (count: number, random: () => number): ReadonlyArray<number> => {
  const order = Array.from({ length: count }, (_, index) => index)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swap = order[i]!
    order[i] = order[j]!
    order[j] = swap
  }
  return count > 1 && order.every((value, index) => value === index) ? order.toReversed() : order
}
