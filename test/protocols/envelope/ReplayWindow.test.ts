/** No message twice, however much is forgotten. */
import { assert, describe, it } from "@effect/vitest"
import { ReplayWindow } from "../../../src/protocols/envelope/ReplayWindow.ts"
import { luck } from "../../lab/support/random.ts"

const limits = { senders: 8, idsPerSender: 16, ids: 64 }

const hear = (window: ReplayWindow, sender: string, id: string, end: number, now = 0): boolean => {
  if (window.isRepeat(sender, id, end)) return false
  window.take(sender, id, end, now)
  return true
}

describe("the replay window", () => {
  it("takes each message once", () => {
    const window = new ReplayWindow(limits)
    assert.isTrue(hear(window, "a", "1", 100))
    assert.isFalse(hear(window, "a", "1", 100))
    assert.isTrue(hear(window, "b", "1", 100), "the same id of another sender")
    assert.isTrue(hear(window, "a", "2", 100))
    assert.deepStrictEqual(window.size, { senders: 2, ids: 3 })
  })

  it("forgets what has ended, and takes nothing as old as that any more", () => {
    const window = new ReplayWindow(limits)
    hear(window, "a", "1", 100)
    assert.isTrue(hear(window, "a", "2", 300, 101))
    assert.strictEqual(window.size.ids, 1)
    assert.isFalse(hear(window, "a", "1", 100, 90), "the clock was set back")
    assert.isTrue(hear(window, "a", "3", 101, 90))
  })

  it("forgets the first to end of a sender with too many, and hears it with later ones only", () => {
    const window = new ReplayWindow(limits)
    for (let n = 0; n < 16; n++) assert.isTrue(hear(window, "a", `${n}`, 1000 - n))
    assert.isTrue(hear(window, "a", "late", 2000))
    assert.strictEqual(window.size.ids, 16)
    assert.isFalse(hear(window, "a", "15", 985), "forgotten, and not taken again")
    assert.isFalse(hear(window, "a", "new", 985))
    assert.isTrue(hear(window, "b", "new", 985), "others do not suffer")
    assert.isTrue(hear(window, "a", "newer", 986.5))
  })

  it("forgets the sender quiet the longest, and keeps those it knows", () => {
    const window = new ReplayWindow(limits)
    for (let n = 0; n < 8; n++) hear(window, `${n}`, "1", 1000 + n)
    hear(window, "0", "2", 1000)
    assert.isTrue(hear(window, "stranger", "1", 5000))
    assert.strictEqual(window.size.senders, 8)
    assert.isFalse(hear(window, "1", "1", 1001), "forgotten, and not taken again")
    assert.isFalse(hear(window, "1", "2", 1001))
    assert.isTrue(hear(window, "0", "3", 900), "in the table, so heard as before")
    assert.isTrue(hear(window, "another", "1", 1002))
  })

  it("never takes one twice, and stays bounded, over 200,000 random ones", () => {
    const random = luck(91)
    const window = new ReplayWindow(limits)
    const taken = new Set<string>()
    const sent: Array<readonly [string, string, number]> = []
    let now = 0
    let heard = 0
    for (let round = 0; round < 200_000; round++) {
      now += random.chance(0.01) ? -random.below(50) : random.below(3)
      const fresh = random.chance(0.5) || sent.length === 0
      const message = fresh
        ? ([`s${random.below(20)}`, `${round}`, now + random.below(200)] as const)
        : sent[random.below(sent.length)]!
      if (fresh) sent.push(message)
      const [sender, id, end] = message
      if (now > end || !hear(window, sender, id, end, now)) continue
      const key = `${sender} ${id}`
      if (taken.has(key)) assert.fail(`${key} twice`)
      taken.add(key)
      heard++
      const { ids, senders } = window.size
      if (ids > limits.ids || senders > limits.senders) assert.fail(`${ids} ids of ${senders} senders`)
    }
    assert.isAbove(heard, 20_000)
  })
})
