import { assert, describe, it } from "@effect/vitest"
import * as Birthday from "../../../src/protocols/natprofile/birthday.ts"
import { known, unknown } from "../../../src/protocols/natprofile/confidence.ts"
import { localsFor, predict, type PredictInput, USUAL_RANGE } from "../../../src/protocols/natprofile/predict.ts"
import { wrap } from "../../../src/protocols/natprofile/range.ts"
import type { Sample } from "../../../src/protocols/natprofile/Sample.ts"
import type { Delta, NatProfile, PortRange } from "../../../src/schemas/NatProfile.ts"
import { luck } from "../../lab/support/random.ts"
import { type Rules, toyBox } from "./lab/Box.ts"
import { EXTERNAL, INSIDE } from "./lab/scenario.ts"

const profile = (delta: Delta, range?: PortRange, noise?: number): PredictInput["profile"] => ({
  delta: known(delta, 0.95, []),
  range: range === undefined ? unknown("not-visible", "") : known(range, 0.95, []),
  noise: noise === undefined ? unknown("not-visible", "") : known(noise, 0.9, [])
})

const sample = (local: number, external: number | undefined, sentAt = 0): Sample => ({
  id: "s",
  local,
  external,
  sentAt
})

/** The likeliest port of each socket. */
const best = (input: PredictInput): ReadonlyArray<number | undefined> =>
  predict(input).sockets.map(({ guesses }) => guesses[0]?.port)

describe("the likeliest port of each new socket", () => {
  const range: PortRange = [40_000, 40_099]
  const table: ReadonlyArray<readonly [string, ReadonlyArray<number | undefined>, PredictInput]> = [
    ["equal", [5000, 6000], { profile: profile({ kind: "equal", step: 0 }), samples: [], locals: [5000, 6000], at: 0 }],
    [
      "equal, outside the range",
      [40_001, undefined],
      { profile: profile({ kind: "equal", step: 0 }, range), samples: [], locals: [40_001, 6000], at: 0 }
    ],
    [
      "preserving up",
      [6000, 7000],
      { profile: profile({ kind: "preserving", step: 1000 }), samples: [], locals: [5000, 6000], at: 0 }
    ],
    [
      "preserving down",
      [30_000],
      // Seen at 30000 from 44333, an offset of -14333; the absolute distance would lead the other way.
      {
        profile: profile({ kind: "preserving", step: -14_333 }),
        samples: [sample(44_333, 30_000)],
        locals: [44_333],
        at: 0
      }
    ],
    [
      "preserving, wrapped at both ends",
      [40_003, 40_098],
      { profile: profile({ kind: "preserving", step: 5 }, range), samples: [], locals: [40_098, 39_993], at: 0 }
    ],
    [
      "independent up: each socket its own port",
      [30_004, 30_008, 30_012],
      {
        profile: profile({ kind: "independent", step: 4 }, undefined, 0.1),
        samples: [sample(44_333, 30_000)],
        locals: [1, 2, 3],
        at: 10
      }
    ],
    [
      "independent down, wrapped",
      [40_001, 40_099, 40_097],
      {
        profile: profile({ kind: "independent", step: -2 }, range, 0.1),
        samples: [sample(1, 40_005), sample(2, 40_003)],
        locals: [1, 2, 3],
        at: 10
      }
    ],
    [
      "independent, with mappings of one's own in between",
      [30_012],
      {
        profile: profile({ kind: "independent", step: 4 }, undefined, 0.1),
        samples: [sample(44_333, 30_000)],
        locals: [9],
        at: 10,
        made: 2
      }
    ],
    [
      "dependent, from port to next port",
      [30_002, 30_004, undefined],
      {
        profile: profile({ kind: "dependent", step: 2 }, undefined, 0.1),
        samples: [sample(44_333, 30_000)],
        locals: [44_334, 44_335, 50_000],
        at: 10
      }
    ],
    [
      "dependent, the run broken",
      [undefined],
      {
        profile: profile({ kind: "dependent", step: 2 }),
        samples: [sample(44_333, 30_000), sample(44_334, undefined)],
        locals: [44_335],
        at: 10
      }
    ],
    [
      "random",
      [undefined],
      { profile: profile({ kind: "random", step: 0 }), samples: [sample(1, 2)], locals: [5], at: 0 }
    ],
    [
      "unknown",
      [undefined],
      {
        profile: { ...profile({ kind: "equal", step: 0 }), delta: unknown("too-few-answers", "") },
        samples: [],
        locals: [5],
        at: 0
      }
    ],
    [
      "nothing to count on from",
      [undefined],
      { profile: profile({ kind: "independent", step: 1 }), samples: [], locals: [5], at: 0 }
    ]
  ]
  for (const [name, expected, input] of table) {
    it(`${name}`, () => {
      assert.deepStrictEqual(best(input), expected)
    })
  }

  it("wraps by whole turns", () => {
    assert.strictEqual(wrap(40_100, range), 40_000)
    assert.strictEqual(wrap(39_999, range), 40_099)
    assert.strictEqual(wrap(40_350, range), 40_050)
    assert.strictEqual(wrap(-65_000, [1024, 65_535]), 64_024)
  })
})

