import { assert, describe, it } from "@effect/vitest"
import * as Plan from "../../../src/protocols/connect/plan.ts"
import { pairsOf, type Relation } from "../../../src/protocols/connect/pair.ts"
import type { AddressInterface } from "../../../src/schemas/PeerAddress.ts"
import { all, mine, strangers, tcp, theirs, together } from "./kit.ts"

const open = tcp({ filtering: "endpoint-independent" })
const shut = tcp({ filtering: "address-and-port-dependent" })
const own = all([mine("eth0", ["11.0.0.1/24"]), mine("lo", ["127.0.0.1/8"], { out: [] })])

const ours = [
  ["direct", Plan.direct],
  ["reverse", Plan.reverse]
] as const

const planned = (
  there: ReadonlyArray<AddressInterface>,
  facts: Partial<Plan.Facts> = {},
  relation: Relation = strangers
): ReadonlyArray<string> => {
  const plan = Plan.planOf({ ...pairsOf(own, there, relation), back: "unknown", signalling: true, ...facts }, ours)
  return [
    ...plan.steps.map(
      ({ delay, pair, strategy }) => `${delay} ${strategy}${pair === undefined ? "" : ` ${pair.chance}`}`
    ),
    ...plan.skipped.map(({ strategy, why }) => `no ${strategy}: ${why}`)
  ]
}

interface Case {
  readonly name: string
  readonly there: ReadonlyArray<AddressInterface>
  readonly facts?: Partial<Plan.Facts>
  readonly relation?: Relation
  readonly steps: ReadonlyArray<string>
}

const cases: ReadonlyArray<Case> = [
  {
    name: "nothing is known: both at once",
    there: [theirs(["12.0.0.1:1"])],
    steps: ["0 direct unknown", "0 reverse"]
  },
  {
    name: "they let anyone in: reverse later",
    there: [theirs(["12.0.0.1:1"], [open])],
    steps: ["0 direct open", "300 reverse"]
  },
  {
    name: "they let nobody in: reverse first, and the dial all the same",
    there: [theirs(["12.0.0.1:1"], [shut])],
    steps: ["0 reverse", "500 direct filtered"]
  },
  {
    name: "this side lets nobody in either",
    there: [theirs(["12.0.0.1:1"], [shut])],
    facts: { back: "filtered" },
    steps: ["500 direct filtered", "no reverse: the other could not dial this peer either"]
  },
  {
    name: "no broker",
    there: [theirs(["12.0.0.1:1"])],
    facts: { signalling: false },
    steps: ["0 direct unknown", "no reverse: its address names no broker to ask it by"]
  },
  {
    name: "an address with nothing but brokers",
    there: [],
    steps: ["0 reverse", "no direct: its address has no TCP candidate"]
  },
  {
    name: "candidates that cannot be dialled",
    there: [theirs(["10.0.0.1:1"])],
    steps: ["0 reverse", "no direct: no candidate of it can be dialled from here"]
  },
  {
    name: "this machine: one dial, and the rest a moment later",
    there: [theirs(["127.0.0.1:1", "11.0.0.1:1", "12.0.0.1:1"])],
    relation: together,
    steps: ["0 direct open", "50 direct unknown", "50 direct unknown", "300 reverse"]
  },
  {
    name: "more likely dials than start at once",
    there: [theirs(Array.from({ length: 11 }, (_, at) => `12.0.0.${at + 1}:1`))],
    steps: [
      ...Array.from({ length: 8 }, () => "0 direct unknown"),
      "0 reverse",
      "250 direct unknown",
      "500 direct unknown",
      "750 direct unknown"
    ]
  },
  {
    name: "more unlikely ones than start together",
    there: [
      theirs(
        Array.from({ length: 10 }, (_, at) => `12.0.0.${at + 1}:1`),
        [shut]
      )
    ],
    steps: [
      "0 reverse",
      ...Array.from({ length: 8 }, () => "500 direct filtered"),
      "750 direct filtered",
      "750 direct filtered"
    ]
  }
]

describe("plans", () => {
  for (const { facts, name, relation, steps, there } of cases) {
    it(`${name}`, () => assert.deepStrictEqual(planned(there, facts, relation), steps))
  }

  it("are bounded, whatever a strategy proposes", () => {
    const many = Array.from({ length: 500 }, (_, at): Plan.Proposal => ({ delay: 500 - at, why: "why not" }))
    const facts = { ...pairsOf(own, [], strangers), back: "open", signalling: true } as const
    const { steps } = Plan.planOf(facts, [["mine", () => many]])
    assert.strictEqual(steps.length, Plan.MAX_STEPS)
    assert.strictEqual(steps[0]!.delay, 1)
  })

  it("can be read", () => {
    const facts = {
      ...pairsOf(own, [theirs(["12.0.0.1:1"], [open])], strangers),
      back: "open",
      signalling: true
    } as const
    assert.deepStrictEqual(Plan.planOf(facts, ours).steps.map(Plan.format), [
      "0 ms direct eth0 11.0.0.1 -> 12.0.0.1:1, open: its network lets in who comes from outside",
      "300 ms reverse: in case 12.0.0.1:1 does not answer"
    ])
  })
})
