/** The estimation of deltas on series written out by hand, and on many made by luck. */
import { assert, describe, it } from "@effect/vitest"
import { CONFIDENT } from "../../../src/protocols/natprofile/confidence.ts"
import { deltaOf, estimate, noiseOf } from "../../../src/protocols/natprofile/delta.ts"
import { rangeOf } from "../../../src/protocols/natprofile/range.ts"
import { SAMPLES } from "../../../src/protocols/natprofile/measure.ts"
import { samplePorts } from "../../../src/protocols/natprofile/samples.ts"
import type { Sample } from "../../../src/protocols/natprofile/Sample.ts"
import type { Delta } from "../../../src/schemas/NatProfile.ts"
import { luck } from "../../lab/support/random.ts"

/** `5000>6000` is a sample from port 5000 seen at port 6000, `5000>` one without an answer; they left 5 ms apart. */
const series = (text: string): ReadonlyArray<Sample> =>
  text
    .trim()
    .split(/\s+/)
    .map((each, index) => {
      const [local, external] = each.split(">")
      const sentAt = index * 5
      const answered = external === "" ? undefined : Number(external)
      return { id: `s${index}`, local: Number(local), external: answered, sentAt, answeredAt: sentAt + 50 }
    })

const verdictOf = (samples: ReadonlyArray<Sample>) => deltaOf(estimate(samples), samples)

const show = (samples: ReadonlyArray<Sample>): string => {
  const delta = verdictOf(samples)
  return delta._tag === "Unknown" ? delta.reason : `${delta.value.kind} ${delta.value.step}`
}

