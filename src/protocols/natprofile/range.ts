/**
 * The port range of a NAT, from the ports it has given out.
 *
 * Ports all over a range bound it from inside: of n of them, the ends are about one n-th of the way further out. Devices have
 * customary ends, so the next of those is taken where it is not too far. A series that wrapped tells the size exactly. Ports
 * that go up step by step tell nothing until they wrap.
 */
import type { Measured, PortRange } from "../../schemas/NatProfile.ts"
import { CERTAIN, known, unknown } from "./confidence.ts"
import type { Estimate } from "./delta.ts"
import type { Sample } from "./Sample.ts"
import { RUN_STRIDE } from "./samples.ts"

/** Every port that can be given out; 0 is none (RFC 6335). */
export const ALL_PORTS: PortRange = [1, 65_535]

/**
 * Ranges that devices have when nobody configures them, the smallest first: the dynamic ports of RFC 6335, Linux's ephemeral
 * ports, those of RFC 4787 REQ-3, everything.
 */
const CUSTOMARY: ReadonlyArray<PortRange> = [
  [49_152, 65_535],
  [32_768, 60_999],
  [32_768, 65_535],
  [1024, 65_535],
  ALL_PORTS
]

/** Of ports all over a range, the end is further out than this many mean distances once in fifty times. */
const FARTHEST_GAPS = 4

export const rangeOf = (found: Estimate | undefined, samples: ReadonlyArray<Sample>): Measured<PortRange> => {
  const ids = samples.map(({ id }) => id)
  if (found === undefined) return unknown("too-few-answers", "too few ports were seen", ids)
  const { hypothesis, others, steps } = found
  const answered = samples.flatMap(({ external, local }) => (external === undefined ? [] : [{ external, local }]))
  const seen = [...answered, ...others]
  const ports = seen.map(({ external }) => external).toSorted((a, b) => a - b)
  const [least, most] = [ports[0]!, ports.at(-1)!]

  if (hypothesis.delta.kind === "independent") {
    const wraps = steps.flatMap(({ from, to }) => {
      const back = to - from
      return Math.sign(back) === -Math.sign(hypothesis.delta.step) && isEnd(from, to, ports) ? [Math.abs(back)] : []
    })
    if (wraps.length === 0) {
      return unknown("not-visible", "ports go up or down step by step and did not reach an end of the range", ids)
    }
    const size = wraps[0]! + Math.abs(hypothesis.delta.step)
    return exact(least, most, Math.max(size, most - least + 1), found.share, ids)
  }
  if (hypothesis.size !== undefined && hypothesis.size >= most - least + 1) {
    return exact(least, most, hypothesis.size, found.share, ids)
  }
  const chosen = hypothesis.delta.kind === "random" ? ports.length : clusters(ports)
  const gap = (most - least) / Math.max(1, chosen - 1)
  const reach = FARTHEST_GAPS * gap
  const refused = hypothesis.delta.kind === "equal" ? seen.filter((each) => each.external !== each.local) : []
  const below = refused.flatMap(({ local }) => (local < least ? [local + 1] : []))
  const above = refused.flatMap(({ local }) => (local > most ? [local - 1] : []))
  const [lowest, highest] = [
    Math.max(1, Math.ceil(least - reach), ...below),
    Math.min(65_535, Math.floor(most + reach), ...above)
  ]
  const may = ([low, high]: PortRange): boolean => low >= lowest && low <= least && high >= most && high <= highest
  const low = Math.max(lowest, Math.round(least - gap))
  const high = Math.min(highest, Math.round(most + gap))
  // One end may be customary where the other is not.
  const range = CUSTOMARY.find(may) ?? [
    CUSTOMARY.map(([end]) => end).find((end) => may([end, high])) ?? low,
    CUSTOMARY.map(([, end]) => end).find((end) => end === 65_535 && may([low, end])) ?? high
  ]
  return known(range, chosen / (chosen + 1), ids)
}

// Whether a step leads from one end of the ports seen to the other.
const isEnd = (from: number, to: number, ports: ReadonlyArray<number>): boolean => {
  const [least, most] = [ports[0]!, ports.at(-1)!]
  const width = (most - least) / 4
  return Math.abs(from - to) > 2 * width && Math.min(from, to) <= least + width && Math.max(from, to) >= most - width
}

// Runs lie side by side, so where the internal port decides they are one look at the range, not many.
const clusters = (ports: ReadonlyArray<number>): number =>
  ports.filter((port, index) => index === 0 || port - ports[index - 1]! > RUN_STRIDE).length

// A range of a known size around what was seen: at a customary end if it can have one, else in the middle.
const exact = (
  least: number,
  most: number,
  size: number,
  share: number,
  ids: ReadonlyArray<string>
): Measured<PortRange> => {
  const [first, last] = [Math.max(0, most - size + 1), Math.min(least, 65_535 - size + 1)]
  const customary = CUSTOMARY.flatMap(([low, high]) => [low, high - size + 1]).find(
    (port) => port >= first && port <= last
  )
  const low = customary ?? Math.round((first + last) / 2)
  const doubt = customary === undefined ? (last - first) / 2 / size : 0
  return known([low, low + size - 1], share * (CERTAIN - doubt), ids)
}

/** A port moved into a range by whole turns. */
export const wrap = (port: number, [low, high]: PortRange): number => {
  const size = high - low + 1
  return low + ((((port - low) % size) + size) % size)
}
