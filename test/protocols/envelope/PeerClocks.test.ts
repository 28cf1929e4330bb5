/** Fresh or late, whatever the clocks say. */
import { assert, describe, it } from "@effect/vitest"
import { MEMORY, PeerClocks, TOLERANCE } from "../../../src/protocols/envelope/PeerClocks.ts"

const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const LIFETIME = 30_000

/** Whether a message is fresh that took so long, of a sender whose clock is so far ahead. */
const asker =
  (clocks: PeerClocks, ahead: number, sender = "alice") =>
  (trip: number, now = NOW): boolean => {
    const sentAt = now - trip + ahead
    const fresh = clocks.isFresh(sender, sentAt, LIFETIME, now)
    if (fresh) clocks.learn(sender, sentAt, now)
    return fresh
  }

describe("the clocks of peers", () => {
  for (const ahead of [0, HOUR, -HOUR, TOLERANCE - 100, -TOLERANCE + 100]) {
    it(`tell fresh from late once a sender ${ahead} ms ahead was heard`, () => {
      const isFresh = asker(new PeerClocks(), ahead)
      assert.isTrue(isFresh(50))
      assert.isTrue(isFresh(5000), "a broker that takes 5 seconds")
      assert.isTrue(isFresh(LIFETIME + 50))
      assert.isFalse(isFresh(LIFETIME + 51))
      assert.isTrue(isFresh(20), "faster than ever")
      assert.isFalse(isFresh(LIFETIME + 21))
    })
  }

  it("allow so much for the very first message, and no more", () => {
    for (const [trip, ahead, fresh] of [
      [TOLERANCE + LIFETIME, 0, true],
      [TOLERANCE + LIFETIME + 1, 0, false],
      [0, TOLERANCE, true],
      [0, TOLERANCE + 1, false]
    ] as const) {
      assert.strictEqual(asker(new PeerClocks(), ahead)(trip), fresh)
    }
  })

  it("forget, so that a clock may be set", () => {
    const clocks = new PeerClocks()
    assert.isTrue(asker(clocks, HOUR)(50))
    const set = asker(clocks, 0)
    assert.isFalse(set(50, NOW + 1000))
    assert.isTrue(set(50, NOW + MEMORY + 1))
  })

  it("forget in a minute and a half that they were five minutes ahead", () => {
    const clocks = new PeerClocks()
    assert.isTrue(asker(clocks, 300_000)(50))
    assert.isFalse(asker(clocks, 0)(50, NOW + 1000))
    assert.isTrue(asker(clocks, 0)(50, NOW + 91_000))
  })

  it("see by an answer that a clock was set", () => {
    const clocks = new PeerClocks()
    assert.isTrue(asker(clocks, HOUR)(50))
    clocks.learn("alice", NOW - 50, NOW, 100)
    assert.isTrue(asker(clocks, 0)(60))
    assert.isFalse(asker(clocks, 0)(LIFETIME + 60))
  })

  it("learn from an answer that was held back no less than they knew", () => {
    const clocks = new PeerClocks()
    assert.isTrue(asker(clocks, HOUR)(50))
    // Asked nine minutes ago and answered at once; a broker kept the answer.
    clocks.learn("alice", NOW - 530_000 + HOUR, NOW, 540_000)
    assert.isTrue(asker(clocks, HOUR)(LIFETIME + 50))
    assert.isFalse(asker(clocks, HOUR)(LIFETIME + 51))
    clocks.learn("alice", NOW - 20 + HOUR, NOW, 100)
    assert.isFalse(asker(clocks, HOUR)(LIFETIME + 21), "faster than ever")
  })

  it("are those of each sender, of a bounded number", () => {
    const clocks = new PeerClocks(3)
    for (const sender of ["a", "b", "c", "a", "d"]) assert.isTrue(asker(clocks, HOUR, sender)(50))
    assert.strictEqual(clocks.size, 3)
    assert.isFalse(asker(clocks, 0, "a")(50), "heard lately, so still known")
    assert.isTrue(asker(clocks, 0, "b")(50), "forgotten")
  })
})
