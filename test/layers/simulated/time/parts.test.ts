import { assert, describe, it } from "@effect/vitest"
import { Call, EventQueue } from "../../../../src/layers/simulated/time/events.ts"
import { Luck } from "../../../../src/layers/simulated/time/Luck.ts"

describe("EventQueue", () => {
  it("gives events in order of time, and of scheduling where times are equal, dead ones left out", () => {
    const luck = new Luck(1, "test")
    const queue = new EventQueue()
    const expected: Array<{ readonly time: number; readonly order: number }> = []
    const given: Array<{ readonly time: number; readonly order: number }> = []
    for (let index = 0; index < 2000; index++) {
      const event = new Call(() => given.push({ time: event.time, order: event.order }))
      queue.push(event, luck.below(50))
      if (luck.chance(0.2)) event.dead = true
      else expected.push({ time: event.time, order: event.order })
    }
    for (let event = queue.peek(); event !== undefined; event = queue.peek()) {
      queue.take()
      event.fire()
    }
    assert.deepStrictEqual(
      given,
      expected.toSorted((a, b) => a.time - b.time || a.order - b.order)
    )
    assert.strictEqual(queue.size, 0)
  })
})

describe("Luck", () => {
  const draws = (seed: number, name: string, count = 8) => {
    const luck = new Luck(seed, name)
    return Array.from({ length: count }, () => luck.next())
  }

  it("is the same for the same seed and name, and no other", () => {
    assert.deepStrictEqual(draws(1, "a"), draws(1, "a"))
    const all = [draws(1, "a"), draws(2, "a"), draws(1, "b"), draws(-1, "a"), draws(1 + 2 ** 32, "a"), draws(1, "")]
    assert.strictEqual(new Set(all.map(String)).size, all.length)
  })

  it("spreads evenly, and over neighbouring seeds too", () => {
    const luck = new Luck(5, "even")
    const counts = new Array<number>(16).fill(0)
    for (let index = 0; index < 160_000; index++) counts[luck.below(16)]!++
    for (const count of counts) assert.approximately(count, 10_000, 500)
    let high = 0
    for (let seed = 0; seed < 10_000; seed++) if (new Luck(seed, "first").float() >= 0.5) high++
    assert.approximately(high, 5000, 250)
  })

  it("draws nothing for what is certain", () => {
    const luck = new Luck(9, "certain")
    assert.isFalse(luck.chance(0))
    assert.isTrue(luck.chance(1))
    assert.strictEqual(luck.next(), draws(9, "certain")[0])
  })
})
