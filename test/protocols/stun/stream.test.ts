/** STUN and ChannelData in a byte stream: however it is cut, the same frames; and streams that are something else. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as ChannelData from "../../../src/protocols/stun/ChannelData.ts"
import { Deframer, type Frame, type Options } from "../../../src/protocols/stun/Deframer.ts"
import { isStun } from "../../../src/protocols/stun/header.ts"
import * as Message from "../../../src/protocols/stun/Message.ts"
import type { StunError } from "../../../src/protocols/stun/StunError.ts"
import { type Luck, luck } from "../../lab/support/random.ts"
import { randomBytes, randomMessage } from "./generate.ts"
import { bytesOf, failureOf, hex, id, utf8 } from "./kit.ts"

const both: Options = { channelData: true }
const channel = (data: Uint8Array, number = 0x4000) => Result.getOrThrow(ChannelData.encode(number, data, "stream"))
const request = bytesOf(Message.request(1, id, [{ _tag: "Software", value: "a test" }]))

const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** Frames may be views of chunks that are used again: what is compared is a copy. */
const copied = (frame: Frame): Frame =>
  frame._tag === "Message" ? { ...frame, bytes: frame.bytes.slice() } : { ...frame, data: frame.data.slice() }

const drain = (
  deframer: Deframer
): { readonly frames: ReadonlyArray<Frame>; readonly error: StunError | undefined } => {
  const frames: Array<Frame> = []
  for (;;) {
    const next = deframer.next()
    if (next === undefined) return { frames, error: undefined }
    if (next._tag === "StunError") return { frames, error: next }
    frames.push(copied(next))
  }
}

/** All frames of a stream cut at random, with each chunk overwritten once it has been gone over. */
const deframe = (stream: Uint8Array, random: Luck, options: Options, longest: number) => {
  const deframer = new Deframer(options)
  const found: Array<Frame> = []
  for (let from = 0; from < stream.length;) {
    const chunk = stream.slice(from, from + 1 + random.below(longest))
    deframer.push(chunk)
    const { error, frames } = drain(deframer)
    found.push(...frames)
    if (error !== undefined) return { found, error, deframer }
    chunk.fill(0xee)
    from += chunk.length
  }
  return { found, error: deframer.end(), deframer }
}

const randomFrame = (random: Luck): readonly [Frame, Uint8Array] => {
  if (random.chance(0.5)) {
    const bytes = bytesOf({ ...randomMessage(random), transactionId: randomBytes(random, 12) })
    return [{ _tag: "Message", bytes }, bytes]
  }
  const data = randomBytes(random, random.chance(0.1) ? 3000 + random.below(5) : random.below(20))
  const number = 0x4000 + random.below(0x1000)
  return [{ _tag: "ChannelData", channel: number, data }, channel(data, number)]
}

