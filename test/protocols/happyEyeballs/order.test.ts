import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as NetAddress from "effect/net/NetAddress"
import { interleave, MAX_ATTEMPTS } from "../../../src/protocols/happyEyeballs/order.ts"
import * as Any from "../../support/arbitraries.ts"

const ordered = (...texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  interleave(texts.map(NetAddress.ipFromStringUnsafe)).map(NetAddress.formatIp)

describe("the order of addresses (RFC 8305 section 4)", () => {
  it("takes families in turn, in the resolver's order within each", () => {
    assert.deepStrictEqual(ordered("2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", "192.0.2.3"), [
      "2001:db8::1",
      "192.0.2.1",
      "2001:db8::2",
      "192.0.2.2",
      "192.0.2.3"
    ])
  })

  it("begins with IPv6 unless the resolver began with IPv4", () => {
    assert.deepStrictEqual(ordered("192.0.2.1", "192.0.2.2", "2001:db8::1"), ["192.0.2.1", "2001:db8::1", "192.0.2.2"])
    assert.deepStrictEqual(ordered("2001:db8::1", "192.0.2.1"), ["2001:db8::1", "192.0.2.1"])
  })

  it("leaves out repeats, however they are written", () => {
    assert.deepStrictEqual(ordered("2001:db8::1", "192.0.2.1", "2001:0db8:0:0::1", "192.0.2.1"), [
      "2001:db8::1",
      "192.0.2.1"
    ])
  })

  it("of nothing makes nothing, and of one family its own order", () => {
    assert.deepStrictEqual(ordered(), [])
    assert.deepStrictEqual(ordered("192.0.2.9", "192.0.2.1"), ["192.0.2.9", "192.0.2.1"])
  })

  const addresses = Arbitrary.array(Arbitrary.all([Any.boolean, Any.int(1, 30)]), { maxLength: 60 })

  it.prop(
    "keeps every address once, up to the limit, and never two of a family while the other waits",
    [addresses],
    ([drawn]) => {
      const input = drawn.map(([v6, number]) => (v6 ? `2001:db8::${number.toString(16)}` : `192.0.2.${number}`))
      const output = ordered(...input)
      const unique = [...new Set(input)]
      assert.strictEqual(new Set(output).size, output.length)
      assert.isTrue(output.every((address) => unique.includes(address)))
      assert.strictEqual(output.length, Math.min(unique.length, MAX_ATTEMPTS))
      const isV6 = (address: string) => address.includes(":")
      for (const [at, address] of output.entries()) {
        const before = output[at - 1]
        if (before === undefined || isV6(before) !== isV6(address)) continue
        // Two of one family in a row: the other one is used up.
        const used = new Set(output.slice(0, at))
        assert.isTrue(unique.filter((each) => isV6(each) !== isV6(address)).every((each) => used.has(each)))
      }
    }
  )
})
