import { assert, describe, it, vi } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import type { Decoder, Framing, FramingError } from "../../../src/protocols/framing/Framing.ts"
import * as LengthPrefixed from "../../../src/protocols/framing/lengthPrefixed.ts"
import * as Lines from "../../../src/protocols/framing/lines.ts"
import * as Any from "../../support/arbitraries.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (data: Uint8Array): string => new TextDecoder("latin1").decode(data)

const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

const encodeAll = (framing: Framing, messages: ReadonlyArray<Uint8Array>): Uint8Array =>
  concat(messages.flatMap((message) => Result.getOrThrow(framing.encode(message))))

/** Cuts a stream at the given places, which may be any numbers. */
const cut = (stream: Uint8Array, places: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const at = [0, ...places.map((place) => place % (stream.length + 1)), stream.length].toSorted((a, b) => a - b)
  return at.slice(1).map((end, index) => stream.slice(at[index]!, end))
}

interface Decoded {
  readonly messages: ReadonlyArray<string>
  readonly problem: FramingError | undefined
}

/** All that a decoder makes of the chunks, and of the end where there is no problem before. */
const decode = (decoder: Decoder, chunks: ReadonlyArray<Uint8Array>): Decoded => {
  const messages: Array<string> = []
  const emit = (message: Uint8Array) => void messages.push(text(message))
  for (const chunk of chunks) {
    const problem = decoder.push(chunk, emit)
    if (problem !== undefined) return { messages, problem }
  }
  return { messages, problem: decoder.end(emit) }
}

const anyBytes = Any.bytes(40)
/** Bytes as lines allow them: no LF, no CR at the end. */
const lineBytes = Arbitrary.map(anyBytes, (data) => {
  const line = data.map((byte) => (byte === 10 ? 0 : byte))
  if (line.at(-1) === 13) line[line.length - 1] = 0
  return line
})
const places = Arbitrary.array(Any.int(0, 10_000), { maxLength: 30 })

const framings = [
  { name: "lengthPrefixed", framing: LengthPrefixed.make(100), message: anyBytes },
  { name: "lines", framing: Lines.make(100), message: lineBytes }
] as const

for (const { framing, message, name } of framings) {
  describe(`${name} framing`, () => {
    it.prop(
      "what was sent is what is heard, however the stream is cut",
      [Arbitrary.array(message, { maxLength: 20 }), places],
      ([messages, places]) => {
        const chunks = cut(encodeAll(framing, messages), places)
        assert.deepStrictEqual(decode(framing.decoder(), chunks), {
          messages: messages.map(text),
          problem: undefined
        })
      }
    )

    it.prop(
      "random bytes never throw, and no message is above the limit",
      [anyBytes, anyBytes, places],
      ([a, b, places]) => {
        const small = name === "lines" ? Lines.make(7) : LengthPrefixed.make(7)
        const { messages, problem } = decode(small.decoder(), cut(concat([a, b, a]), places))
        for (const message of messages) assert.isAtMost(message.length, 7)
        if (problem !== undefined) assert.include(["TooLarge", "Truncated"], problem.kind)
      }
    )

    it("takes a message of the limit and refuses one byte more, on the way out", () => {
      assert.isTrue(Result.isSuccess(framing.encode(new Uint8Array(100).fill(65))))
      const refused = framing.encode(new Uint8Array(101).fill(65))
      assert(Result.isFailure(refused))
      assert.strictEqual(refused.failure.kind, "TooLarge")
      assert.include(refused.failure.message, "100 bytes")
    })

    it("copies nothing on the way out", () => {
      const message = bytes("message")
      assert.isTrue(Result.getOrThrow(framing.encode(message)).includes(message))
    })

    it("costs time in proportion to the stream, also where every byte comes alone", () => {
      // Counted, not timed: bytes copied by joining chunks. Twice the stream may cost twice, not four times.
      const copied = (length: number): number => {
        const stream = encodeAll(name === "lines" ? Lines.make(length) : LengthPrefixed.make(length), [
          new Uint8Array(length).fill(65)
        ])
        const set = vi.spyOn(Uint8Array.prototype, "set")
        try {
          const framing = name === "lines" ? Lines.make(length) : LengthPrefixed.make(length)
          const { messages } = decode(
            framing.decoder(),
            [...stream].map((byte) => Uint8Array.of(byte))
          )
          assert.strictEqual(messages[0]?.length, length)
          return set.mock.calls.reduce((sum, [source]) => sum + source.length, 0)
        } finally {
          set.mockRestore()
        }
      }
      assert.isAtMost(copied(20_000), 2.1 * copied(10_000))
    })
  })
}

