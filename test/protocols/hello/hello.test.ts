/**
 * The hello of a plain link: byte for byte, and whatever else may come.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { readFileSync } from "node:fs"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import * as Signature from "../../../src/protocols/crypto/signature.ts"
import * as Hello from "../../../src/protocols/hello/hello.ts"
import * as Transcript from "../../../src/protocols/hello/transcript.ts"
import { luck } from "../../lab/support/random.ts"

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

/** The first two keys of RFC 8032 section 7.1, and nonces that are easy to see. */
const seeds = {
  client: Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex"),
  server: Buffer.from("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "hex")
}
const helloOf = (role: "client" | "server", nonce: number, welcome: boolean) =>
  Hello.encode({ publicKey: primitives.ed25519PublicKey(seeds[role]), nonce: new Uint8Array(32).fill(nonce), welcome })

const client = helloOf("client", 0xc1, false)
const server = helloOf("server", 0x5e, true)

describe("a hello", () => {
  it("and its signatures are those in the documentation", () => {
    const text = readFileSync(new URL("../../../docs/protocol-links.md", import.meta.url), "utf8")
    const shown = /```text\n(897032[^`]*)```/.exec(text)?.[1] ?? ""
    const transcript = Transcript.make(client, server)
    const signed = (role: "client" | "server") =>
      hex(Signature.sign(primitives, seeds[role], Transcript.contexts[role], transcript))
    const whole = [hex(client), hex(server), signed("server"), signed("client")].join("")
    assert.strictEqual(whole, shown.replace(/#.*$/gm, "").replace(/\s/g, ""))
  })

  it("is read as it was written", () => {
    const random = luck(71)
    for (let round = 0; round < 1000; round++) {
      const of = () => Uint8Array.from({ length: 32 }, () => random.below(256))
      const hello = { publicKey: of(), nonce: of(), welcome: random.chance(0.5) }
      const bytes = Hello.encode(hello)
      assert.strictEqual(bytes.length, Hello.SIZE)
      const { nonce, publicKey, welcome } = Result.getOrThrow(Hello.decode(bytes))
      assert.deepStrictEqual({ nonce: Uint8Array.from(nonce), publicKey: Uint8Array.from(publicKey), welcome }, hello)
    }
  })

  it("of another kind is known by its first byte where it is TLS, and by its start where it is anything else", () => {
    assert.isUndefined(Hello.problemOf(new Uint8Array(0)))
    for (let first = 0; first < 256; first++) {
      const problem = Hello.problemOf(Uint8Array.of(first))
      const expected = first === 0x89 ? undefined : first >= 0x14 && first <= 0x17 ? "Tls" : "Foreign"
      assert.strictEqual(problem?._tag, expected)
    }
    for (let size = 0; size <= Hello.SIZE; size++) assert.isUndefined(Hello.problemOf(client.subarray(0, size)))
    for (let at = 0; at < 7; at++) {
      const other = Uint8Array.from(client)
      other[at]! ^= 0x80
      assert.isDefined(Hello.problemOf(other.subarray(0, at + 1)))
    }
    const newer = Uint8Array.from(client)
    newer[7] = 2
    assert.deepStrictEqual(Hello.problemOf(newer), { _tag: "OtherVersion", version: 2 })
  })

  it("of every other size is cut short", () => {
    const longer = Buffer.concat([client, Buffer.of(0)])
    for (const bytes of [...Array.from({ length: Hello.SIZE }, (_, size) => client.subarray(0, size)), longer]) {
      assert.deepStrictEqual(Hello.decode(bytes), Result.fail({ _tag: "CutShort", size: bytes.length }))
    }
  })

  it("takes 100,000 damaged ones as they come", () => {
    const random = luck(72)
    const counts = new Map<string, number>()
    for (let round = 0; round < 100_000; round++) {
      const bytes = Uint8Array.from(client)
      for (let changes = 1 + random.below(3); changes > 0; changes--) {
        bytes[random.chance(0.5) ? random.below(9) : random.below(bytes.length)] = random.below(256)
      }
      const result = Hello.decode(random.chance(0.3) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes)
      const outcome = Result.isSuccess(result) ? "Read" : result.failure._tag
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
    }
    assert.sameMembers([...counts.keys()], ["Read", "Foreign", "Tls", "OtherVersion", "CutShort"])
  })
})

describe("a signature of a plain link", () => {
  it("is good for its link and its role alone", () => {
    const signature = Signature.sign(
      primitives,
      seeds.server,
      Transcript.contexts.server,
      Transcript.make(client, server)
    )
    const publicKey = primitives.ed25519PublicKey(seeds.server)
    const good = (context: string, transcript: Uint8Array) =>
      Signature.verify(primitives, publicKey, context, transcript, signature)
    assert.isTrue(good(Transcript.contexts.server, Transcript.make(client, server)))
    assert.isFalse(good(Transcript.contexts.client, Transcript.make(client, server)))
    assert.isFalse(good(Transcript.contexts.server, Transcript.make(server, client)))
    assert.isFalse(good(Transcript.contexts.server, Transcript.make(helloOf("client", 0xc2, false), server)))
    assert.isFalse(good(Transcript.contexts.server, Transcript.make(client, helloOf("server", 0x5f, true))))
    assert.isFalse(good(Transcript.contexts.server, Transcript.make(client, helloOf("server", 0x5e, false))))
  })
})
