import { assert, describe, it } from "@effect/vitest"
import * as Options from "../../../src/protocols/tcp/options.ts"
import { Reassembly } from "../../../src/protocols/tcp/Reassembly.ts"
import { RetransmissionTimer } from "../../../src/protocols/tcp/RetransmissionTimer.ts"
import { SendBuffer } from "../../../src/protocols/tcp/SendBuffer.ts"
import { fromWire, toWire } from "../../../src/protocols/tcp/sequence.ts"
import { join, lcg, pattern } from "./Pair.ts"

describe("sequence numbers", () => {
  it("find the nearest position, before and after a wrap", () => {
    for (const initial of [0, 1, 0x7fff_ffff, 0xffff_fff0]) {
      for (const near of [0, 1, 100_000, 2 ** 32 + 5, 3 * 2 ** 32 - 1]) {
        for (const step of [-2_000_000_000, -1, 0, 1, 2_000_000_000]) {
          assert.strictEqual(fromWire(initial, toWire(initial, near + step), near), near + step)
        }
      }
    }
  })
})

describe("SendBuffer", () => {
  it("gives back what was written, whatever the sizes of writes, reads and acknowledgements", () => {
    const random = lcg(7)
    const all = pattern(200_000)
    const buffer = new SendBuffer()
    let written = 0
    let acknowledged = 0
    while (acknowledged < all.length) {
      const size = Math.min(all.length - written, Math.floor(random() ** 3 * 40_000))
      buffer.push(all.subarray(written, written + size))
      written += size
      for (let check = 0; check < 3 && written > acknowledged; check++) {
        const from = acknowledged + Math.floor(random() * (written - acknowledged))
        const length = Math.min(1460, written - from)
        assert.deepStrictEqual(buffer.slice(from + 1, length), all.slice(from, from + length))
      }
      acknowledged += Math.floor(random() * (written - acknowledged + 1))
      buffer.acknowledge(acknowledged + 1)
      assert.strictEqual(buffer.size, written - acknowledged)
    }
  })

  it("copies: the writer may change its bytes", () => {
    const buffer = new SendBuffer()
    const bytes = Uint8Array.of(1, 2, 3)
    buffer.push(bytes)
    bytes.fill(0)
    assert.deepStrictEqual(Array.from(buffer.slice(1, 3)), [1, 2, 3])
  })
})

describe("Reassembly", () => {
  it("puts pieces in order, whatever order, overlap and repetition they come in", () => {
    const random = lcg(11)
    const all = pattern(20_000)
    for (let round = 0; round < 30; round++) {
      const reassembly = new Reassembly()
      const chunks: Array<Uint8Array> = []
      while (reassembly.next <= all.length) {
        const start = Math.max(0, Math.min(all.length - 1, reassembly.next - 800 + Math.floor(random() * 3000)))
        const end = Math.min(all.length, start + 1 + Math.floor(random() * 1400))
        reassembly.insert(start + 1, all.subarray(start, end))
        if (random() < 0.3) chunks.push(...reassembly.read())
      }
      chunks.push(...reassembly.read())
      assert.deepStrictEqual(join(chunks), all)
      assert.strictEqual(reassembly.unread, 0)
    }
  })
})

describe("RetransmissionTimer", () => {
  it("follows RFC 6298 with Linux's bounds", () => {
    const timer = new RetransmissionTimer()
    assert.strictEqual(timer.timeout, 1000)
    timer.sample(100)
    assert.strictEqual(timer.timeout, 300)
    timer.sample(300)
    // SRTT 125, RTTVAR 87.5
    assert.strictEqual(timer.timeout, 475)
    timer.expired()
    timer.expired()
    assert.strictEqual(timer.timeout, 1900)
    for (let index = 0; index < 40; index++) timer.expired()
    assert.strictEqual(timer.timeout, 120_000)
    timer.acknowledged()
    assert.strictEqual(timer.timeout, 475)
  })
})

describe("options of a SYN", () => {
  it("are read as written", () => {
    assert.deepStrictEqual(Options.read(Options.write(1460, 7), 4), { mss: 1460, shift: 7 })
    assert.deepStrictEqual(Options.read(Options.write(1220, undefined), 6), { mss: 1220, shift: undefined })
    assert.strictEqual(Options.write(1460, 7).length % 4, 0)
  })

  it("have the standard's defaults and bounds, whatever the bytes", () => {
    assert.deepStrictEqual(Options.read(new Uint8Array(0), 4), { mss: 536, shift: undefined })
    assert.deepStrictEqual(Options.read(new Uint8Array(0), 6), { mss: 1220, shift: undefined })
    assert.strictEqual(Options.read(Options.write(1460, 200), 4).shift, 14)
    assert.strictEqual(Options.read(Options.write(0, 1), 4).mss, 64)
    const random = lcg(3)
    for (let round = 0; round < 2000; round++) {
      const bytes = new Uint8Array(Math.floor(random() * 40)).map(() => Math.floor(random() * 256))
      const { mss, shift = 0 } = Options.read(bytes, 4)
      assert.isTrue(mss >= 64 && mss <= 65_535 && shift >= 0 && shift <= 14)
    }
  })
})