const table: ReadonlyArray<readonly [string, string, string]> = [
  ["the same ports", "equal 0", "4000>4000 4001>4001 9000>9000 60000>60000 4016>4016 4017>4017 2000>2000"],
  [
    "the same ports, but for one that was taken",
    "equal 0",
    "4000>4000 4001>4001 9000>31415 60000>60000 4016>4016 4017>4017 2000>2000"
  ],
  [
    "the same ports in a range, random ones for ports outside",
    "equal 0",
    "40010>40010 40011>40011 40012>40012 40013>40013 1030>40777 60000>40321 40026>40026 40027>40027 9000>40100"
  ],
  [
    "a constant offset up",
    "preserving 1000",
    "4000>5000 4001>5001 9000>10000 60000>61000 4016>5016 4017>5017 2000>3000"
  ],
  [
    "a constant offset down",
    "preserving -700",
    "4000>3300 4001>3301 9000>8300 60000>59300 4016>3316 4017>3317 2000>1300"
  ],
  [
    "a constant offset that wraps at the end of 1024 to 65535",
    "preserving 1000",
    "64000>65000 64001>65001 65000>1488 60000>61000 64016>65016 64017>65017 2000>3000 65500>1988"
  ],
  ["up by one", "independent 1", "4000>7000 4001>7001 9000>7002 60000>7003 4016>7004 4017>7005 2000>7006"],
  ["down by one", "independent -1", "4000>7006 4001>7005 9000>7004 60000>7003 4016>7002 4017>7001 2000>7000"],
  [
    "down by five, with two mappings that were there already",
    "independent -5",
    `38186>38165 38187>38160 38188>38155 38189>38150 37449>38145 45322>38140 38170>38135 38171>38130 38172>38125 38173>38120
     1041>39170 65470>39220 38154>38115 38155>38110 38156>38105 38157>38100 30580>38095 18831>38090`
  ],
  [
    "up by one, with two older mappings nearby",
    "independent 1",
    `40277>40271 40278>40272 40279>40273 40280>40274 32400>40275 1025>40011 40261>40276 40262>40277 40263>40278 40264>40279
     35485>40117 65517>40280 40293>40281 40294>40282 40295>40283 40296>40284 16693>40285 48150>40286`
  ],
  [
    "up by one, with older mappings in runs too",
    "independent 1",
    `40399>40383 40400>40384 40401>40385 40402>40386 45739>40387 65483>40388 40367>40369 40368>40389 40369>40390 40370>40391
     33058>40242 1063>40392 40383>40363 40384>40393 40385>40394 40386>40395 18324>40396 37563>40397`
  ],
  [
    "up by one, with whole runs of older mappings",
    "independent 1",
    `40484>40468 40485>40469 40486>40470 40487>40471 18328>40472 65437>40473 40468>40452 40469>40453 40470>40454 40471>40455
     50897>40474 39023>40475 40452>40446 40453>40447 40454>40448 40455>40449 28742>40476 1029>40477`
  ],
  [
    "up by one, with nothing but older mappings first",
    "independent 1",
    `40157>40151 40158>40152 40159>40153 40160>40154 36220>40173 1091>40155 40189>40174 40190>40175 40191>40176 40192>40177
     52755>40178 65440>40179 40173>40157 40174>40158 40175>40159 40176>40160 31156>40180 19572>40181`
  ],
  [
    "up by one, with older mappings in every run and at its end",
    "independent 1",
    `40178>40160 40179>40161 40180>40162 40181>40163 12158>40164 42388>40165 40162>40144 40163>40145 40164>40146 40165>40147
     51621>40166 22727>40167 40146>40125 40147>40126 40148>40127 40149>40150 1055>40154 65497>40054`
  ],
  ["up by five", "independent 5", "4000>7000 4001>7005 9000>7010 60000>7015 4016>7020 4017>7025 2000>7030"],
  [
    "down by two, with mappings of others in between",
    "independent -2",
    "4000>9000 4001>8998 9000>8994 60000>8992 4016>8990 4017>8984 2000>8982 4020>8980"
  ],
  [
    "up by two with samples lost before the NAT and after it",
    "independent 2",
    "4000>7000 4001> 9000>7004 60000>7006 4016> 4017>7008 2000>7010 4019>7012 5000>7014"
  ],
  [
    "up by three, wrapped once",
    "independent 3",
    "4000>65530 4001>65533 9000>1024 60000>1027 4016>1030 4017>1033 2000>1036 3000>1039"
  ],
  [
    "up by one from port to next port only",
    "dependent 1",
    "4000>7000 4001>7001 4002>7002 60000>33333 9000>1234 4016>50000 4017>50001 4018>50002 2000>44444"
  ],
  [
    "down by five from port to next port only",
    "dependent -5",
    "4000>7000 4001>6995 4002>6990 60000>33333 9000>1234 4016>50000 4017>49995 4018>49990 2000>44444"
  ],
  [
    "from port to next port only, a run broken by others and one by loss",
    "dependent 2",
    "4000>7000 4001>7002 4002>17004 4003>17006 60000>33333 4016>50000 4017> 4018>50004 4019>50006 2000>44444 4032>21000 4033>21002"
  ],
  [
    "no rule",
    "random 0",
    "4000>7123 4001>61002 4002>17004 4003>2406 60000>33333 4016>50000 4017>9182 4018>50404 4019>39006 2000>44444"
  ],
  [
    "from port to next port down, and a run that went up where the ports below were taken",
    "dependent -1",
    "20958>20852 20959>20851 20960>20850 20961>20849 1024>20248 53814>20076 20942>20936 20943>20937 20944>20938 " +
      "20945>20939 18795>20811 65491>20413 20926>20353 20927>20352 20928>20351 20929>20350 41590>20379 29966>20313"
  ],
  ["too few", "too-few-answers", "4000>7000 4001>7001 4002>7002 4003>7003"],
  ["too few answers", "too-few-answers", "4000>7000 4001> 4002> 4003> 4004> 4005>7005 4006> 4007> 4008>7008"]
]

const SEEDS = process.env["P2P_FULL"] === "1" ? 300 : 25

const repeated: ReadonlyArray<Delta> = [
  ...[1, -1, 2, -2, 5, -5].map((step) => ({ kind: "independent", step }) as const),
  ...[1, -5].map((step) => ({ kind: "dependent", step }) as const),
  { kind: "random", step: 0 }
]

/** The external port of an internal one, by a NAT that keeps what it has mapped. */
const remembering = (kind: Delta["kind"], step: number, below: (limit: number) => number) => {
  const ports = new Map<number, number>()
  let last = { local: 0, external: 40_000 }
  return (local: number): number => {
    const known = ports.get(local)
    if (known !== undefined) return known
    const goesOn = kind === "independent" || (kind === "dependent" && local === last.local + 1)
    const external = goesOn ? last.external + step : 1024 + below(64_000)
    ports.set(local, external)
    last = { local, external }
    return external
  }
}

