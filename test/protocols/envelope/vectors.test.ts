/** The vectors of docs/protocol-envelope.md: what this library makes of them is what the file says, and its own opinion of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Result from "effect/Result"
import { readFileSync } from "node:fs"
import * as Path from "node:path"
import * as IdentityLayer from "../../../src/layers/Identity.ts"
import { Post } from "../../../src/layers/messages/Post.ts"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import * as Content from "../../../src/protocols/envelope/Content.ts"
import * as Envelope from "../../../src/protocols/envelope/Envelope.ts"
import { topicOf } from "../../../src/protocols/envelope/topic.ts"
import * as PeerId from "../../../src/schemas/PeerId.ts"
import { Cryptography } from "../../../src/services/Cryptography.ts"
import { vectors } from "../../fixtures/protocol/envelope.ts"
import { randomness } from "./kit.ts"

const path = Path.join(import.meta.dirname, "../../fixtures/protocol/envelope.json")
const file: typeof vectors = JSON.parse(readFileSync(path, "utf8"))

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"))
const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex")

const named = (name: string) => file.peers.find((peer) => peer.name === name)!
const postOf = (name: string): Post =>
  new Post(
    IdentityLayer.make(Redacted.make(bytes(named(name).seed))).pipe(
      Effect.provideService(SecureRandom, randomness(1)),
      Effect.provideService(Cryptography, primitives),
      Effect.runSync
    )
  )

/** What comes of an envelope that Bob, or another, gets. */
const opened = (name: string, envelope: string) => {
  const sealed = Envelope.unwrap(bytes(envelope))
  if (Result.isFailure(sealed)) return "malformed"
  return Effect.runSync(
    Effect.match(postOf(name).open(sealed.success), { onFailure: (reason) => reason, onSuccess: (letter) => letter })
  )
}

describe("the vectors", () => {
  it("are those the script writes", () => assert.deepStrictEqual(file, JSON.parse(JSON.stringify(vectors))))

  it.each(file.peers)("have the topic of $name", ({ key, peerId, topic }) => {
    assert.strictEqual(PeerId.fromKey(bytes(key)), peerId)
    assert.strictEqual(topicOf(PeerId.fromKey(bytes(key)), primitives), topic)
  })

  it.each(file.envelopes)("have $name, and it is read", (vector) => {
    const content: Content.Content = {
      id: bytes(vector.id),
      sentAt: vector.sentAt,
      lifetime: vector.lifetime,
      role: vector.role,
      kind: vector.kind,
      body: bytes(vector.body),
      inReplyTo: vector.inReplyTo === undefined ? undefined : bytes(vector.inReplyTo)
    }
    assert.strictEqual(hex(Content.encode(content)), vector.content)
    const letter = opened(vector.to, vector.envelope)
    if (typeof letter === "string") return assert.fail(letter)
    assert.strictEqual(letter.from, named(vector.from).peerId)
    assert.deepStrictEqual(
      { ...letter.content, id: hex(letter.content.id), body: hex(letter.content.body) },
      { ...content, id: vector.id, body: vector.body }
    )
    assert.strictEqual(opened("carol" === vector.to ? "bob" : "carol", vector.envelope), "notForMe")
    const sealed = Effect.runSync(postOf(vector.from).sign(named(vector.to).peerId as PeerId.PeerId, content))
    assert.strictEqual(hex(sealed.plaintext), vector.plaintext)
  })

  it.each(file.refused)("have $name: $reason", ({ envelope, reason }) => {
    const letter = opened("bob", envelope)
    assert.strictEqual(typeof letter === "string" ? letter : "none", reason)
  })
})
