/** How sure a verdict may be, in a few rules that all of them share. */
import type { Known, Reason, Unknown } from "../../schemas/NatProfile.ts"

/** Nothing seen over a network is surer than this: servers err, routes change, and devices do what nobody thought of. */
export const CERTAIN = 0.99

/** From here on a verdict may be acted on as if it were true. */
export const CONFIDENT = 0.9

/** Laplace's rule of succession: how probable it is that what held `times` times in a row holds again. */
export const succession = (times: number): number => (times + 1) / (times + 2)

/** How sure one is with several independent witnesses, each this sure of the same. */
export const together = (confidences: ReadonlyArray<number>): number =>
  1 - confidences.reduce((doubt, confidence) => doubt * (1 - confidence), 1)

/** How probable it is that silence is not loss: `sent` packets in a row would have to be lost. */
export const silenceIsNotLoss = (loss: number, sent: number): number => 1 - loss ** sent

export const known = <A>(value: A, confidence: number, evidence: ReadonlyArray<string>): Known<A> => ({
  _tag: "Known",
  value,
  confidence: Math.min(CERTAIN, confidence),
  evidence
})

export const unknown = <A = never>(
  reason: Reason,
  detail: string,
  evidence: ReadonlyArray<string> = [],
  possible?: ReadonlyArray<A>
): Unknown<A> => ({ _tag: "Unknown", reason, detail, evidence, ...(possible === undefined ? {} : { possible }) })
