/**
 * Envelopes nobody should believe, by the thousand: none is handled, each is counted under its reason, and no table grows
 * beyond its bound. A hundred thousand in all, of which a third has to be opened to be found out.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import * as Hpke from "../../../src/protocols/crypto/hpke.ts"
import * as X25519Of from "../../../src/protocols/crypto/x25519Of.ts"
import * as Content from "../../../src/protocols/envelope/Content.ts"
import * as Envelope from "../../../src/protocols/envelope/Envelope.ts"
import { TOLERANCE } from "../../../src/protocols/envelope/PeerClocks.ts"
import { limits } from "../../../src/layers/messages/limits.ts"
import * as PeerId from "../../../src/schemas/PeerId.ts"
import type { Dropped } from "../../../src/services/Messages.ts"
import { type Luck, luck } from "../../lab/support/random.ts"
import { bytesOf, contentOf } from "../../protocols/envelope/kit.ts"
import { bytes, echo, envelope, fed, identityOf } from "./kit.ts"

const NOW = 1_800_000_000_000
const ALICE = 1
const BOB = 2
const CAROL = 3

const unlimited = { perSecond: Infinity, burst: 1e9 }
const open = { opened: unlimited, perSender: unlimited }

const none: Dropped = {
  malformed: 0,
  notForMe: 0,
  forged: 0,
  expired: 0,
  replayed: 0,
  limited: 0,
  refused: 0,
  unasked: 0
}

const contentFrom = (random: Luck, changes: Partial<Content.Content> = {}): Content.Content =>
  contentOf({ id: bytesOf(random, 16), sentAt: NOW, kind: "test", body: bytesOf(random, 8), ...changes })

// HPKE's dear part, once for each recipient and number. Never do this but in a test: the same key and nonce seal many plaintexts.
const sealersTo = new Map<string, (plaintext: Uint8Array) => Uint8Array>()
const sealerTo = (recipient: number, number = 0) => {
  const name = `${recipient} ${number}`
  const known = sealersTo.get(name)
  if (known !== undefined) return known
  const key = X25519Of.publicOf(keyOf(recipient))!
  const { encapsulated, shared } = Hpke.encapsulate(primitives, key, bytesOf(luck(1000 * recipient + number), 32))!
  const { key: secret, nonce } = Hpke.keySchedule(primitives, shared, Envelope.INFO)
  const sealer = (plaintext: Uint8Array): Uint8Array =>
    Envelope.wrap(Buffer.concat([encapsulated, primitives.aeadSeal(secret, nonce, Envelope.HEADER, plaintext)]))
  sealersTo.set(name, sealer)
  return sealer
}

interface Ends {
  readonly by?: number
  readonly from?: number
  readonly to?: number
}

/** Signed by one in the name of another, for somebody. */
const signed = (content: Uint8Array, { by = ALICE, from = ALICE, to = BOB }: Ends = {}): Uint8Array => {
  const sender = keyOf(from)
  const signature = Effect.runSync(identityOf(by).sign(Envelope.CONTEXT, Envelope.signed(sender, keyOf(to), content)))
  return Envelope.plaintext({ sender, signature, content })
}

/** The same, sealed to Bob. */
const sealed = (content: Uint8Array, ends?: Ends): Uint8Array => sealerTo(BOB)(signed(content, ends))

/** Letters that are signed once each, and sealed anew so often that no two envelopes are alike. */
const LETTERS = 100
const resealed = (letter: (random: Luck) => Uint8Array, recipient = BOB): Attack["make"] => {
  const letters: Array<Uint8Array> = []
  return (random, _, n) => sealerTo(recipient, 1 + Math.floor(n / LETTERS))((letters[n % LETTERS] ??= letter(random)))
}

/** To Bob, and right but for what is changed. */
const written = (random: Luck, changes: Partial<Content.Content> = {}, from = ALICE): Uint8Array =>
  sealed(Content.encode(contentFrom(random, changes)), { by: from, from })

const keyOf = (seed: number): Uint8Array => PeerId.toKey(identityOf(seed).peerId)

interface Attack {
  readonly name: string
  readonly reason: keyof Dropped
  readonly count: number
  /** The nth of them. `real`: an envelope that was taken. */
  readonly make: (random: Luck, real: Uint8Array, n: number) => Uint8Array
}

