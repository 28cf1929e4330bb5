import { assert, describe, it } from "@effect/vitest"
import { Occupancy } from "../../../src/protocols/limits/Occupancy.ts"

describe("Occupancy", () => {
  it("gives each source its places, and all together theirs", () => {
    const places = new Occupancy({ each: 2, total: 3 })
    assert.deepStrictEqual(
      ["a", "a", "a", "b", "b", "c"].map((source) => places.enter(source)),
      [true, true, false, true, false, false]
    )
    assert.deepStrictEqual(
      ["a", "b", "c"].map((source) => places.hasRoom(source)),
      [false, false, false]
    )
    places.leave("a")
    assert.isTrue(places.hasRoom("a"))
    assert.deepStrictEqual([places.total, places.enter("b"), places.enter("c")], [2, true, false])
  })

  it("gives back no place that was not taken", () => {
    const places = new Occupancy({ each: 1, total: 1 })
    places.leave("a")
    assert.strictEqual(places.total, 0)
    assert.isTrue(places.enter("a"))
    places.leave("a")
    places.leave("a")
    assert.strictEqual(places.total, 0)
  })
})
