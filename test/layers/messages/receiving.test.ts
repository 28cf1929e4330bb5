/** What a peer makes of envelopes when something is wrong: with a clock, with a broker, with a handler, with itself. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { limits } from "../../../src/layers/messages/limits.ts"
import * as Content from "../../../src/protocols/envelope/Content.ts"
import { TOLERANCE } from "../../../src/protocols/envelope/PeerClocks.ts"
import { MAX_BODY } from "../../../src/services/Messages.ts"
import { luck } from "../../lab/support/random.ts"
import { bytesOf, contentOf } from "../../protocols/envelope/kit.ts"
import { hearing, type Line } from "../../shared/logs.ts"
import { bytes, echo, envelope, fed, identityOf } from "./kit.ts"

const NOW = 1_800_000_000_000
const ALICE = 1
const BOB = 2
const bob = identityOf(BOB).peerId

let ids = 0
const written = (changes: Partial<Content.Content> = {}, sender = ALICE): Uint8Array =>
  envelope(sender, bob, contentOf({ id: bytesOf(luck(++ids), 16), sentAt: NOW, kind: "test", ...changes }))

const fedBob = (...rest: Parameters<typeof fed> extends [number, ...infer Rest] ? Rest : never) =>
  Effect.andThen(TestClock.setTime(NOW), fed(BOB, ...rest))

describe("a peer", () => {
  it.effect("hears whom it wrote to, and who is new, though strangers with clocks set ahead fill all its tables", () =>
    Effect.gen(function* () {
      const unlimited = { perSecond: Infinity, burst: 1e9 }
      const replay = { ...limits.replay, senders: 8 }
      const peer = yield* fedBob({ opened: unlimited, perSender: unlimited, replay })
      const seen = yield* echo(peer, "test")
      yield* peer.messages.send(identityOf(ALICE).peerId, "test", bytes("hello"))
      yield* peer.feed([written()])
      const ahead = { sentAt: NOW + TOLERANCE, lifetime: Content.MAX_LIFETIME }
      yield* peer.feed(Array.from({ length: 24 }, (_, n) => written(ahead, 100 + n)))
      assert.strictEqual(seen.handled.length, 25)
      assert.strictEqual(peer.tables.sizes.replaySenders, 9)
      yield* peer.feed([written({ lifetime: 5000 }), written({ lifetime: 5000 }, 99)])
      assert.strictEqual(seen.handled.length, 27)
    })
  )

  it.effect("that answers strangers with notices keeps in mind whom it wrote to of its own will", () =>
    Effect.gen(function* () {
      const replay = { ...limits.replay, senders: 4, known: { senders: 2, ids: 16 } }
      const peer = yield* fedBob({ replay })
      const seen = yield* echo(peer, "test")
      yield* peer.messages.send(identityOf(ALICE).peerId, "test", bytes("hello"))
      yield* peer.feed([written({ lifetime: 5000 })])
      for (let stranger = 100; stranger < 108; stranger++) {
        yield* peer.feed([written({ sentAt: NOW + TOLERANCE, lifetime: Content.MAX_LIFETIME }, stranger)])
        yield* peer.messages.send(identityOf(stranger).peerId, "test", bytes("no"), { isAnswer: true })
      }
      assert.strictEqual(peer.tables.sizes.replaySenders, 1 + replay.senders)
      // Of who is forgotten, nothing is heard that ends before what was heard.
      yield* peer.feed([written({ lifetime: 4000 })])
      assert.strictEqual(seen.handled.length, 10)
    })
  )

  it.effect("hears a sender again soon after a clock was set by five minutes", () =>
    Effect.gen(function* () {
      const peer = yield* fedBob()
      const seen = yield* echo(peer, "test")
      yield* peer.feed([written({ sentAt: NOW + 300_000 })])
      yield* peer.feed([written()])
      assert.strictEqual(peer.messages.dropped().expired, 1)
      yield* TestClock.adjust("2 minutes")
      yield* peer.feed([written({ sentAt: NOW + 120_000 })])
      assert.strictEqual(seen.handled.length, 2)
    })
  )

  it.effect("takes by the second broker what came in a flood of the first", () =>
    Effect.gen(function* () {
      const peer = yield* fedBob({ opened: { perSecond: 100, burst: 1 } })
      const seen = yield* echo(peer, "test")
      const junk = new Uint8Array(512).fill(1)
      const one = written()
      yield* peer.feed([junk, one])
      assert.strictEqual(peer.messages.dropped().limited, 1)
      yield* TestClock.adjust("100 millis")
      yield* peer.feed([one])
      assert.strictEqual(seen.handled.length, 1)
    })
  )

  it.effect("knows a copy by its bytes, also when junk came in between", () =>
    Effect.gen(function* () {
      let opened = 0
      const own = identityOf(BOB)
      const open: typeof own.open = (options) => Effect.suspend(() => (opened++, own.open(options)))
      const peer = yield* fedBob({}, { ...own, open })
      const one = written()
      yield* peer.feed([one])
      const random = luck(60)
      const junk = () => bytesOf(random, 16_384).fill(1, 0, 1)
      yield* peer.feed(Array.from({ length: 70 }, junk))
      assert.strictEqual(opened, 71)
      yield* peer.feed([one])
      assert.deepStrictEqual([opened, peer.messages.dropped().replayed], [71, 1])
    })
  )

  it.effect("hears the next envelope when one broke what opens them", () => {
    const own = identityOf(BOB)
    let calls = 0
    const lines: Array<Line> = []
    const open: typeof own.open = (options) => (calls++ === 0 ? Effect.die(new Error("broken")) : own.open(options))
    return Effect.gen(function* () {
      const peer = yield* fedBob({}, { ...own, open })
      const seen = yield* echo(peer, "test")
      yield* peer.feed([written(), written()])
      assert.strictEqual(seen.handled.length, 1)
      assert.match(lines.map(({ text }) => text).join(), /^an envelope was not looked at\n.*broken/)
    }).pipe(hearing((line) => lines.push(line)))
  })

  it.effect("tells who asks that the answer is too large", () =>
    Effect.gen(function* () {
      const peer = yield* fedBob()
      yield* peer.messages.handle("test", {
        allow: () => Effect.succeed(true),
        handler: ({ body }) => Effect.succeed(new Uint8Array(MAX_BODY + body[0]!))
      })
      const alice = yield* fed(ALICE)
      const answerTo = (body: number) =>
        Effect.gen(function* () {
          const asking = yield* Effect.forkChild(alice.messages.request(bob, "test", Uint8Array.of(body)), {
            startImmediately: true
          })
          yield* peer.feed(alice.sent.splice(0))
          yield* Effect.yieldNow
          yield* alice.feed(peer.sent.splice(0))
          return yield* Fiber.join(asking)
        })
      assert.strictEqual((yield* answerTo(0)).body.length, MAX_BODY)
      const refused = yield* Effect.flip(answerTo(1))
      assert.strictEqual(refused.reason, "Refused")
      assert.include(refused.message, `its answer is too large: ${MAX_BODY + 1} bytes of ${MAX_BODY}`)
    })
  )

  it.effect("says that clocks may be to blame where no answer comes", () =>
    Effect.gen(function* () {
      const alice = yield* fed(ALICE)
      const asking = yield* Effect.forkChild(Effect.flip(alice.messages.request(bob, "test", bytes("?"))))
      yield* TestClock.adjust("10 seconds")
      assert.include((yield* Fiber.join(asking)).message, "clocks is wrong by more than an hour")
    })
  )
})
