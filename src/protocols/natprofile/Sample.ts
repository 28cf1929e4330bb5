/** The ports of new mappings in the order they were made: what deltas, ranges and predictions are estimated from. */
import * as NetAddress from "effect/net/NetAddress"
import type { NatObservation } from "../../schemas/NatObservation.ts"
import { hasOutcome } from "./facts.ts"

export interface Sample {
  readonly id: string
  readonly local: number
  /** `undefined` where no answer came: a mapping may have been made all the same. */
  readonly external: number | undefined
  /** When it left, and when its answer came, in milliseconds. */
  readonly sentAt: number
  readonly answeredAt?: number | undefined
}

/**
 * Samples by order of sending. Only the external address most of them have counts: another one has ports of its own, so its
 * samples are as good as lost.
 */
export const samplesOf = (observations: ReadonlyArray<NatObservation>): ReadonlyArray<Sample> => {
  const sent = observations
    .filter(({ local, outcome, test }) => test === "sample" && outcome._tag !== "NotSent" && local !== undefined)
    .toSorted((a, b) => a.order - b.order)
  const addresses = new Map<string, number>()
  for (const { outcome } of sent.filter(hasOutcome("Answered"))) {
    const address = NetAddress.formatIp(outcome.mapped.address)
    addresses.set(address, (addresses.get(address) ?? 0) + 1)
  }
  const main = [...addresses].toSorted(([, a], [, b]) => b - a)[0]?.[0]
  return sent.map(({ id, local, outcome, sentAt }) => ({
    id,
    local: local!.port,
    external:
      outcome._tag === "Answered" && NetAddress.formatIp(outcome.mapped.address) === main
        ? outcome.mapped.port
        : undefined,
    sentAt,
    answeredAt: outcome._tag === "Answered" ? sentAt + outcome.after : undefined
  }))
}

/** Two samples that were answered one after the other, with `gap` unanswered ones between them. */
export interface Step {
  readonly from: number
  readonly to: number
  readonly gap: number
  /** Every sample from the one to the other, the lost ones too, has the internal port of the one before plus 1. */
  readonly isRun: boolean
  /** Milliseconds between them. */
  readonly time: number
  /** Whether the answers came the other way round. */
  readonly overtaken: boolean
}

export const stepsOf = (samples: ReadonlyArray<Sample>): ReadonlyArray<Step> => {
  const steps: Array<Step> = []
  let last: { readonly sample: Sample; readonly external: number; readonly index: number } | undefined
  let isRun = false
  samples.forEach((sample, index) => {
    const { external } = sample
    isRun = isRun && sample.local === samples[index - 1]!.local + 1
    if (external === undefined) return
    if (last !== undefined) {
      const time = sample.sentAt - last.sample.sentAt
      const overtaken = (sample.answeredAt ?? 0) < (last.sample.answeredAt ?? 0)
      steps.push({ from: last.external, to: external, gap: index - last.index - 1, isRun, time, overtaken })
    }
    last = { sample, external, index }
    isRun = true
  })
  return steps
}
