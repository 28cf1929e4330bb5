/** What a client makes of bytes that anybody may have sent. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { decode } from "../../../src/protocols/stun/decode.ts"
import { encode } from "../../../src/protocols/stun/encode.ts"
import { type Message, Method, transactionKey } from "../../../src/protocols/stun/Message.ts"
import { waits } from "../../../src/protocols/stun/retransmission.ts"
import * as Transaction from "../../../src/protocols/stun/transaction.ts"
import * as Uri from "../../../src/protocols/stun/uri.ts"

const at = NetAddress.inetAddressFromStringUnsafe
const SERVER = at("192.0.2.1:3478")
const id = Uint8Array.from({ length: 12 }, (_, index) => 0xa0 + index)
const question: Transaction.Question = { method: Method.Binding, server: SERVER }

const answer = (message: Partial<Message> = {}): Uint8Array =>
  Result.getOrThrow(
    encode(
      {
        method: Method.Binding,
        class: "success",
        transactionId: id,
        attributes: [
          { _tag: "XorMappedAddress", value: at("203.0.113.7:4000") },
          { _tag: "Software", value: "server" },
          { _tag: "OtherAddress", value: at("192.0.2.2:3479") }
        ],
        ...message
      },
      { fingerprint: true }
    )
  )

describe("a client's transaction", () => {
  it("has a request with FINGERPRINT, and with what is wished for", () => {
    const wishes = { change: { address: true, port: false }, responsePort: 7000, padding: 8 }
    const bytes = Result.getOrThrow(Transaction.requestBytes(Method.Binding, id, Transaction.wished(wishes)))
    const { attributes } = Result.getOrThrow(decode(bytes, { fingerprint: "required" }))
    assert.deepStrictEqual(
      attributes.map(({ _tag }) => _tag),
      ["ChangeRequest", "ResponsePort", "Padding", "Fingerprint"]
    )
    assert.deepStrictEqual(Transaction.wished({ change: { address: false, port: false } }), [])
  })

  it("knows a response by its header alone", () => {
    assert.strictEqual(Transaction.responseKey(answer()), transactionKey(id))
    assert.strictEqual(Transaction.responseKey(answer().subarray(0, 20)), transactionKey(id))
    assert.isUndefined(Transaction.responseKey(answer().subarray(0, 19)))
    assert.isUndefined(Transaction.responseKey(answer({ class: "request" })))
    assert.isUndefined(Transaction.responseKey(answer({ class: "indication" })))
    assert.isUndefined(Transaction.responseKey(answer().fill(0x40, 0, 1)))
    assert.isUndefined(Transaction.responseKey(answer().fill(0, 4, 8)))
  })

  // Where an answer may come from, by what was asked: from 192.0.2.1:3478.
  const places = ["192.0.2.1:3478", "192.0.2.1:3479", "192.0.2.2:3478", "192.0.2.2:3479", "192.0.2.9:9"] as const
  for (const [name, change, other, taken] of [
    ["nothing", undefined, undefined, ["192.0.2.1:3478"]],
    ["no change", { address: false, port: false }, "192.0.2.2:3479", ["192.0.2.1:3478"]],
    ["another port", { address: false, port: true }, undefined, ["192.0.2.1:3479"]],
    ["the other port", { address: false, port: true }, "192.0.2.2:3500", []],
    ["another address", { address: true, port: false }, undefined, ["192.0.2.2:3478"]],
    ["the other address", { address: true, port: false }, "192.0.2.9:3479", []],
    ["both", { address: true, port: true }, undefined, ["192.0.2.2:3479", "192.0.2.9:9"]],
    ["both others", { address: true, port: true }, "192.0.2.2:3479", ["192.0.2.2:3479"]]
  ] as const) {
    it(`takes an answer from where it may come: ${name}`, () => {
      const asked = { ...question, change, other: other === undefined ? undefined : at(other) }
      const verdicts = places.filter((place) => Transaction.judge(asked, answer(), at(place))._tag === "Answer")
      assert.deepStrictEqual(verdicts, [...taken])
      // From elsewhere nobody can end it either.
      const error = answer({ class: "error", attributes: [{ _tag: "ErrorCode", value: { code: 500, reason: "" } }] })
      const ended = places.filter((place) => Transaction.judge(asked, error, at(place))._tag !== "Ignored")
      assert.deepStrictEqual(ended, [...new Set([SERVER, ...taken.map(at)].map(NetAddress.formatInet))].toSorted())
    })
  }

  it("looks through IPv4-mapped addresses and zones", () => {
    assert.isTrue(Transaction.same(at("[::ffff:192.0.2.1]:3478"), SERVER))
    const address = Result.getOrThrow(NetAddress.ipv6FromString("fe80::1"))
    const scoped = Result.getOrThrow(NetAddress.inetAddressV6(address, 1, { scopeId: 3 }))
    assert.isTrue(Transaction.same(scoped, at("[fe80::1]:1")))
    assert.isFalse(Transaction.same(scoped, at("[fe80::2]:1")))
  })

  it("survives 100,000 damaged answers, and one damaged byte makes none say something else", () => {
    let state = 7
    const next = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return (state >>> 8) % below
    }
    const whole = answer()
    const counts: Record<string, number> = { Answer: 0, Rejected: 0, Useless: 0, Ignored: 0 }
    for (let round = 0; round < 100_000; round++) {
      const bytes = whole.slice(0, next(8) === 0 ? next(whole.length + 1) : whole.length)
      if (bytes.length > 0) bytes[next(bytes.length)]! ^= 1 << next(8)
      const more = next(2) === 0 && bytes.length > 0
      if (more) bytes[next(bytes.length)] = next(256)
      Transaction.responseKey(bytes)
      assert.isString(Transaction.stray(bytes, SERVER))
      const verdict = Transaction.judge(question, bytes, SERVER)
      counts[verdict._tag]! += 1
      if (verdict._tag !== "Answer") assert.isString(verdict.detail)
      else if (!more) {
        const said = Transaction.said(verdict.message, SERVER)
        assert.strictEqual(Result.isSuccess(said) && NetAddress.formatInet(said.success.mapped), "203.0.113.7:4000")
      }
    }
    assert.isAbove(counts.Ignored!, 90_000)
  })

  it("is sent as RFC 8489 section 6.2.1 says, within what time there is", () => {
    assert.deepStrictEqual(waits(), [500, 1000, 2000, 4000, 8000, 16_000, 8000])
    assert.deepStrictEqual(waits(100), [100, 200, 400, 800, 1600, 3200, 1600])
    for (let limit = 0; limit <= 40_000; limit += 250) {
      const made = waits(500, limit)
      assert.strictEqual(
        made.reduce((sum, wait) => sum + wait, 0),
        Math.min(limit, 39_500)
      )
      assert.isAtLeast(made.length, 1)
    }
  })
})

describe("a stun: URI", () => {
  it("is read or refused, whatever it is: 20,000 of them", () => {
    const pieces = [
      "stun:",
      "stuns:",
      "a",
      "example.org",
      ":",
      "3478",
      "[",
      "]",
      "::1",
      "?",
      "transport=udp",
      "%",
      "/",
      "ü",
      " "
    ]
    let state = 3
    let read = 0
    for (let round = 0; round < 20_000; round++) {
      let text = "stun:".repeat(round & 1)
      for (let count = round % 7; count > 0; count--) {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
        text += pieces[(state >>> 8) % pieces.length]
      }
      const uri = Uri.fromString(text)
      if (Result.isFailure(uri)) assert.isAbove(uri.failure.message.length, 10)
      else {
        read++
        assert.deepStrictEqual(Uri.fromString(Uri.format(uri.success)), uri)
      }
    }
    assert.isAbove(read, 100)
  })
})
