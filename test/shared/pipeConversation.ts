/**
 * The promise of pipes in one body: the same conversation over TCP and UDP, IPv4 and IPv6, with handlers and with await on
 * either end.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { clientSide, serverSide, type Side, type Style } from "./pairs.ts"
import { at, casesOf, nameOf, testIn, type World } from "./World.ts"

const encoder = new TextEncoder()

const messages: ReadonlyArray<Uint8Array> = [
  encoder.encode("hello"),
  new Uint8Array(0),
  Uint8Array.from({ length: 256 }, (_, byte) => byte),
  encoder.encode("grüße, 世界 🌍"),
  new Uint8Array(1200).fill(7)
]

const reversed = (bytes: Uint8Array) => bytes.toReversed()

// Hears `count` messages. Only a stream promises their order.
const hear = Effect.fnUntraced(function* (side: Side, count: number) {
  const texts: Array<string> = []
  while (texts.length < count) texts.push((yield* side.heard).text)
  return side.pipe.transport === "tcp" ? texts : texts.toSorted()
})

const numbered = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${prefix}${String(at).padStart(2, "0")}`)

const conversation = Effect.fnUntraced(function* (client: Side, server: Side) {
  for (const message of messages) {
    yield* client.say(message)
    const asked = yield* server.heard
    assert.deepStrictEqual(new Uint8Array(asked.data), message)
    assert.strictEqual(at(asked.from), at(client.pipe.local))

    yield* server.say(reversed(message))
    const answered = yield* client.heard
    assert.deepStrictEqual(new Uint8Array(answered.data), reversed(message))
    assert.strictEqual(at(answered.from), at(server.pipe.local))
  }

  yield* client.say("text")
  assert.strictEqual((yield* server.heard).text, "text")
  yield* server.say("grüße")
  assert.strictEqual((yield* client.heard).text, "grüße")

  const asked = numbered("asked", 40)
  const answered = numbered("answered", 40)
  for (const text of asked) yield* client.say(text)
  for (const text of answered) yield* server.say(text)
  assert.deepStrictEqual(yield* hear(server, 40), asked)
  assert.deepStrictEqual(yield* hear(client, 40), answered)

  const out = [...messages, "text", ...asked].reduce((sum, message) => sum + message.length, 0)
  const back = [...messages, encoder.encode("grüße"), ...answered].reduce((sum, message) => sum + message.length, 0)
  const none = { dropped: 0, duplicates: 0, unclaimed: 0, handlerFailures: 0 }
  const count = messages.length + 41
  assert.deepStrictEqual(client.pipe.statistics(), {
    messagesIn: count,
    messagesOut: count,
    bytesIn: back,
    bytesOut: out,
    ...none
  })
  assert.deepStrictEqual(server.pipe.statistics(), {
    messagesIn: count,
    messagesOut: count,
    bytesIn: out,
    bytesOut: back,
    ...none
  })
})

const styles: ReadonlyArray<Style> = ["handlers", "await"]

export const pipeConversationTests = (world: World): void => {
  describe(`one conversation for every kind of pipe (${world.name})`, () => {
    const test = testIn(world)
    for (const which of casesOf(world)) {
      for (const ofClient of styles) {
        for (const ofServer of styles) {
          test(`${nameOf(which)}, client with ${ofClient}, server with ${ofServer}`, (hosts) =>
            Effect.gen(function* () {
              const server = yield* serverSide(hosts.server, which, ofServer)
              const client = yield* clientSide(hosts.client, which, ofClient, server.pipe.local)

              assert.strictEqual(client.pipe.kind, "client")
              assert.strictEqual(server.pipe.kind, "server")
              assert.strictEqual(client.pipe.transport, which.transport)
              assert.isFalse(client.pipe.secure)
              assert.strictEqual(client.pipe.binding, "none")
              assert.strictEqual(at(client.pipe.remote), at(server.pipe.local))
              assert.isUndefined(server.pipe.remote)
              assert.notStrictEqual(client.pipe.local.port, 0)

              yield* conversation(client, server)
            }))
        }
      }
    }
  })
}
