/**
 * Every classic type with every delta, step, direction and a choice of port ranges, over UDP and TCP at once, measured through
 * a small NAT of our own: always right on a clean network, and nearly always, and never confidently wrong, on a rough one.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Rules, toyBox } from "./lab/Box.ts"
import type { LinkRules } from "./lab/Internet.ts"
import { CLEAN, EXTERNAL, INSIDE, measure, ROUGH } from "./lab/scenario.ts"
import { base, deltas, natTypes, profiles } from "./lab/profiles.ts"
import { FIELDS, Tally } from "./lab/truth.ts"

// As many as asked for with `P2P_FULL=1`, as CI does.
const SEEDS = process.env["P2P_FULL"] === "1" ? [1, 2, 3] : [1]

const score = (link: LinkRules) => {
  const tally = new Tally()
  const durations: Array<number> = []
  for (const seed of SEEDS) {
    profiles.forEach((rules, index) => {
      const measured = measure({
        box: (random) => toyBox(rules, EXTERNAL, random),
        link,
        seed: seed * 10_007 + index,
        inside: rules.udp.translated ? INSIDE : EXTERNAL
      })
      // A blocked transport is waited for to the end.
      if (!rules.udp.blocked && !rules.tcp.blocked) durations.push(measured.duration)
      for (const transport of ["udp", "tcp"] as const) {
        const where = `seed ${seed}, profile ${index}, ${transport} ${JSON.stringify(rules[transport])}`
        tally.add(measured.profiles[transport], rules[transport], where)
      }
    })
  }
  return { tally, durations: durations.toSorted((a, b) => a - b) }
}

describe(`${profiles.length} profiles, ${SEEDS.length} seeds, UDP and TCP`, () => {
  it("a clean network: all right, within a second", { timeout: 60_000 }, () => {
    const { durations, tally } = score(CLEAN)
    console.log(tally.table("50 ms round trip, nothing lost"))
    console.log(`both transports take ${durations.at(-1)!.toFixed(0)} ms at most`)
    assert.isAtLeast(profiles.length, 500)
    assert.deepStrictEqual(tally.faults, [])
    assert.isAtMost(durations.at(-1)!, 1000)
    assert.isAtLeast(tally.ranges.covered, tally.ranges.confidence)
  })

  it("a counter that UDP and TCP share, on a rough network", { timeout: 60_000 }, () => {
    const tally = new Tally()
    for (const delta of deltas.filter(({ kind }) => kind === "independent" || kind === "dependent")) {
      for (const [mapping, filtering] of natTypes) {
        for (const seed of SEEDS) {
          const rules: Rules = { ...base, mapping, filtering, delta }
          const box = (random: () => number) => toyBox({ udp: rules, tcp: rules }, EXTERNAL, random, true)
          const { profiles } = measure({ box, link: ROUGH, seed })
          for (const profile of Object.values(profiles))
            tally.add(profile, rules, `seed ${seed}, ${JSON.stringify(rules)}`)
        }
      }
    }
    const { asked, confidentlyWrong, right } = tally.scores.delta
    assert.isAtLeast(right / asked, 0.99, tally.faults.join("\n"))
    assert.strictEqual(confidentlyWrong, 0, tally.faults.join("\n"))
  })

  it("offsets in small ranges, where ports wrap many times", { timeout: 60_000 }, () => {
    const tally = new Tally()
    for (const [step, range] of [
      [1000, [40_000, 42_047]],
      [-700, [20_000, 20_999]],
      [-5, [50_000, 50_511]]
    ] as const) {
      const rules: Rules = { ...base, delta: { kind: "preserving", step }, range }
      for (let seed = 1; seed <= 150; seed++) {
        const box = (random: () => number) => toyBox({ udp: rules, tcp: rules }, EXTERNAL, random)
        const { udp } = measure({ box, link: CLEAN, seed, transports: ["udp"] }).profiles
        tally.add(udp, rules, `seed ${seed}, ${range.join("-")}`)
      }
    }
    assert.deepStrictEqual(tally.faults, [])
  })

  it("5 % loss, 20 ms jitter, 3 mappings a second by others", { timeout: 60_000 }, () => {
    const { durations, tally } = score(ROUGH)
    console.log(tally.table("50 to 90 ms round trip, 5 % loss each way, 3 mappings/s by others"))
    console.log(`both transports take ${durations[durations.length >> 1]!.toFixed(0)} ms, half of the time`)
    for (const field of FIELDS) {
      const { asked, confidentlyWrong, right } = tally.scores[field]
      assert.isAtLeast(right / asked, 0.99, `${field}:\n${tally.faults.slice(0, 20).join("\n")}`)
      assert.strictEqual(confidentlyWrong, 0, `${field}:\n${tally.faults.join("\n")}`)
    }
    assert.isAtLeast(tally.ranges.covered, tally.ranges.confidence)
  })
})
