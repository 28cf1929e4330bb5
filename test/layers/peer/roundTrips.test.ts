import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { aliceCallsBob, oneBroker } from "./kit.ts"

describe("a direct connect", () => {
  it.effect("takes a round trip for TCP and one for the handshake", () =>
    Effect.gen(function* () {
      for (const latency of [1, 10, 75]) {
        // Two links between two hosts.
        const roundTrip = 4 * latency
        const { left, result } = yield* aliceCallsBob({ link: { latency }, hosts: { alice: {}, bob: {} } })
        const called = Result.getOrThrow(result)
        assert.strictEqual(called.took, 2 * roundTrip)
        assert.deepInclude(called, { strategy: "direct", initiator: "here" })
        assert.strictEqual(left, 0)
      }
    })
  )
})

describe("a reverse connect", () => {
  it.effect("takes one way of signalling, and from there what a direct one takes to the other side", () =>
    Effect.gen(function* () {
      for (const latency of [1, 10, 75]) {
        const roundTrip = 4 * latency
        const brokers = oneBroker({ latency: 100 })
        const { left, result } = yield* aliceCallsBob(
          { link: { latency }, hosts: { alice: {}, bob: { behind: "port-restricted-cone-random" } } },
          { alice: brokers, bob: brokers }
        )
        const called = Result.getOrThrow(result)
        // One trip to the broker and to Bob; SYN, SYN-ACK, hello, hello, OPEN.
        assert.strictEqual(called.took, 100 + 2.5 * roundTrip)
        assert.deepInclude(called, { strategy: "reverse", initiator: "here" })
        assert.strictEqual(left, 0)
      }
    })
  )
})
