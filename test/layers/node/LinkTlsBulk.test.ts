/**
 * Much data over a TLS link into a pipe whose reader is slower: records go to the pipe directly while it has room, through Node's
 * stream while it has none, and every byte arrives once and in its place.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as LinkTls from "../../../src/layers/node/LinkTls.ts"
import { Pipes } from "../../../src/services/Pipes.ts"
import { ids, settingIn } from "../../shared/linkKit.ts"
import { realWorld } from "../../support/realWorld.ts"

const SIZE = 6_000_000

/** A byte for each place, whose pattern no size of record or queue divides. */
const byteAt = (place: number) => (place * 31 + (place >> 11)) & 0xff

const pattern = Uint8Array.from({ length: SIZE }, (_, place) => byteAt(place))

describe("bulk data over a TLS link", () => {
  const test = settingIn(realWorld, { protection: "tls1.3", layer: LinkTls.layer })
  // Rests after so many messages: never, now and then, and so often that the socket is paused most of the time.
  for (const every of [Infinity, 50, 3]) {
    test(`with a rest after ${every} messages`, ({ alice, bob, far, near }, hosts) =>
      Effect.gen(function* () {
        const sending = Effect.gen(function* () {
          const { connection } = yield* alice.client(near, { expect: ids.bob })
          for (let at = 0, size = 1; at < SIZE; at += size, size = (size * 7) % 100_003) {
            yield* connection.write(pattern.subarray(at, at + size))
          }
          yield* connection.end
        })
        const receiving = Effect.gen(function* () {
          const { connection } = yield* bob.server(far)
          const pipe = yield* hosts.server.on(
            Pipes.use((pipes) => pipes.fromTcp(connection, { secure: true, queue: { bytes: 40_000 } }))
          )
          let at = 0
          let most = 0
          let messages = 0
          while (at < SIZE) {
            const { data } = yield* pipe.receive()
            for (const byte of data) {
              if (byte !== byteAt(at)) assert.fail(`byte ${at} is ${byte} and not ${byteAt(at)}`)
              at++
            }
            if (++messages % every === 0)
              yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
            const { bytesIn } = pipe.statistics()
            most = Math.max(most, bytesIn - at)
          }
          assert.strictEqual((yield* pipe.closed)._tag, "ClosedByPeer")
          return { at, most }
        })
        const { received } = yield* Effect.all({ sent: sending, received: receiving }, { concurrency: "unbounded" })
        assert.strictEqual(received.at, SIZE)
        // What is full takes one more, and a record is no larger than 16 KiB.
        assert.isAtMost(received.most, 40_000 + 2 * 16_384)
      }))
  }
})