const attacks: ReadonlyArray<Attack> = [
  {
    name: "forged in the name of another",
    reason: "forged",
    count: 10_000,
    make: resealed((random) => signed(Content.encode(contentFrom(random)), { by: CAROL }))
  },
  {
    name: "written to somebody else and sealed anew",
    reason: "forged",
    count: 500,
    make: (random) => sealed(Content.encode(contentFrom(random)), { to: CAROL })
  },
  {
    name: "altered",
    reason: "notForMe",
    count: 2_500,
    make: (random, real) => {
      const copy = real.slice()
      const at = 1 + random.below(copy.length - 1)
      copy[at]! ^= 1 + random.below(255)
      // And some more elsewhere, so that no two are alike.
      copy.set(bytesOf(random, 4), 1 + random.below(copy.length - 5))
      if (copy[at] === real[at]) copy[at]! ^= 1
      return copy
    }
  },
  {
    name: "sealed to somebody else",
    reason: "notForMe",
    count: 9_500,
    make: resealed((random) => signed(Content.encode(contentFrom(random)), { to: CAROL }), CAROL)
  },
  {
    name: "replayed",
    reason: "replayed",
    count: 47_300,
    make: (_, real) => real
  },
  {
    name: "sealed again, of a message that was taken",
    reason: "replayed",
    count: 300,
    make: (_, __, n) => sealerTo(BOB, n)(signed(Content.encode(taken)))
  },
  {
    name: "expired",
    reason: "expired",
    count: 9_700,
    make: resealed((random) =>
      signed(Content.encode(contentFrom(random, { sentAt: NOW - TOLERANCE - 10_001 - random.below(1e9) })))
    )
  },
  {
    name: "of a time to come",
    reason: "expired",
    count: 300,
    make: (random) => written(random, { sentAt: NOW + TOLERANCE + 1 + random.below(1e9) })
  },
  {
    name: "of a size no envelope has",
    reason: "malformed",
    count: 10_000,
    make: (random) => new Uint8Array(16_385 + random.below(100_000)).fill(1, 0, 1)
  },
  {
    name: "of another version",
    reason: "malformed",
    count: 9_000,
    make: (random, real) => {
      const copy = real.slice()
      copy[0] = 2 + random.below(254)
      return copy
    }
  },
  {
    name: "signed, with nonsense inside",
    reason: "malformed",
    count: 300,
    make: (random) => sealed(bytesOf(random, 8 + random.below(80)))
  },
  {
    name: "answers nobody asked for",
    reason: "unasked",
    count: 300,
    make: (random) => written(random, { role: "answer", inReplyTo: bytesOf(random, 16) })
  },
  {
    name: "of a kind nobody handles",
    reason: "refused",
    count: 300,
    make: (random) => written(random, { kind: "other" })
  }
]

/** The message that was taken before the attack. */
const taken = contentOf({ id: bytes("the one that was"), sentAt: NOW, kind: "test" })

/** All hundred thousand with `P2P_FULL=1`, as CI does; else a fifth of them. */
const share = process.env["P2P_FULL"] === "1" ? 1 : 5

describe("none is accepted of", () => {
  for (const { count: whole, make, name, reason } of attacks) {
    const count = whole / share
    it.effect(
      `${count.toLocaleString("en-GB")} envelopes ${name}`,
      () =>
        Effect.gen(function* () {
          yield* TestClock.setTime(NOW)
          const bob = yield* fed(BOB, open)
          const seen = yield* echo(bob, "test")
          const real = envelope(ALICE, bob.id, taken)
          yield* bob.feed([real])
          assert.strictEqual(seen.handled.length, 1)
          const random = luck(99)
          for (let made = 0; made < count;) {
            const batch = Array.from({ length: Math.min(1000, count - made) }, (_, n) => make(random, real, made + n))
            made += batch.length
            yield* bob.feed(batch)
          }
          assert.deepStrictEqual(bob.messages.dropped(), { ...none, [reason]: count })
          assert.strictEqual(seen.asked, 1, "nobody was asked whether to allow it")
          assert.strictEqual(seen.handled.length, 1)
          assert.strictEqual(bob.sent.length, 0, "nothing was sent for it")
          const { answers, pending, replayIds, replaySenders } = bob.tables.sizes
          assert.deepStrictEqual(
            { answers, pending, replayIds, replaySenders },
            { answers: 0, pending: 0, replayIds: 1, replaySenders: 1 }
          )
        }),
      60_000
    )
  }
})

