/**
 * The report of a connect while it runs: what is planned, under way, and over, as plain records at any moment.
 */
import type { AttemptOutcome, AttemptRecord, AttemptStep } from "../../schemas/Attempt.ts"
import type { Skipped } from "./pair.ts"
import type { Plan, Step } from "./plan.ts"

export type Failure = Pick<AttemptRecord, "reason" | "problem">

/** One step of the plan. */
export class Running {
  readonly step: Step
  /** Whatever the runner knows the link of this step by. */
  scope: unknown = undefined
  private at: AttemptStep = "plan"
  private outcome: AttemptOutcome | undefined = undefined
  private started: number | undefined = undefined
  private ended: number | undefined = undefined
  private failure: Failure | undefined = undefined

  constructor(step: Step) {
    this.step = step
  }

  get isOver(): boolean {
    return this.outcome !== undefined
  }

  /** Whether it is for the other side to act. */
  get isWaiting(): boolean {
    return !this.isOver && (this.at === "signal" || this.at === "wait")
  }

  start(now: number, scope: unknown): void {
    this.started = now
    this.scope = scope
  }

  /** What it is doing. */
  reached(step: AttemptStep): void {
    if (!this.isOver) this.at = step
  }

  /** The first end counts. */
  end(outcome: AttemptOutcome, now: number, failure?: Failure): void {
    if (this.isOver) return
    this.outcome = outcome
    this.ended = now
    this.failure = failure
  }

  /** `otherwise`: how it is called if it is not over, at that time. */
  record(otherwise: AttemptOutcome, now: number): AttemptRecord {
    const { pair, strategy, why } = this.step
    const started = this.started
    return {
      strategy,
      why,
      interface: pair?.interface,
      local: pair?.local,
      remote: pair?.remote,
      candidate: pair?.kind,
      step: this.at,
      outcome: this.outcome ?? (started === undefined ? "not-started" : otherwise),
      started,
      ended: started === undefined ? undefined : (this.ended ?? now),
      reason: this.failure?.reason,
      problem: this.failure?.problem
    }
  }
}

const ofPair = ({ kind, remote, why }: Skipped): AttemptRecord => ({
  strategy: "direct",
  why,
  remote,
  candidate: kind,
  step: "plan",
  outcome: "skipped"
})

const ofStrategy = ({ strategy, why }: Plan["skipped"][number]): AttemptRecord => ({
  strategy,
  why,
  step: "plan",
  outcome: "skipped"
})

/** Steps first, in their order; then what was not planned. */
export const report = (
  steps: ReadonlyArray<Running>,
  skipped: ReadonlyArray<Skipped>,
  plan: Pick<Plan, "skipped">,
  otherwise: AttemptOutcome,
  now: number
): ReadonlyArray<AttemptRecord> => [
  ...steps.map((step) => step.record(otherwise, now)),
  ...skipped.map(ofPair),
  ...plan.skipped.map(ofStrategy)
]