describe("series", () => {
  for (const [name, expected, text] of table) {
    it(`${name}`, () => {
      assert.strictEqual(show(series(text)), expected)
    })
  }

  it("the same ports the other way round have the other sign", () => {
    const up = series("4000>7000 4001>7002 9000>7004 60000>7006 4016>7008 4017>7010 2000>7012")
    const down = up.map((sample) => ({ ...sample, external: 20_000 - sample.external! }))
    assert.strictEqual(show(up), "independent 2")
    assert.strictEqual(show(down), "independent -2")
  })

  it("samples that overtook each other do not turn a counter round, nor make its steps longer", () => {
    let right = 0
    let asked = 0
    for (const step of [1, 2, 5, -1, -2, -5]) {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const random = luck(seed * 7 + step)
        // Each takes up to 20 ms to the NAT and as long back.
        const sent = Array.from({ length: 18 }, (_, index) => ({ index, at: index * 5 + 20 * random.next() }))
        const order = sent.toSorted((a, b) => a.at - b.at).map(({ index }) => index)
        const samples = sent.map(({ at, index }): Sample => {
          const external = 30_000 + step * order.indexOf(index)
          return {
            id: "s",
            local: 4000 + 7 * index,
            external,
            sentAt: index * 5,
            answeredAt: at + 50 + 20 * random.next()
          }
        })
        const delta = verdictOf(samples)
        asked += 1
        if (delta._tag === "Unknown") continue
        if (delta.value.kind === "independent" && delta.value.step === step) right += 1
        else assert.isBelow(delta.confidence, CONFIDENT, `${step} taken for ${delta.value.kind} ${delta.value.step}`)
      }
    }
    assert.isAtLeast(right / asked, 0.9)
  })

  it("mappings that are still there from measurements before hide no rule", () => {
    const wrong: Array<string> = []
    for (const { kind, step } of repeated) {
      for (let seed = 1; seed <= 60; seed++) {
        const random = luck(seed * 31 + step)
        const mapped = remembering(kind, step, random.below)
        for (let run = 1; run <= 10; run++) {
          const near = mapped(32_768 + random.below(28_000))
          const samples = samplePorts(SAMPLES, [near], random.next).map(({ port }, index): Sample => {
            const external = mapped(port)
            return { id: "s", local: port, external, sentAt: index * 5, answeredAt: index * 5 + 50 }
          })
          const delta = verdictOf(samples)
          if (delta._tag === "Known" && delta.value.kind === kind && delta.value.step === step) continue
          wrong.push(`${kind} ${step}, seed ${seed}, run ${run}: ${show(samples)}`)
        }
      }
    }
    assert.deepStrictEqual(wrong, [])
  })

  it("confidence grows with the number of samples", () => {
    const grown = [6, 9, 12, 18].map((count) => {
      const samples = Array.from({ length: count }, (_, index) => `${4000 + 7 * index}>${7000 + 3 * index}`)
      const delta = verdictOf(series(samples.join(" ")))
      return delta._tag === "Known" ? delta.confidence : 0
    })
    assert.deepStrictEqual(
      grown,
      grown.toSorted((a, b) => a - b)
    )
    assert.isAtLeast(grown.at(-1)!, CONFIDENT)
    assert.isBelow(grown.at(-1)!, 1)
  })

  it("chance is less sure where answers overtook each other: samples may have, too", () => {
    const [, , text] = table.find(([name]) => name === "no rule")!
    const inOrder = series(text)
    const mixed = inOrder.map((sample, index) => ({
      ...sample,
      answeredAt: sample.sentAt + (index % 2 === 0 ? 60 : 50)
    }))
    const sure = (samples: ReadonlyArray<Sample>): number => {
      const delta = verdictOf(samples)
      return delta._tag === "Known" && delta.value.kind === "random" ? delta.confidence : 0
    }
    assert.isBelow(sure(mixed), sure(inOrder))
    assert.isAtLeast(sure(mixed), 0.5)
  })
})

