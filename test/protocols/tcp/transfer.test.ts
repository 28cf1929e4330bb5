import { assert, describe, it } from "@effect/vitest"
import * as Open from "../../../src/protocols/tcp/open.ts"
import { join, lcg, Pair, pattern, transfer } from "./Pair.ts"

const open = (pair: Pair) => {
  const a = pair.connectA()
  pair.run(100)
  return { a, b: pair.b! }
}

describe("carrying bytes", () => {
  for (const loss of [0.01, 0.05, 0.2]) {
    for (const seed of [1, 2, 3, 4]) {
      it(`keeps all of them, in order, over a wire that loses ${loss * 100} %, doubles and delays (seed ${seed})`, () => {
        const random = lcg(seed * 1000 + loss * 100)
        const pair = new Pair({
          fate: () => {
            if (random() < loss) return []
            if (random() < 0.05) return [0, random() * 30]
            return random() < 0.05 ? [random() * 25] : [0]
          }
        })
        const sent = pattern(200_000)
        const got = transfer(pair, pair.connectA(), () => pair.b, sent)
        assert.isTrue(Buffer.from(got).equals(sent))
      })
    }
  }

  it("goes on across the wrap of sequence numbers", () => {
    // The first side starts sixteen below 2^32.
    const pair = new Pair()
    const sent = pattern(10_000)
    assert.deepStrictEqual(
      transfer(pair, pair.connectA(), () => pair.b, sent),
      sent
    )
  })

  it("sends to a slow reader no more than its window, and asks again while it is closed", () => {
    const pair = new Pair({}, { receiveBuffer: 10_000 })
    const { a, b } = open(pair)
    Open.write(a, pattern(50_000), pair.now)
    pair.run(60_000)
    assert.strictEqual(b.received.unread, 10_000)
    const probes = pair.log.filter((line) => line.endsWith(" a ACK 0")).length
    assert.isAbove(probes, 4)
    const chunks: Array<Uint8Array> = []
    pair.runWhile(() => {
      chunks.push(...Open.read(b))
      pair.flush()
      return join(chunks).length < 50_000
    })
    assert.deepStrictEqual(join(chunks), pattern(50_000))
    assert.isBelow(pair.now, 200_000)
  })

  it("opens a closed window again though the announcement is lost", () => {
    let losing = false
    const pair = new Pair({ fate: () => (losing ? [] : [0]) }, { receiveBuffer: 5000 })
    const { a, b } = open(pair)
    Open.write(a, pattern(20_000), pair.now)
    pair.run(5000)
    losing = true
    Open.read(b)
    pair.flush()
    losing = false
    const before = b.received.next
    pair.run(20_000)
    assert.isAbove(b.received.next, before)
  })

  it("takes only as much as its own buffer holds", () => {
    const pair = new Pair({ fate: (_packet, index) => (index < 3 ? [0] : []) }, { sendBuffer: 8000 })
    const { a } = open(pair)
    assert.strictEqual(Open.write(a, pattern(10_000), pair.now), 8000)
    assert.strictEqual(Open.write(a, pattern(10), pair.now), 0)
  })

  it("repeats a lost segment after three duplicate acknowledgements, long before its timer", () => {
    let data = 0
    const pair = new Pair({ fate: (packet) => (packet.payload.length > 0 && ++data === 2 ? [] : [0]) })
    const { a, b } = open(pair)
    Open.write(a, pattern(12_000), pair.now)
    const began = pair.now
    pair.runWhile(() => b.received.next < 12_001)
    assert.isBelow(pair.now - began, 100)
    assert.deepStrictEqual(join(Open.read(b)), pattern(12_000))
  })

  it("repeats by its timer, twice as late each time, and gives up after fifteen", () => {
    let cut = false
    const pair = new Pair({ fate: () => (cut ? [] : [0]) })
    const { a } = open(pair)
    cut = true
    Open.write(a, pattern(10), pair.now)
    pair.run()
    const times = pair.log.filter((line) => line.endsWith(" 10")).map((line) => Number(line.split(" ")[0]))
    const gaps = times.slice(1).map((time, index) => time - times[index]!)
    // A round trip of 20 ms and the least variance, 200 ms.
    assert.deepStrictEqual(gaps.slice(0, 5), [220, 440, 880, 1760, 3520])
    assert.strictEqual(Math.max(...gaps), 120_000)
    assert.strictEqual(gaps.length, 15)
    assert.deepStrictEqual([a.state, a.failure], ["Closed", "ETIMEDOUT"])
  })

  it("holds small writes back while others are in flight, but only if asked to", () => {
    const sizes = (noDelay: boolean) => {
      const pair = new Pair({}, { noDelay })
      const { a } = open(pair)
      for (let index = 0; index < 5; index++) Open.write(a, new Uint8Array(10), pair.now)
      pair.run(1000)
      return pair.log.filter((line) => / a .* [1-9]/.test(line)).map((line) => Number(line.split(" ").at(-1)))
    }
    assert.deepStrictEqual(sizes(true), [10, 10, 10, 10, 10])
    assert.deepStrictEqual(sizes(false), [10, 40])
  })
})
