/** What brokers delivered: in turn, and bounded for each. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Inbox } from "../../../src/layers/mqtt/Inbox.ts"

const letter = (mark: number, size = 512): Uint8Array => new Uint8Array(size).fill(mark)
const marks = (envelopes: ReadonlyArray<Uint8Array>): ReadonlyArray<number> => envelopes.map((envelope) => envelope[0]!)

describe("the inbox", () => {
  it.effect("gives the oldest of each broker, and waits when there is none", () =>
    Effect.gen(function* () {
      const inbox = new Inbox()
      const waiting = yield* Effect.forkChild(inbox.take, { startImmediately: true })
      for (const mark of [1, 2, 3]) inbox.offer("a", letter(mark), 0)
      inbox.offer("b", letter(9), 0)
      assert.deepStrictEqual(marks(yield* Fiber.join(waiting)), [1])
      assert.deepStrictEqual(marks(yield* inbox.take), [2, 9])
      assert.deepStrictEqual(marks(yield* inbox.take), [3])
    })
  )

  it.effect("keeps 64 of a broker, the latest, and takes 200 at once and 100 a second of it", () =>
    Effect.gen(function* () {
      const inbox = new Inbox()
      for (let n = 0; n < 250; n++) inbox.offer("flood", letter(n), 0)
      inbox.offer("good", letter(255), 0)
      assert.deepStrictEqual(marks(yield* inbox.take), [136, 255])
      for (let n = 137; n < 200; n++) assert.deepStrictEqual(marks(yield* inbox.take), [n])
      for (let n = 0; n < 200; n++) inbox.offer("flood", letter(n), 1000)
      assert.deepStrictEqual(marks(yield* inbox.take), [36])
    })
  )

  it.effect("takes nothing larger than an envelope", () =>
    Effect.gen(function* () {
      const inbox = new Inbox()
      inbox.offer("a", letter(1, 16_385), 0)
      inbox.offer("a", letter(2, 16_384), 0)
      assert.deepStrictEqual(marks(yield* inbox.take), [2])
    })
  )
})