describe("ranges", () => {
  const ranges: ReadonlyArray<readonly [string, unknown, string]> = [
    [
      "the size from a wrap, and the customary place",
      [1024, 65_535],
      "64000>65000 64001>65001 65000>1488 60000>61000 64016>65016 64017>65017 2000>3000 65500>1988"
    ],
    [
      "a small one that wraps many times",
      [20_000, 20_999],
      "4000>20_010 4001>20_011 4002>20_012 9000>20_010 60990>20_000 4016>20_026 4017>20_027 2019>20_029 65009>20_019 3999>20_009 8989>20_999"
    ],
    [
      "all kept, from end to end",
      [1024, 65_535],
      "4000>4000 4001>4001 1100>1100 65500>65500 4016>4016 4017>4017 30000>30000 47000>47000 17000>17000"
    ],
    [
      "a counter that came to the end",
      [1024, 65_535],
      "4000>65530 4001>65533 9000>1024 60000>1027 4016>1030 4017>1033 2000>1036 3000>1039"
    ],
    ["a counter that did not", "not-visible", "4000>7000 4001>7001 9000>7002 60000>7003 4016>7004 4017>7005 2000>7006"]
  ]
  for (const [name, expected, text] of ranges) {
    it(`${name}`, () => {
      const samples = series(text.replaceAll("_", ""))
      const range = rangeOf(estimate(samples), samples)
      assert.deepStrictEqual(range._tag === "Known" ? range.value : range.reason, expected)
    })
  }
})

describe("noise", () => {
  it("is what a counter went on without us", () => {
    const noise = (text: string): number => {
      const found = noiseOf(estimate(series(text)))
      return found._tag === "Known" ? found.value : -1
    }
    const quiet = noise("4000>7000 4001>7001 9000>7002 60000>7003 4016>7004 4017>7005 2000>7006 2010>7007 2020>7008")
    const busy = noise("4000>7000 4001>7002 9000>7003 60000>7004 4016>7005 4017>7007 2000>7008 2010>7010 2020>7011")
    assert.isBelow(quiet, 3)
    assert.isAbove(busy, 10)
    assert.strictEqual(noise("4000>4000 4001>4001 9000>9000 60000>60000 4016>4016"), -1)
  })
})

describe("luck", () => {
  const steps = [1, 2, 5, -1, -2, -5, 17, -64, 256]
  const truths: ReadonlyArray<Delta> = [
    ...steps.flatMap((step) => [{ kind: "independent", step } as const, { kind: "dependent", step } as const]),
    { kind: "random", step: 0 }
  ]

  it("long steps, too, and never sure of the wrong one whatever is lost", () => {
    let right = 0
    let asked = 0
    for (const truth of truths) {
      for (let seed = 1; seed <= 60; seed++) {
        const random = luck(seed * 31 + truth.step)
        let last = { local: -1, external: random.below(60_000) }
        const samples = Array.from({ length: 18 }, (_, index): Sample => {
          // Three runs of four and their controls.
          const inRun = index % 6 < 4
          const local = inRun ? 5000 + 40 * Math.floor(index / 6) + (index % 6) : 1024 + random.below(60_000)
          const follows = truth.kind === "independent" || (truth.kind === "dependent" && local === last.local + 1)
          const wrapped = (((last.external + truth.step) % 65_536) + 65_536) % 65_536
          const lost = random.next() < 0.15
          const external = follows ? wrapped : random.below(65_536)
          // Half of the lost ones never came to the NAT.
          if (!lost || random.chance(0.5)) last = { local, external }
          const sentAt = index * 5
          return { id: String(index), local, external: lost ? undefined : external, sentAt, answeredAt: sentAt + 50 }
        })
        const delta = verdictOf(samples)
        asked += 1
        if (delta._tag === "Unknown") continue
        const same = delta.value.kind === truth.kind && delta.value.step === truth.step
        if (same) right += 1
        else
          assert.isBelow(
            delta.confidence,
            CONFIDENT,
            `${JSON.stringify(truth)} taken for ${JSON.stringify(delta.value)}`
          )
      }
    }
    assert.isAtLeast(right / asked, 0.99)
  })
})