describe("a forecast", () => {
  const input: PredictInput = {
    profile: profile({ kind: "independent", step: 2 }, [1024, 65_535], 10),
    samples: [sample(5000, 30_000)],
    locals: [1, 2, 3, 4],
    at: 100
  }

  it("is ranked, goes one way, and adds up", () => {
    for (const { elsewhere, guesses } of predict(input).sockets) {
      const told = guesses.reduce((sum, { probability }) => sum + probability, 0)
      assert.isTrue(guesses.every(({ port }) => port > 30_000 && port % 2 === 0))
      assert.deepStrictEqual(
        guesses,
        guesses.toSorted((a, b) => b.probability - a.probability)
      )
      assert.approximately(told + elsewhere.probability, 1, 1e-9)
      assert.deepStrictEqual(elsewhere.range, [1024, 65_535])
    }
  })

  it("gets wider with noise, with time and with loss", () => {
    const first = (more: Partial<PredictInput>): number =>
      predict({ ...input, ...more }).sockets[0]!.guesses[0]!.probability
    const now = first({ at: 0 })
    assert.isAbove(now, first({ at: 50 }))
    assert.isAbove(first({ at: 50 }), first({ at: 500 }))
    assert.isAbove(first({ profile: profile({ kind: "independent", step: 2 }, undefined, 1) }), first({}))
    assert.isAbove(now, first({ at: 0, samples: [...input.samples, sample(5001, undefined)] }))
  })

  it("keeps to its width, and to the usual ports where no range is known", () => {
    const wide = predict({ ...input, profile: profile({ kind: "independent", step: 2 }, undefined, 500), width: 5 })
    assert.isTrue(wide.sockets.every(({ guesses }) => guesses.length <= 5))
    assert.deepStrictEqual(wide.sockets[0]!.elsewhere.range, USUAL_RANGE)
    assert.isAbove(wide.sockets[0]!.elsewhere.probability, 0.5)
  })

  it("joins the sockets' guesses: a port two of them may get counts for both", () => {
    const { ports, sockets } = predict(input)
    const port = 30_004
    const of = (index: number): number => sockets[index]!.guesses.find((guess) => guess.port === port)?.probability ?? 0
    const joined = ports.find((guess) => guess.port === port)!
    assert.approximately(joined.probability, 1 - (1 - of(0)) * (1 - of(1)), 1e-9)
    assert.deepStrictEqual(
      ports,
      ports.toSorted((a, b) => b.probability - a.probability || a.port - b.port)
    )
  })
})

