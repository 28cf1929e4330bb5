/** The file by its own blocks; what Wireshark makes of it is in wireshark.test.ts. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { decode } from "../../../src/protocols/packet/decode.ts"
import { encode } from "../../../src/protocols/packet/encode.ts"
import * as Ip from "../../../src/protocols/packet/Ip.ts"
import { lengthOf, udp } from "../../../src/protocols/packet/IpPacket.ts"
import * as Trace from "../../../src/protocols/trace/Trace.ts"
import { connection, hop, oddities, question } from "./traces.ts"

interface Block {
  readonly type: number
  readonly body: DataView
  readonly options: ReadonlyMap<number, Uint8Array>
}

const u32 = (view: DataView, at: number): number => view.getUint32(at, true)

/** Splits a file into blocks; asserts on the way what every block must have. */
const blocksOf = (file: Uint8Array): ReadonlyArray<Block> => {
  const blocks: Array<Block> = []
  for (let at = 0; at < file.length;) {
    const view = new DataView(file.buffer, file.byteOffset + at)
    const [type, length] = [u32(view, 0), u32(view, 4)]
    assert.strictEqual(length % 4, 0)
    assert.strictEqual(u32(view, length - 4), length)
    const body = new DataView(file.buffer, file.byteOffset + at + 8, length - 12)
    const fixed = type === 0x0a0d0d0a ? 16 : type === 1 ? 8 : 20 + ((u32(body, 12) + 3) & ~3)
    blocks.push({ type, body, options: optionsOf(body, fixed) })
    at += length
  }
  return blocks
}

const optionsOf = (body: DataView, start: number): ReadonlyMap<number, Uint8Array> => {
  const options = new Map<number, Uint8Array>()
  for (let at = start; at < body.byteLength;) {
    const [code, length] = [body.getUint16(at, true), body.getUint16(at + 2, true)]
    if (code === 0) {
      assert.strictEqual(at + 4, body.byteLength)
      return options
    }
    options.set(code, new Uint8Array(body.buffer, body.byteOffset + at + 4, length))
    at += 4 + ((length + 3) & ~3)
  }
  return assert.fail("options without an end")
}

const textOf = (block: Block, code: number): string => new TextDecoder().decode(block.options.get(code))
const nanosOf = ({ body }: Block): bigint => (BigInt(u32(body, 4)) << 32n) | BigInt(u32(body, 8))

describe("a trace as pcapng", () => {
  it("begins with a section header and an interface for each network", () => {
    const [section, ...rest] = blocksOf(Trace.toPcapng(oddities, { comment: "all sorts" }))
    assert.strictEqual(section!.type, 0x0a0d0d0a)
    assert.strictEqual(u32(section!.body, 0), 0x1a2b3c4d)
    assert.deepStrictEqual([section!.body.getUint16(4, true), section!.body.getUint16(6, true)], [1, 0])
    assert.strictEqual(section!.body.getBigInt64(8, true), -1n)
    assert.strictEqual(textOf(section!, 1), "all sorts")
    const interfaces = rest.filter(({ type }) => type === 1)
    assert.deepStrictEqual(
      interfaces.map((block) => textOf(block, 2)),
      ["loopback", "lan", "internet"]
    )
    for (const { body, options } of interfaces) {
      assert.strictEqual(body.getUint16(0, true), 101)
      assert.deepStrictEqual(options.get(9), Uint8Array.of(9))
    }
    assert.isTrue(rest.slice(0, 3).every(({ type }) => type === 1))
    assert.isTrue(rest.slice(3).every(({ type }) => type === 6))
    assert.strictEqual(rest.length - 3, oddities.length)
  })

  it("holds every packet whole, on its interface, at its time", () => {
    const start = Date.UTC(2026, 0, 1)
    const packets = blocksOf(Trace.toPcapng(connection, { start })).filter(({ type }) => type === 6)
    for (const [index, block] of packets.entries()) {
      const event = connection[index]!
      const length = u32(block.body, 12)
      assert.strictEqual(u32(block.body, 0), event.network === "lan" ? 0 : 1)
      assert.strictEqual(nanosOf(block), BigInt(start) * 1_000_000n + BigInt(Math.round(event.time * 1e6)))
      assert.strictEqual(length, lengthOf(event.packet))
      assert.strictEqual(u32(block.body, 16), length)
      const bytes = new Uint8Array(block.body.buffer, block.body.byteOffset + 20, length)
      assert.deepStrictEqual(Uint8Array.from(bytes), Result.getOrThrow(encode(event.packet)))
      assert.isTrue(Result.isSuccess(decode(bytes)))
    }
  })

  it("says in comments who sent to whom and what became of it", () => {
    const comments = (events: typeof question) =>
      blocksOf(Trace.toPcapng(events))
        .filter(({ type }) => type === 6)
        .map((block) => textOf(block, 1))
    assert.deepStrictEqual(comments(question), [
      "alice -> nat: translated 192.168.1.2:5000 -> 198.51.100.7:61000 at 0.100 ms",
      "nat -> server: delivered at 20.100 ms",
      "server -> nat: translated 198.51.100.7:61000 -> 192.168.1.2:5000 at 40.100 ms",
      "nat -> alice: delivered at 40.200 ms"
    ])
    const odd = comments(oddities)
    assert.strictEqual(odd[1], "alice -> nobody: lost: no such address at 1.000 ms")
    assert.strictEqual(odd[3], "nat -> server (copy): dropped: filtered at 22.000 ms")
    assert.strictEqual(odd.at(-1), "alice -> nat: in flight")
  })

  it("keeps the place of a packet that has no bytes, and says why it has none", () => {
    const mixed = udp(Ip.fromStringUnsafe("10.0.0.1"), 1, Ip.fromStringUnsafe("2001:db8::1"), 2)
    const file = Trace.toPcapng([hop(0, "alice", "bob", "lan", mixed, { _tag: "Delivered", at: 1 })])
    const packet = blocksOf(file).at(-1)!
    assert.strictEqual(u32(packet.body, 12), 0)
    assert.match(textOf(packet, 1), /^alice -> bob: delivered at 1\.000 ms; no bytes: .*two address families$/)
  })

  it("is the same for the same trace, and a file without packets too", () => {
    assert.deepStrictEqual(Trace.toPcapng(connection), Trace.toPcapng(connection))
    assert.strictEqual(blocksOf(Trace.toPcapng([])).length, 1)
  })
})
