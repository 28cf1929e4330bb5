/** Packets announced too large are found, in whatever pieces the stream comes. */
import { assert, describe, it } from "@effect/vitest"
import { PacketSizes } from "../../../src/protocols/mqtt/PacketSizes.ts"
import { luck } from "../../lab/support/random.ts"

const LIMIT = 20_000

const lengthOf = (value: number): ReadonlyArray<number> =>
  value < 128 ? [value] : [(value % 128) | 0x80, ...lengthOf(Math.floor(value / 128))]
const packet = (size: number): Uint8Array => Uint8Array.of(0x30, ...lengthOf(size), ...new Uint8Array(size).fill(0xff))

describe("packet sizes", () => {
  it("let every stream of packets within the limit pass", () => {
    const random = luck(31)
    for (let round = 0; round < 200; round++) {
      const sizes = new PacketSizes(LIMIT)
      const packets = Array.from({ length: 8 }, () =>
        packet(random.chance(0.3) ? random.below(3) : random.below(LIMIT + 1))
      )
      const bytes = Uint8Array.from(Buffer.concat(packets))
      for (let at = 0; at < bytes.length;) {
        const step = 1 + random.below(random.chance(0.5) ? 5 : 30_000)
        if (!sizes.accept(bytes.subarray(at, at + step))) assert.fail(`at ${at}`)
        at += step
      }
    }
  })

  it.each([LIMIT + 1, 2 ** 21, 268_435_455])("stop at a packet of %i bytes, before its first", (size) => {
    const announced = Uint8Array.of(0x30, ...lengthOf(size))
    const before = packet(100)
    const sizes = new PacketSizes(LIMIT)
    assert.isTrue(sizes.accept(before))
    let isAccepted = true
    for (const byte of announced) isAccepted &&= sizes.accept(Uint8Array.of(byte))
    assert.isFalse(isAccepted)
    assert.isFalse(new PacketSizes(LIMIT).accept(Uint8Array.of(...before, ...announced)))
  })

  it("stop at a length of more than four digits", () => {
    assert.isFalse(new PacketSizes(LIMIT).accept(Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x80, 0x00)))
    assert.isTrue(new PacketSizes(LIMIT).accept(Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x00, 0x30, 0)))
  })
})
