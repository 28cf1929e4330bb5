import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { fromAttempt, toAttempt } from "../../../src/protocols/connect/attemptId.ts"
import * as Frames from "../../../src/protocols/connect/frames.ts"
import * as Messages from "../../../src/protocols/connect/messages.ts"

const attempt = Uint8Array.from({ length: Frames.ATTEMPT_BYTES }, (_, at) => at * 16 + 1)

const frames: ReadonlyArray<Parameters<typeof Frames.encode>[0]> = [
  { _tag: "Open", kind: "direct", attempt },
  { _tag: "Open", kind: "reverse", attempt },
  { _tag: "Take", attempt },
  { _tag: "Accept" },
  { _tag: "Go" },
  { _tag: "Wait" },
  { _tag: "Refuse", why: undefined },
  ...Frames.REFUSALS.map((why) => ({ _tag: "Refuse", why }) as const)
]

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

describe("frames", () => {
  it("are these bytes", () => {
    assert.deepStrictEqual(
      frames.map((frame) => hex(Frames.encode(frame))),
      [
        "010101" + hex(attempt),
        "010102" + hex(attempt),
        "0601" + hex(attempt),
        "02",
        "04",
        "05",
        "0300",
        "0301",
        "0302",
        "0303",
        "0304"
      ]
    )
  })

  it("are read as they were written, and have the size their first byte says", () => {
    for (const frame of frames) {
      const bytes = Frames.encode(frame)
      assert.deepStrictEqual(Frames.decode(bytes), frame)
      assert.strictEqual(Frames.restOf(bytes[0]!), bytes.length - 1)
    }
  })

  it("of another version or kind are known for what they are", () => {
    const bytes = Frames.encode(frames[0]!)
    for (const [at, value] of [
      [1, 2],
      [1, 0],
      [2, 0],
      [2, 3],
      [2, 255]
    ] as const) {
      const other = Uint8Array.from(bytes)
      other[at] = value
      assert.deepStrictEqual(Frames.decode(other), { _tag: "OpenUnknown" })
    }
    const taken = Frames.encode({ _tag: "Take", attempt })
    taken[1] = 2
    assert.deepStrictEqual(Frames.decode(taken), { _tag: "OpenUnknown" })
    assert.deepStrictEqual(Frames.decode(Uint8Array.of(3, 77)), { _tag: "Refuse", why: undefined })
  })

  it("are none of any other bytes: 200,000 of them", () => {
    let random = 12_345
    const next = () => (random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0) >>> 16
    let whole = 0
    for (let count = 0; count < 200_000; count++) {
      const bytes = Uint8Array.from({ length: next() % 24 }, () => (next() % 3 === 0 ? next() % 7 : next()) & 0xff)
      const frame = Frames.decode(bytes)
      if (frame === undefined) continue
      whole++
      assert.strictEqual(Frames.restOf(bytes[0]!), bytes.length - 1)
      if (frame._tag !== "OpenUnknown" && !(frame._tag === "Refuse" && frame.why === undefined)) {
        assert.deepStrictEqual(Frames.encode(frame), bytes)
      }
    }
    assert.isAbove(whole, 1000)
  })
})

describe("ids of attempts", () => {
  it("are the same as text and as bytes", () => {
    assert.strictEqual(fromAttempt(attempt), hex(attempt))
    assert.deepStrictEqual(toAttempt(fromAttempt(attempt)), attempt)
  })
})

describe("requests to dial back", () => {
  const request = { attempt, timeLeft: 14_999, address: Uint8Array.of(1, 2, 3) }

  it("are read as they were written", () => {
    const bytes = Messages.encodeRequest(request)
    assert.deepStrictEqual(Messages.decodeRequest(bytes), request)
    // A view into something larger, as bytes from a network are.
    const within = new Uint8Array([9, 9, ...bytes, 9]).subarray(2, 2 + bytes.length)
    assert.deepStrictEqual(Messages.decodeRequest(within), request)
    assert.strictEqual(
      Messages.decodeRequest(Messages.encodeRequest({ ...request, timeLeft: 1e12 }))?.timeLeft,
      0xffff_ffff
    )
    assert.strictEqual(Messages.decodeRequest(Messages.encodeRequest({ ...request, timeLeft: -5 }))?.timeLeft, 0)
  })

  it("are none when cut, of another version, or too long", () => {
    const bytes = Messages.encodeRequest(request)
    for (let length = 0; length <= 21; length++) assert.isUndefined(Messages.decodeRequest(bytes.slice(0, length)))
    assert.isUndefined(Messages.decodeRequest(Uint8Array.of(2, ...bytes.slice(1))))
    assert.isUndefined(Messages.decodeRequest(Messages.encodeRequest({ ...request, address: new Uint8Array(2049) })))
  })

  it("are answered by a number", () => {
    for (const count of [0, 1, 8, 255]) assert.strictEqual(Messages.decodeAnswer(Messages.encodeAnswer(count)), count)
    assert.strictEqual(Messages.decodeAnswer(Messages.encodeAnswer(1000)), 255)
    for (const bad of [[], [1], [2, 1], [1, 1, 1]]) assert.isUndefined(Messages.decodeAnswer(Uint8Array.from(bad)))
  })

  it("that came to nothing are named", () => {
    const bytes = Messages.encodeFailed(attempt)
    assert.deepStrictEqual(Messages.decodeFailed(bytes), attempt)
    for (let length = 0; length < bytes.length; length++) {
      assert.isUndefined(Messages.decodeFailed(bytes.slice(0, length)))
    }
    assert.isUndefined(Messages.decodeFailed(Uint8Array.of(2, ...attempt)))
  })

  it.prop("never throw", [Schema.Uint8Array], ([bytes]) => {
    Messages.decodeRequest(bytes)
    Messages.decodeAnswer(bytes)
    Messages.decodeFailed(bytes)
    Frames.decode(bytes)
  })
})
