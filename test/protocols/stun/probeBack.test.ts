/** The extension's messages, byte by byte: its header promises these to whoever writes the other side. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Message from "../../../src/protocols/stun/Message.ts"
import {
  probeGreeting,
  type ProbeResult,
  probeReport,
  probeRequest,
  readGreeting,
  readReport
} from "../../../src/protocols/stun/probeBack.ts"
import { at, bytesOf, failureOf, hex, id, read } from "./kit.ts"

const nonce = hex("0102030405060708")
const header = (type: string, length: string) => `${type} ${length} 2112a442 a0a1a2a3a4a5a6a7a8a9aaab`

describe("probing back", () => {
  it("asks, and greets, with flags and a nonce", () => {
    const probe = { change: { address: true, port: true }, nonce }
    const asked = Result.getOrThrow(probeRequest(id, probe))
    assert.deepStrictEqual(asked, hex(`${header("0001", "0010")} 5042 000c 00000006 0102030405060708`))
    assert.deepStrictEqual(Message.get(read(asked), "ProbeBack"), probe)
    const greeting = Result.getOrThrow(probeGreeting(id, { ...probe, change: { address: false, port: true } }))
    assert.deepStrictEqual(greeting, hex(`${header("0011", "0010")} 5042 000c 00000002 0102030405060708`))
    assert.deepStrictEqual(Result.getOrThrow(readGreeting(greeting)).nonce, nonce)
  })

  it("reports each result", () => {
    const asked = Message.request(Message.Method.Binding, id)
    const numbers: ReadonlyArray<readonly [ProbeResult, string]> = [
      ["connected", "01"],
      ["refused", "02"],
      ["unreachable", "03"],
      ["silent", "04"]
    ]
    for (const [result, number] of numbers) {
      const report = probeReport(asked, at("192.0.2.1:32853"), result)
      const bytes = bytesOf(report)
      assert.deepStrictEqual(
        bytes,
        hex(`${header("0101", "0014")} 0020 0008 0001a147 e112a643 d042 0004 ${number}000000`)
      )
      assert.deepStrictEqual(Result.getOrThrow(readReport(read(bytes))), {
        _tag: "Reported",
        result,
        mapped: at("192.0.2.1:32853")
      })
    }
  })

  it("tells a refusal from a report, and either from something else", () => {
    const asked = Message.request(Message.Method.Binding, id)
    const refusal = Message.failure(asked, 420, [{ _tag: "UnknownAttributes", value: [0x5042] }])
    assert.deepStrictEqual(Result.getOrThrow(readReport(read(bytesOf(refusal)))), {
      _tag: "Rejected",
      code: 420,
      reason: "Unknown Attribute"
    })
    assert.match(failureOf(readReport(Message.success(asked))).message, /no report/)
    assert.match(failureOf(readReport(asked)).message, /no report/)
    assert.match(failureOf(readGreeting(bytesOf(asked))).message, /no greeting/)
    assert.match(failureOf(readGreeting(hex("00"))).message, /cut short/)
  })

  it("names what is wrong in the bytes", () => {
    const wrong = (attribute: string) => failureOf(readGreeting(hex(attribute))).message
    assert.strictEqual(
      wrong(`${header("0011", "0008")} 5042 0004 00000006`),
      "STUN PROBE-BACK, byte 22: 4 bytes: exactly 12"
    )
    assert.strictEqual(
      wrong(`${header("0101", "0008")} d042 0004 00000000`),
      "STUN PROBE-BACK-REPORT, byte 24: result 0"
    )
    assert.strictEqual(
      wrong(`${header("0101", "0004")} d042 0000`),
      "STUN PROBE-BACK-REPORT, byte 22: 0 bytes: exactly 4"
    )
    const long = failureOf(probeRequest(id, { change: { address: true, port: true }, nonce: new Uint8Array(9) }))
    assert.strictEqual(long.message, "STUN PROBE-BACK, byte 28: a nonce of 9 bytes: exactly 8")
  })
})