describe("a flood", () => {
  it.effect("of strangers is opened so often and no more, and none of it before `allow` said yes does anything", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(NOW)
      const random = luck(98)
      const strangers = Array.from({ length: 20 }, (_, n) => 100 + n)
      const bob = yield* fed(BOB, { opened: { perSecond: 100, burst: 200 }, perSender: unlimited })
      const seen = yield* echo(bob, "test", false)
      const flood = () => Array.from({ length: 500 }, (_, n) => written(random, { role: "request" }, strangers[n % 20]))
      yield* bob.feed(flood())
      assert.deepStrictEqual(bob.messages.dropped(), { ...none, refused: 200, limited: 300 })
      yield* TestClock.adjust("1 second")
      yield* bob.feed(flood())
      assert.deepStrictEqual(bob.messages.dropped(), { ...none, refused: 300, limited: 700 })
      assert.strictEqual(seen.asked, 300)
      assert.strictEqual(seen.handled.length, 0)
      assert.strictEqual(bob.sent.length, 0, "who is refused hears nothing")
      const { answers, clocks, replayIds, replaySenders } = bob.tables.sizes
      assert.deepStrictEqual(
        { answers, clocks, replayIds, replaySenders },
        { answers: 0, clocks: 0, replayIds: 0, replaySenders: 0 }
      )
    })
  )

  it.effect("of one sender leaves the others alone", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(NOW)
      const random = luck(97)
      const bob = yield* fed(BOB, { opened: unlimited })
      const seen = yield* echo(bob, "test")
      yield* bob.feed(Array.from({ length: 300 }, () => written(random, {}, CAROL)))
      assert.strictEqual(seen.handled.length, limits.perSender.burst)
      assert.strictEqual(bob.messages.dropped().limited, 300 - limits.perSender.burst)
      yield* bob.feed([envelope(ALICE, bob.id, contentFrom(random))])
      assert.strictEqual(seen.handled.at(-1)?.from, identityOf(ALICE).peerId)
      yield* TestClock.adjust("1 second")
      yield* bob.feed(Array.from({ length: 50 }, () => written(random, {}, CAROL)))
      assert.strictEqual(seen.handled.length, limits.perSender.burst + 1 + limits.perSender.perSecond)
    })
  )

  it.effect("fills no table beyond its bound, and forgetting lets nothing pass twice", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(NOW)
      const random = luck(96)
      const small = {
        replay: { senders: 5, idsPerSender: 8, ids: 30, known: { senders: 1, ids: 8 } },
        senders: 6,
        answers: 10,
        answerBytes: 5000
      }
      const bob = yield* fed(BOB, { ...open, ...small })
      const seen = yield* echo(bob, "test")
      const all: Array<Uint8Array> = []
      const contents: Array<readonly [number, Content.Content]> = []
      for (let n = 0; n < 400; n++) {
        const sender = 100 + random.below(20)
        const content = contentFrom(random, { role: "request", lifetime: 1 + random.below(10_000) })
        contents.push([sender, content])
        all.push(sealed(Content.encode(content), { by: sender, from: sender }))
      }
      yield* bob.feed(all)
      const ids = () => seen.handled.map(({ body }) => String.fromCharCode(...body))
      // Sealed anew, so that they are not known by their bytes.
      yield* bob.feed(contents.map(([sender, content]) => envelope(sender, bob.id, content)))
      assert.strictEqual(new Set(ids()).size, ids().length, "none twice")
      assert.isAbove(ids().length, 20)
      const { answers, rates, replayIds, replaySenders } = bob.tables.sizes
      assert.isAtMost(replayIds, 30)
      assert.isAtMost(replaySenders, 5)
      assert.isAtMost(rates, 6)
      assert.isAtMost(answers, 10)
    })
  )

  it.effect("of requests that take long is bounded, in all and for each sender", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(NOW)
      const random = luck(95)
      const bob = yield* fed(BOB, { ...open, handling: 10, handlingPerSender: 4 })
      let running = 0
      yield* bob.messages.handle("test", {
        allow: () => Effect.succeed(true),
        handler: () =>
          Effect.andThen(
            Effect.sync(() => running++),
            Effect.sleep("1 minute")
          ).pipe(Effect.as(undefined))
      })
      const ask = (sender: number, count: number) =>
        Effect.gen(function* () {
          const envelopes = Array.from({ length: count }, () => envelope(sender, bob.id, contentFrom(random)))
          yield* bob.feed(envelopes)
        })
      yield* ask(ALICE, 20)
      assert.deepStrictEqual([running, bob.tables.sizes.handling, bob.messages.dropped().limited], [4, 4, 16])
      for (const sender of [100, 101, 102]) yield* ask(sender, 4)
      assert.deepStrictEqual([running, bob.tables.sizes.handling, bob.messages.dropped().limited], [10, 10, 22])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(bob.tables.sizes.handling, 0)
      yield* bob.feed([envelope(ALICE, bob.id, contentFrom(random, { sentAt: NOW + 60_000 }))])
      assert.strictEqual(running, 11)
    })
  )
})