describe("a stream", () => {
  it("gives the same frames however it is cut", () => {
    const random = luck(1)
    for (let round = 0; round < 400; round++) {
      const frames = Array.from({ length: 1 + random.below(8) }, () => randomFrame(random))
      const stream = join(frames.map(([, bytes]) => bytes))
      const longest = random.pick([1, 3, 7, 50, 1500, 100_000])
      const { error, found } = deframe(stream, random, both, longest)
      assert.isUndefined(error)
      assert.deepStrictEqual(
        found,
        frames.map(([frame]) => frame)
      )
    }
  })

  it("that ends within a frame says where", () => {
    const random = luck(2)
    const stream = join([request, request])
    for (let length = 0; length < stream.length; length++) {
      const { error, found } = deframe(stream.subarray(0, length), random, {}, 9)
      if (length % request.length === 0) assert.isUndefined(error)
      else assert.strictEqual(error!.message, `STUN stream, byte ${length}: the stream ended within a frame`)
      assert.strictEqual(found.length, Math.floor(length / request.length))
    }
  })

  it("is given in views where a chunk has a whole frame, and copied where not", () => {
    const deframer = new Deframer(both)
    const chunk = join([request, channel(utf8("hey")), request.subarray(0, 10)])
    deframer.push(chunk)
    const first = deframer.next() as Frame
    assert.strictEqual(first._tag === "Message" && first.bytes.buffer, chunk.buffer)
    assert.deepStrictEqual(deframer.next(), { _tag: "ChannelData", channel: 0x4000, data: utf8("hey") })
    assert.isUndefined(deframer.next())
    chunk.fill(0)
    deframer.push(request.subarray(10))
    const second = deframer.next()
    assert.deepStrictEqual(second, { _tag: "Message", bytes: request })
    // What was handed out stays as it is when the next frame comes in pieces too.
    const other = bytesOf(Message.request(2, id, [{ _tag: "Software", value: "differs" }]))
    deframer.push(other.subarray(0, 12))
    assert.isUndefined(deframer.next())
    deframer.push(other.subarray(12))
    assert.deepStrictEqual(deframer.next(), { _tag: "Message", bytes: other })
    assert.deepStrictEqual(second, { _tag: "Message", bytes: request })
  })

  it("takes chunks faster than they are gone over", () => {
    const deframer = new Deframer(both)
    for (const byte of join([request, channel(utf8("x")), request])) deframer.push(Uint8Array.of(byte))
    assert.deepStrictEqual(
      drain(deframer).frames.map((frame) => frame._tag),
      ["Message", "ChannelData", "Message"]
    )
    assert.isUndefined(deframer.end())
  })

  it("is handed over where it stops being STUN (RFC 6062)", () => {
    for (const cut of [1, 9, request.length, request.length + 3]) {
      const deframer = new Deframer()
      const stream = join([request, utf8("GET / HTTP/1.1")])
      deframer.push(stream.subarray(0, cut))
      let next = deframer.next()
      if (next === undefined) {
        deframer.push(stream.subarray(cut))
        next = deframer.next()
        assert.strictEqual(next?._tag, "Message")
        assert.deepStrictEqual(deframer.rest(), utf8("GET / HTTP/1.1"))
      } else {
        assert.deepStrictEqual(deframer.rest(), stream.subarray(request.length, cut))
      }
      assert.deepStrictEqual(deframer.rest(), new Uint8Array(0))
      assert.isUndefined(deframer.end())
    }
    // What was already taken for the start of a frame comes back too.
    const deframer = new Deframer()
    deframer.push(request.subarray(0, 6))
    assert.isUndefined(deframer.next())
    deframer.push(request.subarray(6, 15))
    assert.isUndefined(deframer.next())
    assert.deepStrictEqual(deframer.rest(), request.subarray(0, 15))
  })
})

describe("a stream of something else", () => {
  const refusal = (bytes: Uint8Array, options: Options = {}) => {
    const deframer = new Deframer(options)
    deframer.push(bytes)
    const { error, frames } = drain(deframer)
    return error === undefined ? `${frames.length} frames` : error.message
  }
  const tls = hex("16030100c8010000c40303")
  const cases: ReadonlyArray<readonly [string, string]> = [
    ["STUN stream, byte 0: no STUN message", refusal(utf8("GET / HTTP/1.1"))],
    ["STUN stream, byte 0: no STUN message", refusal(channel(utf8("hey")))],
    ["STUN stream, byte 0: no STUN message, no ChannelData", refusal(hex("80c80006"), both)],
    ["STUN stream, byte 4: no magic cookie", refusal(tls)],
    ["STUN stream, byte 2: length 6 is no multiple of 4", refusal(hex("00010006"))],
    [`STUN stream, byte ${request.length}: no STUN message`, refusal(join([request, utf8("SSH-")]))],
    [`STUN stream, byte ${request.length + 4}: no magic cookie`, refusal(join([request, tls]))],
    ["STUN stream, byte 2: a frame of 32 bytes: at most 31", refusal(request, { limit: 31 })],
    ["STUN stream, byte 2: a frame of 1004 bytes: at most 1000", refusal(hex("400003e8"), { ...both, limit: 1000 })],
    ["1 frames", refusal(request, { limit: 32 })]
  ]
  it.each(cases)("%s", (message, found) => assert.strictEqual(found, message))

  it("fails as soon as it shows, whatever the chunks, and stays failed", () => {
    const random = luck(3)
    const stream = join([request, request, tls, request])
    for (const longest of [1, 2, 5, 1000]) {
      const { deframer, error, found } = deframe(stream, random, {}, longest)
      assert.strictEqual(found.length, 2)
      assert.strictEqual(error?.message, `STUN stream, byte ${2 * request.length + 4}: no magic cookie`)
      deframer.push(request)
      assert.strictEqual(deframer.next(), error)
      assert.strictEqual(deframer.end(), error)
    }
  })

  it("never throws and gives no frame longer than it may, from garbage", () => {
    const random = luck(4)
    let frames = 0
    let failures = 0
    for (let round = 0; round < 20_000; round++) {
      const stream = join([request, channel(randomBytes(random, 9)), request, randomBytes(random, random.below(40))])
      for (let change = random.below(3); change > 0; change--)
        stream[random.below(stream.length)]! ^= 1 << random.below(8)
      const { error, found } = deframe(stream, random, { ...both, limit: 100 }, 30)
      for (const frame of found) {
        assert.isAtMost(frame._tag === "Message" ? frame.bytes.length : frame.data.length, 100)
      }
      frames += found.length
      if (error !== undefined) failures += 1
    }
    assert.isAbove(frames, 20_000)
    assert.isAbove(failures, 5000)
  })

  it("takes memory for what came, not for what was announced", () => {
    const deframer = new Deframer()
    deframer.push(hex("0001fffc 2112a442"))
    assert.isUndefined(deframer.next())
    const held = () => (deframer as unknown as { readonly held: Uint8Array }).held.length
    assert.isAtMost(held(), 64)
    for (let i = 0; i < 100; i++) {
      deframer.push(new Uint8Array(10))
      assert.isUndefined(deframer.next())
    }
    assert.isAtMost(held(), 2048)
  })
})

