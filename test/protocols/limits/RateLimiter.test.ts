import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import { RateLimiter } from "../../../src/protocols/limits/RateLimiter.ts"
import { sourceOf } from "../../../src/protocols/limits/source.ts"
import { luck } from "../../lab/support/random.ts"

// Where rounding shows: a time of today.
const NOW = 1_790_000_000_123

const count = (times: number, allow: () => boolean): number => {
  let allowed = 0
  for (let i = 0; i < times; i++) if (allow()) allowed++
  return allowed
}

describe("RateLimiter", () => {
  it("gives a burst, then its rate", () => {
    for (const perSecond of [0.3, 1, 3, 7, 10, 333]) {
      const limiter = new RateLimiter({ each: { perSecond, burst: 5 } })
      assert.strictEqual(
        count(20, () => limiter.allow("a", NOW)),
        5
      )
      let now = NOW
      for (let i = 0; i < 50; i++) {
        now += 1000 / perSecond
        assert.isTrue(limiter.allow("a", now), `${perSecond}/s, ${i}`)
        assert.isFalse(limiter.allow("a", now), `${perSecond}/s, ${i}`)
      }
      assert.strictEqual(
        count(20, () => limiter.allow("a", now + 1_000_000)),
        5,
        "no more than the burst after any rest"
      )
    }
  })

  it("counts each source for itself, and all together", () => {
    const limiter = new RateLimiter({ each: { perSecond: 1, burst: 2 }, total: { perSecond: 1, burst: 5 } })
    const seen = ["a", "b", "c"].map((source) => count(4, () => limiter.allow(source, NOW)))
    assert.deepStrictEqual(seen, [2, 2, 1])
    // What the total refused did not cost the source.
    assert.isTrue(limiter.allow("c", NOW + 1000))
    // And what a source's own limit refused did not cost the others.
    const other = new RateLimiter({ each: { perSecond: 1, burst: 2 }, total: { perSecond: 1, burst: 3 } })
    assert.strictEqual(
      count(50, () => other.allow("a", NOW)),
      2
    )
    assert.isTrue(other.allow("b", NOW))
  })

  it("takes what something costs, or nothing", () => {
    const limiter = new RateLimiter({ each: { perSecond: 1, burst: 10 } })
    assert.isFalse(limiter.allow("a", NOW, 11))
    assert.isTrue(limiter.allow("a", NOW, 6))
    assert.isFalse(limiter.allow("a", NOW, 6))
    assert.isTrue(limiter.allow("a", NOW, 4))
  })

  it("is no limit at an infinite rate", () => {
    const limiter = new RateLimiter({ each: { perSecond: Infinity, burst: 1 } })
    assert.strictEqual(
      count(1000, () => limiter.allow("a", NOW)),
      1000
    )
  })

  it("forgets the source that was quiet the longest, and is never larger than its limit", () => {
    const limiter = new RateLimiter({ each: { perSecond: 0.001, burst: 1 }, sources: 3 })
    for (const source of ["a", "b", "c"]) assert.isTrue(limiter.allow(source, NOW))
    assert.isFalse(limiter.allow("a", NOW))
    assert.isTrue(limiter.allow("d", NOW))
    assert.strictEqual(limiter.size, 3)
    for (const source of ["a", "c", "d"]) assert.isFalse(limiter.allow(source, NOW), source)
    assert.isTrue(limiter.allow("b", NOW), "forgotten")
  })

  it("remembers nobody whom the total refuses", () => {
    const limiter = new RateLimiter({ each: { perSecond: 1, burst: 1 }, total: { perSecond: 1, burst: 2 } })
    for (let i = 0; i < 1000; i++) limiter.allow(`s${i}`, NOW)
    assert.strictEqual(limiter.size, 2)
  })

  it("bears a clock that is set back", () => {
    const limiter = new RateLimiter({ each: { perSecond: 1, burst: 3 }, total: { perSecond: 1, burst: 3 } })
    assert.isTrue(limiter.allow("a", NOW))
    const back = NOW - 3_600_000
    assert.isFalse(limiter.allow("a", back))
    assert.isTrue(limiter.allow("a", back + 1000))
  })

  it("never gives more than burst + rate x time, whatever comes when", () => {
    const random = luck(4)
    for (let run = 0; run < 50; run++) {
      const each = { perSecond: 1 + random.below(50), burst: 1 + random.below(20) }
      const total = { perSecond: 20 + random.below(100), burst: 10 + random.below(40) }
      const limiter = new RateLimiter({ each, total })
      const given = new Map<string, number>()
      let [now, all] = [NOW, 0]
      for (let i = 0; i < 2000; i++) {
        now += random.below(12)
        const source = `s${random.below(5)}`
        const cost = 1 + random.below(3)
        if (!limiter.allow(source, now, cost)) continue
        all += cost
        given.set(source, (given.get(source) ?? 0) + cost)
        const seconds = (now - NOW) / 1000
        assert.isAtMost(given.get(source)!, each.burst + each.perSecond * seconds + 0.001)
        assert.isAtMost(all, total.burst + total.perSecond * seconds + 0.001)
      }
    }
  })
})

describe("sourceOf", () => {
  const source = (text: string) => sourceOf(NetAddress.ipFromStringUnsafe(text))

  it("is an IPv4 address", () => {
    assert.strictEqual(source("192.0.2.1"), "192.0.2.1")
    assert.strictEqual(source("::ffff:192.0.2.1"), "192.0.2.1")
  })

  it("is the /64 of an IPv6 address", () => {
    assert.strictEqual(source("2001:db8:1:2:3:4:5:6"), source("2001:db8:1:2:ffff::"))
    assert.notStrictEqual(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"))
  })
})
