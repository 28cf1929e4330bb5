/** No message twice, however much is forgotten. */
import { assert, describe, it } from "@effect/vitest"
import { MAX_LIFETIME } from "../../../src/protocols/envelope/Content.ts"
import { TOLERANCE } from "../../../src/protocols/envelope/PeerClocks.ts"
import { limits as usual, MARKS, ReplayWindow, SECRET_BYTES } from "../../../src/protocols/envelope/ReplayWindow.ts"
import { luck } from "../../lab/support/random.ts"
import { bytesOf } from "./kit.ts"

const limits = { senders: 8, idsPerSender: 16, ids: 64, known: { senders: 4, ids: 32 } }

const windowOf = (seed = 1, given = limits) => new ReplayWindow(bytesOf(luck(seed), SECRET_BYTES), given)

const hear = (window: ReplayWindow, sender: string, id: string, end: number, now = 0): boolean => {
  if (window.isRepeat(sender, id, end)) return false
  window.take(sender, id, end, now)
  return true
}

describe("the replay window", () => {
  it("takes each message once", () => {
    const window = windowOf()
    assert.isTrue(hear(window, "a", "1", 100))
    assert.isFalse(hear(window, "a", "1", 100))
    assert.isTrue(hear(window, "b", "1", 100), "the same id of another sender")
    assert.isTrue(hear(window, "a", "2", 100))
    assert.deepStrictEqual(window.size, { senders: 2, ids: 3 })
  })

  it("forgets what has ended, and takes nothing as old as that any more", () => {
    const window = windowOf()
    hear(window, "a", "1", 100)
    assert.isTrue(hear(window, "a", "2", 300, 101))
    assert.strictEqual(window.size.ids, 1)
    assert.isFalse(hear(window, "a", "1", 100, 90), "the clock was set back")
    assert.isTrue(hear(window, "a", "3", 101, 90))
  })

  it("forgets the first to end of a sender with too many, and hears it with later ones only", () => {
    const window = windowOf()
    for (let n = 0; n < 16; n++) assert.isTrue(hear(window, "a", `${n}`, 1000 - n))
    assert.isTrue(hear(window, "a", "late", 2000))
    assert.strictEqual(window.size.ids, 16)
    assert.isFalse(hear(window, "a", "15", 985), "forgotten, and not taken again")
    assert.isFalse(hear(window, "a", "new", 985))
    assert.isTrue(hear(window, "b", "new", 985), "others do not suffer")
    assert.isTrue(hear(window, "a", "newer", 986.5))
  })

  it("forgets the sender quiet the longest, and keeps those it knows", () => {
    const window = windowOf()
    for (let n = 0; n < 8; n++) hear(window, `${n}`, "1", 1000 + n)
    hear(window, "0", "2", 1000)
    assert.isTrue(hear(window, "stranger", "1", 5000))
    assert.strictEqual(window.size.senders, 8)
    assert.isFalse(hear(window, "1", "1", 1001), "forgotten, and not taken again")
    assert.isFalse(hear(window, "1", "2", 1001))
    assert.isTrue(hear(window, "0", "3", 900), "in the table, so heard as before")
    assert.isTrue(hear(window, "another", "1", 900), "others do not suffer")
  })

  it("keeps peers that were written to, whatever strangers do, and forgets these for others of them only", () => {
    const window = windowOf()
    hear(window, "friend", "1", 1000)
    window.know("friend")
    assert.isFalse(hear(window, "friend", "1", 1000), "what was heard before counts")
    for (let n = 0; n < 100; n++) hear(window, `${n}`, "1", 5000)
    assert.isTrue(hear(window, "friend", "2", 900))
    assert.isFalse(hear(window, "friend", "1", 1000))
    for (let n = 0; n < 4; n++) window.know(`other ${n}`)
    assert.strictEqual(window.size.senders, limits.senders + limits.known.senders)
    assert.isFalse(hear(window, "friend", "1", 1000), "forgotten, and not taken again")
    assert.isTrue(hear(window, "friend", "3", 1001))
  })

  it("leaves nearly everybody alone when strangers by the thousand, with clocks set ahead, were heard", () => {
    const random = luck(92)
    const window = windowOf(2, usual)
    const late = TOLERANCE + MAX_LIFETIME + TOLERANCE
    const name = () => `p2p1${random.next()}${random.next()}`
    window.know("friend")
    const before = name()
    assert.isTrue(hear(window, before, "1", 15_000 + TOLERANCE))
    for (let n = 0; n < 2 * usual.senders; n++) hear(window, name(), "1", late)
    const heard = (sender: string) => hear(window, sender, "2", 15_001 + TOLERANCE)
    assert.isTrue(heard("friend"))
    assert.isTrue(heard(before), "forgotten, and heard with what ends later")
    const others = Array.from({ length: 1000 }, name)
    // One in 16 of the places is taken by what was forgotten.
    const deaf = others.filter((sender) => window.isRepeat(sender, "1", 15_000 + TOLERANCE)).length
    assert.isAtMost(deaf, (1.5 * 1000 * usual.senders) / MARKS)
    assert.isAbove(deaf, 0)
  })

  it("puts marks elsewhere with another secret", () => {
    const deafBy = (seed: number): ReadonlyArray<number> => {
      const window = windowOf(seed, { ...limits, senders: 1 })
      for (let n = 0; n < 5000; n++) hear(window, `stranger ${n}`, "1", 1000)
      return Array.from({ length: 500 }, (_, n) => n).filter((n) => window.isRepeat(`new ${n}`, "1", 1000))
    }
    assert.isNotEmpty(deafBy(1))
    assert.deepStrictEqual(deafBy(1), deafBy(1))
    assert.notDeepEqual(deafBy(1), deafBy(2))
  })

  it("never takes one twice, and stays bounded, over 200,000 random ones", () => {
    const random = luck(91)
    const window = windowOf()
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
      if (random.chance(0.05)) window.know(`s${random.below(20)}`)
      const [sender, id, end] = message
      if (now > end || !hear(window, sender, id, end, now)) continue
      const key = `${sender} ${id}`
      if (taken.has(key)) assert.fail(`${key} twice`)
      taken.add(key)
      heard++
      const { ids, senders } = window.size
      if (ids > limits.ids + limits.known.ids || senders > limits.senders + limits.known.senders) {
        assert.fail(`${ids} ids of ${senders} senders`)
      }
    }
    assert.isAbove(heard, 20_000)
  })
})
