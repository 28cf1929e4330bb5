/**
 * What a bench is and what it measures: our figure against a baseline's, run in turns in the same minute.
 *
 * A ratio is always ours / baseline. `better` says which way is good: "higher" for rates, "lower" for latencies and sizes.
 */

export interface Context {
  /** Rounds of each case; every round runs the baseline and ours. */
  readonly rounds: number
  /** Asked for a smoke test: keep the work small, the figures mean nothing. */
  readonly quick: boolean
  /** Tells the person watching what runs now (standard error). */
  readonly log: (message: string) => void
}

export interface Bench {
  /** The file's name without `.ts`. */
  readonly name: string
  /** One line. */
  readonly description: string
  readonly run: (context: Context) => Promise<ReadonlyArray<CaseResult>>
}

export interface CaseResult {
  readonly case: string
  /** Median of the rounds' own ratios; the least and the greatest beside it. */
  readonly ratio: number
  readonly ratioMin: number
  readonly ratioMax: number
  /** Medians, in `unit`. */
  readonly baseline: number
  readonly ours: number
  readonly unit: string
  readonly better: "higher" | "lower"
  /** What the ratio should reach, where one is set. */
  readonly target?: number | undefined
  readonly rounds: number
}

export interface Comparison {
  readonly case: string
  readonly unit: string
  readonly better: "higher" | "lower"
  readonly target?: number | undefined
  /** One measurement, in `unit`. */
  readonly baseline: () => Promise<number>
  readonly ours: () => Promise<number>
  /** Unmeasured rounds before the first; 1 unless said. */
  readonly warmup?: number | undefined
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/**
 * Interleaved rounds, A B B A A B: what slows the machine down for a while slows both, and neither always comes after the
 * other.
 */
export const compare = async (context: Context, comparison: Comparison): Promise<CaseResult> => {
  const { case: name, unit, better, target, warmup = 1 } = comparison
  const measured: Array<{ readonly baseline: number; readonly ours: number }> = []
  for (let round = -warmup; round < context.rounds; round++) {
    context.log(`${name}: ${round < 0 ? "warm-up" : `round ${round + 1} of ${context.rounds}`}`)
    const pair = { baseline: 0, ours: 0 }
    const order = round % 2 === 0 ? (["ours", "baseline"] as const) : (["baseline", "ours"] as const)
    for (const which of order) pair[which] = await comparison[which]()
    if (!(pair.baseline > 0 && Number.isFinite(pair.ours))) {
      throw new Error(`${name}: no ratio can be made of ${pair.ours} / ${pair.baseline} ${unit}`)
    }
    if (round >= 0) measured.push(pair)
  }
  const ratios = measured.map((pair) => pair.ours / pair.baseline)
  return {
    case: name,
    ratio: median(ratios),
    ratioMin: Math.min(...ratios),
    ratioMax: Math.max(...ratios),
    baseline: median(measured.map((pair) => pair.baseline)),
    ours: median(measured.map((pair) => pair.ours)),
    unit,
    better,
    target,
    rounds: measured.length
  }
}

/** Whether a case reached its target; `undefined` where it has none. */
export const reached = ({ ratio, better, target }: CaseResult): boolean | undefined =>
  target === undefined ? undefined : better === "higher" ? ratio >= target : ratio <= target
