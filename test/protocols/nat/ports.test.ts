import { assert, describe, it } from "@effect/vitest"
import { choosePort, type Last } from "../../../src/protocols/nat/ports.ts"
import type { Allocation, PortRange } from "../../../src/schemas/NatDevice.ts"

/** The ports given to these inside ports one after the other, `luck` being drawn in turn. */
const given = (
  allocation: Allocation,
  insidePorts: ReadonlyArray<number>,
  options: {
    readonly range?: PortRange
    readonly parity?: boolean
    readonly luck?: ReadonlyArray<number>
    readonly taken?: ReadonlyArray<number>
    readonly again?: number
  } = {}
): ReadonlyArray<number | undefined> => {
  const taken = new Set(options.taken)
  const last: Last = { insidePort: -1, outsidePort: -1 }
  const luck = [...(options.luck ?? [])]
  const random = (): number => {
    const next = luck.shift()
    if (next === undefined) throw new Error("more luck drawn than the rule needs")
    return next
  }
  const rules = { allocation, range: options.range ?? { first: 1024, last: 65_535 }, parity: options.parity ?? false }
  return insidePorts.map((insidePort) => {
    const port = choosePort(rules, last, insidePort, options.again ?? -1, random, (p) => taken.has(p))
    if (port !== undefined) {
      taken.add(port)
      last.insidePort = insidePort
      last.outsidePort = port
    }
    return port
  })
}

const small = { first: 40_000, last: 40_009 }

describe("equal", () => {
  it("keeps the port, without luck", () => assert.deepStrictEqual(given({ _tag: "Equal" }, [5000, 6000]), [5000, 6000]))
  it("counts up from a random port where it is taken, as Linux does", () =>
    assert.deepStrictEqual(given({ _tag: "Equal" }, [5000], { taken: [5000, 33_280], luck: [0.5] }), [33_281]))
  it("first stays with the port its endpoint has already", () =>
    assert.deepStrictEqual(given({ _tag: "Equal" }, [5000], { again: 7000 }), [7000]))
  it("picks inside a range the port is not in", () =>
    assert.deepStrictEqual(given({ _tag: "Equal" }, [5000], { range: small, luck: [0.35] }), [40_003]))
  it("stays on its side of 1024 (RFC 4787 REQ-3a)", () => {
    const options = { range: { first: 1, last: 65_535 }, taken: [500, 5000] }
    assert.deepStrictEqual(given({ _tag: "Equal" }, [500, 5000], { ...options, luck: [0.9999, 0] }), [1023, 1024])
  })
})

describe("preserving", () => {
  it("moves by its offset, and wraps in the range", () =>
    assert.deepStrictEqual(given({ _tag: "Preserving", offset: 1000 }, [5000, 65_000]), [6000, 1488]))
  it("moves down too", () =>
    assert.deepStrictEqual(given({ _tag: "Preserving", offset: -1000 }, [5000, 1500]), [4000, 65_012]))
  it("does what equal does where that port is taken", () =>
    assert.deepStrictEqual(given({ _tag: "Preserving", offset: 10 }, [5000], { taken: [5010], luck: [0] }), [1024]))
})

describe("independent", () => {
  const from = (step: number, options = {}) =>
    given({ _tag: "Independent", step }, [5000, 9000, 77, 5000], { range: small, luck: [0.85], ...options })
  it("goes on by its step whatever the inside port, around the end of the range", () =>
    assert.deepStrictEqual(from(1), [40_008, 40_009, 40_000, 40_001]))
  it("goes down too", () => assert.deepStrictEqual(from(-3, { luck: [0.25] }), [40_002, 40_009, 40_006, 40_003]))
  it("takes the next one up where a port is taken", () =>
    assert.deepStrictEqual(from(1, { taken: [40_009, 40_000] }), [40_008, 40_001, 40_002, 40_003]))
  it("is over when the range is", () =>
    assert.deepStrictEqual(
      given({ _tag: "Independent", step: 1 }, [1, 2, 3, 4], { range: { first: 7, last: 9 }, luck: [0] }),
      [7, 8, 9, undefined]
    ))
})

describe("dependent", () => {
  it("follows inside ports that count up by one, and is random otherwise", () =>
    assert.deepStrictEqual(
      given({ _tag: "Dependent", step: 2 }, [5000, 5001, 5002, 5010, 5011, 5010], {
        range: small,
        luck: [0.1, 0.71, 0.01]
      }),
      [40_001, 40_003, 40_005, 40_007, 40_009, 40_000]
    ))
  it("follows downwards", () =>
    assert.deepStrictEqual(
      given({ _tag: "Dependent", step: -4 }, [5000, 5001, 5002], { range: small, luck: [0] }),
      [40_000, 40_006, 40_002]
    ))
})

describe("random", () => {
  it("is where luck says, or next to it", () =>
    assert.deepStrictEqual(
      given({ _tag: "Random" }, [1, 2, 3], { range: small, luck: [0.5, 0.5, 0.999] }),
      [40_005, 40_006, 40_009]
    ))
  it("finds the last free port of a small range", () => {
    const taken = Array.from({ length: 9 }, (_, at) => 40_000 + at)
    assert.deepStrictEqual(given({ _tag: "Random" }, [1, 2], { range: small, taken, luck: [0, 0] }), [
      40_009,
      undefined
    ])
  })
  it.each([false, true])(
    "gives up in a large range after 248 ports, wherever they are (Linux's bound); parity %s",
    (parity) => {
      let looked = 0
      const last = { insidePort: -1, outsidePort: -1 }
      const rules = { allocation: { _tag: "Random" }, range: { first: 1024, last: 65_535 }, parity } as const
      const port = choosePort(
        rules,
        last,
        1,
        -1,
        () => 0.5,
        () => {
          looked += 1
          return true
        }
      )
      assert.deepStrictEqual([port, looked], [undefined, 128 + 64 + 32 + 16 + 8])
    }
  )
})

describe("parity", () => {
  it("keeps even ports even and odd ones odd (RFC 4787 REQ-4)", () => {
    const options = { range: small, parity: true }
    assert.deepStrictEqual(
      given({ _tag: "Random" }, [4, 5, 6], { ...options, luck: [0.1, 0.2, 0.95] }),
      [40_002, 40_003, 40_000]
    )
    assert.deepStrictEqual(
      given({ _tag: "Independent", step: 1 }, [4, 6, 7], { ...options, luck: [0] }),
      [40_000, 40_002, 40_003]
    )
  })
  it("makes half the ports useless to an odd one", () =>
    assert.deepStrictEqual(
      given({ _tag: "Equal" }, [41, 43], { range: { first: 40, last: 42 }, parity: true, luck: [0] }),
      [41, undefined]
    ))
})
