/** The test vectors of docs/protocol.md: true, and as the document has them. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { readFileSync } from "node:fs"
import { decode, decodeText, encodeText } from "../../../src/protocols/address/PeerAddress.ts"
import { type AddressJson, fromJson, vectors } from "../../fixtures/protocol/address.ts"
import file from "../../fixtures/protocol/address.json" with { type: "json" }
import * as Kit from "./kit.ts"

const document = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8")

describe("the vectors", () => {
  it("are what `node test/fixtures/protocol/address.ts` writes", () => {
    assert.deepStrictEqual(JSON.parse(JSON.stringify(vectors())), file)
  })

  it.each(file.valid)("$name", (vector) => {
    const expected = { address: fromJson(vector.address as unknown as AddressJson), bytes: Kit.hex(vector.bytes) }
    assert.deepStrictEqual(Result.getOrThrow(decode(expected.bytes, Kit.options)), expected)
    assert.deepStrictEqual(Result.getOrThrow(decodeText(vector.text, Kit.options)), expected)
    assert.strictEqual(encodeText(expected), vector.text)
    if (!("unknown" in vector)) assert.deepStrictEqual(Kit.signWith(Kit.ALICE, expected.address), expected)
  })

  it.each(file.invalid)("$name", (vector) => {
    const now = "now" in vector ? vector.now : file.now
    const options = { primitives: Kit.primitives, now: now! }
    const result = "bytes" in vector ? decode(Kit.hex(vector.bytes!), options) : decodeText(vector.text!, options)
    assert.strictEqual(Kit.messageOf(result), vector.message)
    if (Result.isFailure(result)) assert.strictEqual(result.failure.kind, vector.kind)
  })

  it("stand in docs/protocol.md as they are", () => {
    for (const value of [file.seed, file.peer, ...file.valid.slice(0, 3).map(({ text }) => text)]) {
      assert.include(document, value)
    }
    const named = (name: string) => file.valid.find((vector) => vector.name === name)!.bytes
    // Hex on the left, what it is on the right.
    const dumps = Array.from(document.matchAll(/^```text\n((?:[0-9a-f]{2} [^\n]*\n)+)```$/gm), ([, lines]) =>
      lines!.replace(/^((?:[0-9a-f]{2} ?)+) .*$/gm, "$1").replace(/\s/g, "")
    )
    assert.deepStrictEqual(dumps, [named("nothing but a peer"), named("a laptop behind a home router")])
  })
})