describe("ChannelData", () => {
  const datagram = (data: Uint8Array) => Result.getOrThrow(ChannelData.encode(0x4abc, data, "datagram"))

  it("is written and read, padded only in a stream", () => {
    const random = luck(5)
    for (let length = 0; length < 70; length++) {
      const data = randomBytes(random, length)
      const expected = { _tag: "ChannelData", channel: 0x4abc, data } as const
      assert.strictEqual(datagram(data).length, 4 + length)
      assert.isTrue(ChannelData.isChannelData(datagram(data)))
      assert.deepStrictEqual(Result.getOrThrow(ChannelData.decode(datagram(data))), expected)
      const padded = Result.getOrThrow(ChannelData.encode(0x4abc, data, "stream"))
      assert.strictEqual(padded.length, 4 + Math.ceil(length / 4) * 4)
      assert.deepStrictEqual(Result.getOrThrow(ChannelData.decode(padded)), expected)
    }
    assert.deepStrictEqual(datagram(hex("0102")), hex("4abc 0002 0102"))
    assert.strictEqual(datagram(new Uint8Array(0xffff)).length, 4 + 0xffff)
  })

  it("says where it is wrong", () => {
    const refusal = (bytes: string) => failureOf(ChannelData.decode(hex(bytes))).message
    assert.strictEqual(refusal("4000 00"), "STUN ChannelData, byte 3: cut short: 3 bytes, the header has 4")
    assert.strictEqual(refusal("0001 0000"), "STUN ChannelData, byte 0: the first two bits are not 01")
    assert.strictEqual(refusal("4000 0005 01020304"), "STUN ChannelData, byte 2: says 5 bytes, 4 are here")
    assert.strictEqual(refusal("4000 0001 0102030405"), "STUN ChannelData, byte 2: says 1 bytes, 5 are here")
    const write = (number: number, length = 0) =>
      failureOf(ChannelData.encode(number, new Uint8Array(length), "datagram")).message
    assert.strictEqual(write(0x5000), "STUN ChannelData, byte 0: channel 0x5000: from 0x4000 to 0x4fff")
    assert.strictEqual(write(0x3fff), "STUN ChannelData, byte 0: channel 0x3fff: from 0x4000 to 0x4fff")
    assert.strictEqual(write(0x4000, 65536), "STUN ChannelData, byte 2: 65536 bytes: at most 65535")
  })

  it("never throws, whatever the bytes", () => {
    const random = luck(6)
    for (let i = 0; i < 50_000; i++) {
      const result = ChannelData.decode(randomBytes(random, random.below(12)))
      if (Result.isSuccess(result)) assert.isAtMost(result.success.data.length, 8)
    }
  })

  it("and STUN are told apart", () => {
    assert.isFalse(ChannelData.isChannelData(request))
    assert.isFalse(ChannelData.isChannelData(hex("4000 00")))
    assert.isFalse(isStun(datagram(new Uint8Array(40))))
  })
})
