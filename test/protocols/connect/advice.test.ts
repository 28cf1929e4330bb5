import { assert, describe, it } from "@effect/vitest"
import { advice, type Situation, summary } from "../../../src/protocols/connect/advice.ts"
import { report, Running } from "../../../src/protocols/connect/records.ts"
import type { AttemptRecord } from "../../../src/schemas/Attempt.ts"
import { at, tcp } from "./kit.ts"

const failed = (more: Partial<AttemptRecord>): AttemptRecord => ({
  strategy: "direct",
  why: "because",
  step: "dial",
  outcome: "failed",
  started: 0,
  ended: 10,
  ...more
})

const shut = tcp({ filtering: "address-and-port-dependent" })
const skipped = failed({ outcome: "skipped", step: "plan", started: undefined, ended: undefined })

const cases: ReadonlyArray<readonly [name: string, situation: Partial<Situation>, words: string]> = [
  ["somebody else is there", { attempts: [failed({ reason: "WrongPeer" })] }, "another peer answers"],
  ["it does not want this peer", { attempts: [failed({ reason: "not-allowed" })] }, "does not allow this one"],
  ["it is full", { attempts: [failed({ reason: "busy" })] }, "no room"],
  ["another version", { attempts: [failed({ reason: "version" })] }, "update the older one"],
  ["no TCP here", { mine: [tcp({ type: "blocked" })] }, "no TCP gets out of this network"],
  ["no TCP there", { theirs: [tcp({ type: "blocked" })] }, "the other's network"],
  ["both filter", { mine: [shut], theirs: [shut] }, "both sides are behind a NAT or firewall"],
  [
    "both filter UDP, and nothing is known of TCP",
    { mine: [{ ...shut, transport: "udp" }, tcp({})], theirs: [{ ...shut, transport: "udp" }] },
    "both sides are behind a NAT or firewall"
  ],
  ["it could not dial back", { attempts: [failed({ step: "wait", outcome: "timed-out" })] }, "could not dial back"],
  [
    "nobody answered",
    { attempts: [failed({ step: "signal", outcome: "timed-out" })] },
    "did not answer by its brokers"
  ],
  ["no brokers", { brokers: { mine: false, theirs: false } }, "give both sides a broker"],
  ["nothing known outside", { attempts: [skipped] }, "name a STUN server"],
  ["nobody is there", {}, "may be off"],
  ["nothing fits", { attempts: [skipped], mine: [tcp({})] }, "see why each candidate was skipped"]
]

describe("advice", () => {
  for (const [name, situation, words] of cases) {
    it(`${name}`, () => {
      const whole = {
        attempts: [failed({})],
        mine: [],
        theirs: [],
        brokers: { mine: true, theirs: true },
        ...situation
      }
      assert.include(advice(whole), words)
    })
  }
})

describe("a summary", () => {
  it("counts what was tried", () => {
    assert.strictEqual(summary([skipped]), "nothing could be tried")
    assert.strictEqual(summary([failed({})]), "1 way was tried (1 direct), and none got through")
    assert.strictEqual(
      summary([failed({}), failed({}), failed({ strategy: "reverse" }), skipped]),
      "3 ways were tried (2 direct, 1 reverse), and none got through"
    )
  })
})

describe("records", () => {
  const step = (strategy: string) =>
    new Running({ strategy, pair: undefined, delay: 0, budget: undefined, why: "because" })

  it("say what became of each step, and what was never one", () => {
    const [won, lost, late, waiting] = [step("a"), step("b"), step("c"), step("d")]
    for (const running of [won, lost, waiting]) running.start(5, {})
    won.reached("open")
    won.end("connected", 20)
    won.end("failed", 30, { reason: "no", problem: "the first end counts" })
    won.reached("dial")
    lost.reached("secure")
    lost.end("failed", 10, { reason: "WrongPeer", problem: "it is somebody else" })
    waiting.reached("wait")
    assert.isTrue(waiting.isWaiting)
    assert.isFalse(won.isWaiting)
    const remote = at("12.0.0.1:1")
    const records = report(
      [won, lost, late, waiting],
      [{ remote, kind: "host", why: "nobody is there" }],
      { skipped: [{ strategy: "reverse", why: "no broker" }] },
      "superseded",
      20
    )
    assert.deepStrictEqual(
      records.map(({ ended, outcome, reason, started, step, strategy }) => [
        strategy,
        step,
        outcome,
        started,
        ended,
        reason
      ]),
      [
        ["a", "open", "connected", 5, 20, undefined],
        ["b", "secure", "failed", 5, 10, "WrongPeer"],
        ["c", "plan", "not-started", undefined, undefined, undefined],
        ["d", "wait", "superseded", 5, 20, undefined],
        ["direct", "plan", "skipped", undefined, undefined, undefined],
        ["reverse", "plan", "skipped", undefined, undefined, undefined]
      ]
    )
    assert.strictEqual(records[4]!.remote, remote)
  })
})