describe("against a NAT", () => {
  const deltas: ReadonlyArray<Delta> = [
    { kind: "equal", step: 0 },
    { kind: "preserving", step: -300 },
    ...[1, 2, 5, -1, -2, -5].flatMap((step) => [
      { kind: "independent", step } as const,
      { kind: "dependent", step } as const
    ])
  ]
  const range = [50_000, 50_999] as const

  it("guesses are right as often as they say, with others making 10 mappings a second", () => {
    let promised = 0
    let kept = 0
    let asked = 0
    let firsts = 0
    for (const delta of deltas) {
      for (let seed = 1; seed <= 120; seed++) {
        const random = luck(seed * 97 + delta.step)
        const rules: Rules = {
          translated: true,
          mapping: "address-and-port-dependent",
          filtering: "address-and-port-dependent",
          delta,
          range,
          unsolicited: "drop",
          hairpin: false,
          blocked: false
        }
        const box = toyBox({ udp: rules, tcp: rules }, EXTERNAL, random.next)
        const send = (ip: string, local: number): number => {
          const out = box.out("udp", { ip, port: local }, { ip: "45.1.2.3", port: 3478 }, "ack", 0)
          return typeof out === "object" ? out.src.port : -1
        }
        const from = 50_100 + random.below(500)
        const samples = [0, 1, 2].map((index) => sample(from + index, send(INSIDE, from + index), index * 5))
        const told: Pick<NatProfile, "delta" | "range" | "noise"> = {
          delta: known(delta, 0.99, []),
          range: known(range, 0.95, []),
          noise: known(10, 0.9, [])
        }
        const locals = localsFor(told, samples, 4, random.next)
        const wait = 20 + random.below(80)
        for (let time = -Math.log(1 - random.next()) * 100; time < wait; time -= Math.log(1 - random.next()) * 100) {
          send("192.168.1.99", 1024 + random.below(60_000))
        }
        const forecast = predict({ profile: told, samples, locals, at: 10 + wait })
        locals.forEach((local, index) => {
          const port = send(INSIDE, local)
          const { guesses } = forecast.sockets[index]!
          promised += guesses.reduce((sum, { probability }) => sum + probability, 0)
          if (guesses.some((guess) => guess.port === port)) kept += 1
          if (guesses[0]?.port === port) firsts += 1
          asked += 1
        })
      }
    }
    console.log(
      `prediction: ${asked} sockets, first guess right ${((100 * firsts) / asked).toFixed(1)} %, ` +
        `one of the guesses ${((100 * kept) / asked).toFixed(1)} %, promised ${((100 * promised) / asked).toFixed(1)} %`
    )
    assert.approximately(kept / asked, promised / asked, 0.03)
    assert.isAbove(firsts / asked, 0.6)
    assert.isAbove(kept / asked, 0.75)
  })

  it("local ports suit the rule", () => {
    const random = luck(3).next
    const after = [sample(5000, 30_000), sample(5001, 30_002)]
    assert.deepStrictEqual(localsFor(profile({ kind: "dependent", step: 2 }), after, 3, random), [5002, 5003, 5004])
    const inRange = localsFor(profile({ kind: "equal", step: 0 }, [40_000, 40_009]), after, 10, random)
    assert.strictEqual(new Set(inRange).size, 10)
    assert.isTrue(inRange.every((port) => port >= 40_000 && port <= 40_009))
    assert.strictEqual(localsFor(profile({ kind: "equal", step: 0 }, [40_000, 40_009]), after, 20, random).length, 10)
    const top = localsFor(profile({ kind: "dependent", step: 2 }), [sample(65_535, 30_000)], 3, random)
    assert.isTrue(top.every((port) => port >= 1024 && port <= 65_535))
  })
})

describe("birthday numbers", () => {
  const size = 64_512

  it("one random side: the numbers of the literature", () => {
    assert.approximately(Birthday.hitProbability(256, 174, size), 0.5, 0.002)
    assert.approximately(Birthday.hitProbability(256, 1024, size), 0.983, 0.001)
    assert.approximately(Birthday.hitProbability(256, 2048, size), 0.9997, 0.0001)
    assert.strictEqual(Birthday.probesFor(0.5, 256, size), 175)
    assert.strictEqual(Birthday.sizeOf([1024, 65_535]), size)
  })

  it("two random sides", () => {
    assert.approximately(Birthday.probesForBothRandom(0.5, size), 54_000, 500)
    assert.approximately(Birthday.bothRandom(Birthday.probesForBothRandom(0.5, size), size), 0.5, 0.001)
    assert.isBelow(Birthday.bothRandom(1000, size), 0.001)
  })

  it("the two functions of a side undo each other, to the ends", () => {
    for (const open of [1, 16, 64, 512, 2048]) {
      for (const probability of [0.1, 0.5, 0.9, 0.999]) {
        const probes = Birthday.probesFor(probability, open, size)
        assert.isAtLeast(Birthday.hitProbability(open, probes, size), probability)
        assert.isBelow(Birthday.hitProbability(open, probes - 1, size), probability)
      }
    }
    assert.strictEqual(Birthday.hitProbability(0, 100, size), 0)
    assert.strictEqual(Birthday.hitProbability(100, 1, 100), 1)
    assert.strictEqual(Birthday.probesFor(0.9, 100, 100), 1)
  })
})