describe("lengthPrefixed on the wire", () => {
  it("is a 32-bit big-endian length and the bytes", () => {
    assert.deepStrictEqual(
      encodeAll(LengthPrefixed.make(), [bytes("ab"), new Uint8Array(0), new Uint8Array(300).fill(7)]).slice(0, 14),
      Uint8Array.of(0, 0, 0, 2, 97, 98, 0, 0, 0, 0, 0, 0, 1, 44)
    )
  })

  it("refuses an announced length above the limit before any of it came", () => {
    const decoder = LengthPrefixed.make(100).decoder()
    const heard: Array<string> = []
    const problem = decoder.push(Uint8Array.of(0, 0, 0, 1, 65, 0, 0, 0, 101), (message) => heard.push(text(message)))
    assert.deepStrictEqual([problem?.kind, heard], ["TooLarge", ["A"]])
    const most = LengthPrefixed.make(100)
      .decoder()
      .push(Uint8Array.of(255, 255, 255, 255), () => {})
    assert.strictEqual(most?.kind, "TooLarge")
  })

  it("holds no more than the unfinished message", () => {
    // The rest of a chunk must not keep what was handed out already: nothing is left to end in the middle of.
    const decoder = LengthPrefixed.make().decoder()
    assert.isUndefined(decoder.push(Uint8Array.of(0, 0, 0, 1, 65), () => {}))
    assert.isUndefined(decoder.end(() => {}))
  })

  it("calls an end within a header or a message cut short", () => {
    for (const stream of [[0], [0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 3, 65, 65]]) {
      const { messages, problem } = decode(LengthPrefixed.make().decoder(), [Uint8Array.from(stream)])
      assert.deepStrictEqual([messages, problem?.kind], [[], "Truncated"])
    }
  })
})

describe("lines on the wire", () => {
  it("end with LF; a CR before it is taken off, one elsewhere is not", () => {
    assert.strictEqual(text(encodeAll(Lines.make(), [bytes("one"), bytes(""), bytes("two")])), "one\n\ntwo\n")
    const { messages } = decode(Lines.make().decoder(), [bytes("one\r\n\r\ntw\ro\n\r\r\n")])
    assert.deepStrictEqual(messages, ["one", "", "tw\ro", "\r"])
  })

  it("what stands behind the last LF is a message", () => {
    assert.deepStrictEqual(decode(Lines.make().decoder(), [bytes("one\ntwo")]).messages, ["one", "two"])
    assert.deepStrictEqual(decode(Lines.make().decoder(), [bytes("one\n")]).messages, ["one"])
    assert.deepStrictEqual(decode(Lines.make().decoder(), []).messages, [])
  })

  it("a line of the limit may have a CR behind it, whatever the chunks", () => {
    const limit = 5
    for (const stream of ["12345\r\n", "12345\n"]) {
      for (let place = 0; place <= stream.length; place++) {
        const chunks = cut(bytes(stream), [place])
        assert.deepStrictEqual(decode(Lines.make(limit).decoder(), chunks), { messages: ["12345"], problem: undefined })
      }
    }
    for (const stream of ["123456\n", "123456\r\n", "123456", "1234567"]) {
      for (let place = 0; place <= stream.length; place++) {
        const { messages, problem } = decode(Lines.make(limit).decoder(), cut(bytes(stream), [place]))
        assert.deepStrictEqual([messages, problem?.kind], [[], "TooLarge"], `${JSON.stringify(stream)} at ${place}`)
      }
    }
  })

  it("refuses to send what would arrive as something else", () => {
    for (const message of ["a\nb", "\n", "a\r"]) {
      const encoded = Lines.make().encode(bytes(message))
      assert(Result.isFailure(encoded), JSON.stringify(message))
      assert.strictEqual(encoded.failure.kind, "InvalidInput")
    }
  })
})
