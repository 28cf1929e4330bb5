/**
 * The STUN codec against those of `werift` and `stun`: messages a second from values to bytes and back, fingerprint
 * written and checked, and integrity where there is a key.
 */
import { type Bench, type CaseResult, compare, type Context } from "./harness/case.ts"
import { type Codec, expected, type Messages, ours, stunCodec, weriftCodec } from "./stun/codecs.ts"

/** Messages a second, over the time given. */
const rate = (codec: Codec, messages: Messages, milliseconds: number): number => {
  const once = codec[messages]
  const start = performance.now()
  let count = 0
  let elapsed = 0
  do {
    for (let i = 0; i < 200; i++) {
      if (once() !== expected[messages]) throw new Error(`${messages}: not what was written`)
    }
    count += 200
    elapsed = performance.now() - start
  } while (elapsed < milliseconds)
  return (count * 1000) / elapsed
}

const cases: ReadonlyArray<{
  readonly messages: Messages
  readonly about: string
  readonly against: "werift" | "stun"
  readonly target?: number
}> = [
  { messages: "request", about: "binding request", against: "werift", target: 5 },
  { messages: "response", about: "binding response", against: "werift", target: 5 },
  { messages: "full response", about: "response with 4 endpoints and SOFTWARE", against: "werift", target: 5 },
  { messages: "sealed request", about: "request with MESSAGE-INTEGRITY", against: "werift", target: 5 },
  { messages: "request", about: "binding request", against: "stun", target: 5 },
  { messages: "response", about: "binding response", against: "stun", target: 5 },
  { messages: "full response", about: "response with 4 endpoints and SOFTWARE", against: "stun", target: 5 },
  { messages: "sealed request", about: "request with MESSAGE-INTEGRITY", against: "stun", target: 5 }
]

const baselines = { werift: weriftCodec, stun: stunCodec } as const

const run = async (context: Context): Promise<ReadonlyArray<CaseResult>> => {
  const milliseconds = context.quick ? 20 : 400
  const results: Array<CaseResult> = []
  for (const { about, against, messages, target } of cases) {
    results.push(
      await compare(context, {
        case: `${about}, to bytes and back (${against})`,
        unit: "/s",
        better: "higher",
        target,
        baseline: () => Promise.resolve(rate(baselines[against], messages, milliseconds)),
        ours: () => Promise.resolve(rate(ours, messages, milliseconds))
      })
    )
  }
  return results
}

export default {
  name: "stun",
  description: "the STUN codec against werift and stun: requests and responses to bytes and back",
  run
} satisfies Bench
