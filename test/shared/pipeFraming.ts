/**
 * Framing on TCP: borders kept whatever the chunks, limits, and streams that break the rules.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { FramingOption } from "../../src/services/Pipe.ts"
import { listen, open, pair } from "./pairs.ts"
import { failureOf, testIn, type World } from "./World.ts"

const messages = (count: number, size: number) =>
  Array.from({ length: count }, (_, at) => `${at}:`.padEnd(size, String.fromCharCode(97 + (at % 26))))

// A sender without framing against a receiver with it: what the receiver makes of exactly these bytes, then the end.
const heardFrom = Effect.fnUntraced(function* (
  hosts: Parameters<typeof pair>[0],
  which: Parameters<typeof pair>[1],
  framing: FramingOption,
  bytes: ReadonlyArray<Uint8Array | string>
) {
  const server = yield* listen(hosts.server, which, { framing })
  const client = yield* open(hosts.client, which, server.local, { framing: "raw" })
  const accepted = yield* server.accept
  for (const part of bytes) yield* client.send(part)
  yield* client.end
  const texts: Array<string> = []
  const end = yield* accepted.messages.pipe(
    Stream.runForEach((message) => Effect.sync(() => texts.push(message.text))),
    Effect.match({ onSuccess: () => "ended", onFailure: (error) => `${error.reason.kind}: ${error.message}` })
  )
  return { texts, end, closed: yield* accepted.closed, accepted, client }
})

export const pipeFramingTests = (world: World): void => {
  const test = testIn(world)
  for (const family of world.families) {
    const which = { transport: "tcp", family } as const
    describe(`framing on TCP over ${family} (${world.name})`, () => {
      for (const framing of ["lines", "lengthPrefixed"] as const) {
        test(`${framing}: as many messages arrive as were sent, whole, in order, both ways`, (hosts) =>
          Effect.gen(function* () {
            const { accepted, client } = yield* pair(hosts, which, { client: { framing }, server: { framing } })
            for (const sent of [messages(500, 20), messages(20, 60_000)]) {
              yield* Effect.forkChild(Effect.forEach(sent, (text) => client.send(text), { discard: true }))
              yield* Effect.forkChild(Effect.forEach(sent, (text) => accepted.send(text), { discard: true }))
              for (const pipe of [accepted, client]) {
                for (const text of sent) assert.strictEqual((yield* pipe.receive()).text, text)
              }
            }
          }))

        test(`${framing}: a message above the limit is refused before anything is sent`, (hosts) =>
          Effect.gen(function* () {
            const { accepted, client } = yield* pair(hosts, which, {
              client: { framing: { type: framing, limit: 10 } },
              server: { framing }
            })
            const before = client.statistics()
            const error = yield* failureOf(client.send("12345678901"))
            assert.strictEqual(error.reason.kind, "TooLarge")
            assert.include(error.message, "longer than the limit of 10 bytes")
            assert.deepStrictEqual(client.statistics(), before)
            yield* client.send("1234567890")
            assert.strictEqual((yield* accepted.receive()).text, "1234567890")
          }))
      }

      test("raw: the bytes arrive in order, in whatever chunks", (hosts) =>
        Effect.gen(function* () {
          const { accepted, client } = yield* pair(hosts, which, {
            client: { framing: "raw" },
            server: { framing: "raw" }
          })
          const sent = Uint8Array.from({ length: 1_000_000 }, (_, at) => (at * 7 + (at >> 8)) & 255)
          yield* Effect.forkChild(Effect.andThen(client.send(sent), client.end))
          const chunks = yield* Stream.runCollect(accepted.toStream)
          assert.strictEqual(Buffer.compare(Buffer.concat(chunks), sent), 0)
          assert.strictEqual(accepted.statistics().bytesIn, sent.length + "open".length)
        }))

      test("lines: both line ends are understood, and what stands behind the last one is a message", (hosts) =>
        Effect.gen(function* () {
          const found = yield* heardFrom(hosts, which, "lines", ["one\ntwo\r\n\nfo", "ur\r", "\nlast"])
          assert.deepStrictEqual(found.texts, ["one", "two", "", "four", "last"])
          assert.strictEqual(found.end, "ended")
          assert.deepStrictEqual(found.closed, { _tag: "ClosedByPeer" })
        }))

      test("lines: a message with a line feed is refused", (hosts) =>
        Effect.gen(function* () {
          const { client } = yield* pair(hosts, which, { client: { framing: "lines" }, server: { framing: "lines" } })
          const error = yield* failureOf(client.send("one\ntwo"))
          assert.strictEqual(error.reason.kind, "InvalidInput")
          assert.include(error.message, "a line feed in it")
        }))

      test("lines: a peer that never ends its line fails the pipe, after what was whole", (hosts) =>
        Effect.gen(function* () {
          const found = yield* heardFrom(hosts, which, { type: "lines", limit: 100 }, ["fine\n", "x".repeat(500)])
          assert.deepStrictEqual(found.texts, ["fine"])
          assert.include(found.end, "TooLarge: tcp pipe receive")
          assert.include(found.end, "longer than the limit of 100 bytes (framing lines)")
          assert.strictEqual(found.closed._tag, "Failed")
        }))

      test("lengthPrefixed: a peer that announces too much fails the pipe at once, after what was whole", (hosts) =>
        Effect.gen(function* () {
          const found = yield* heardFrom(hosts, which, { type: "lengthPrefixed", limit: 100 }, [
            Uint8Array.of(0, 0, 0, 2, 111, 107),
            Uint8Array.of(0, 0, 0, 101)
          ])
          assert.deepStrictEqual(found.texts, ["ok"])
          assert.include(found.end, "longer than the limit of 100 bytes (framing lengthPrefixed)")
          assert.strictEqual(found.closed._tag, "Failed")
          // It is over, so nothing may be left to the peer but to notice.
          yield* found.accepted.close
          assert.strictEqual((yield* found.client.closed)._tag === "Failed", false)
        }))

      test("lengthPrefixed: a message cut short is a failure, not a message", (hosts) =>
        Effect.gen(function* () {
          const found = yield* heardFrom(hosts, which, "lengthPrefixed", [Uint8Array.of(0, 0, 0, 4, 1, 2, 3)])
          assert.deepStrictEqual(found.texts, [])
          assert.include(found.end, "InvalidInput: tcp pipe receive")
          assert.include(found.end, "the stream ended in the middle of a message")
        }))
    })

    describe(`framing on UDP over ${family} (${world.name})`, () => {
      test("is refused: datagrams have borders of their own", (hosts) =>
        Effect.gen(function* () {
          const udp = { transport: "udp", family } as const
          const server = yield* listen(hosts.server, udp, { framing: "raw" })
          for (const opening of [
            listen(hosts.server, udp, { framing: "lines" }),
            open(hosts.client, udp, server.local, { framing: { type: "lengthPrefixed", limit: 10 } })
          ]) {
            const error = yield* failureOf(opening)
            assert.strictEqual(error.reason.kind, "InvalidInput")
            assert.include(error.message, "UDP keeps message borders: framing is for TCP")
          }
        }))
    })
  }
}
