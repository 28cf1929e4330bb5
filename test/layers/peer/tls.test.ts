/** The same with real TLS 1.3, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as LinkTls from "../../../src/layers/node/LinkTls.ts"
import { aliceCallsBob, oneBroker } from "./kit.ts"

const security = LinkTls.layer

describe("links with TLS in a simulated world", () => {
  it.effect("cost as many round trips as plain ones", () =>
    Effect.gen(function* () {
      const direct = yield* aliceCallsBob(
        { link: { latency: 10 }, hosts: { alice: {}, bob: {} } },
        { alice: { security }, bob: { security } }
      )
      assert.deepInclude(Result.getOrThrow(direct.result), { strategy: "direct", took: 2 * 40 })
      const brokers = { ...oneBroker({ latency: 100 }), security }
      const reverse = yield* aliceCallsBob(
        { link: { latency: 10 }, hosts: { alice: {}, bob: { behind: "symmetric-random" } } },
        { alice: brokers, bob: brokers }
      )
      assert.deepInclude(Result.getOrThrow(reverse.result), { strategy: "reverse", took: 100 + 2.5 * 40 })
      assert.deepStrictEqual([direct.left, reverse.left], [0, 0])
    })
  )

  it.effect("come to nothing where the other side has plain ones, and both can tell why", () =>
    Effect.gen(function* () {
      const { left, result } = yield* aliceCallsBob({ hosts: { alice: {}, bob: {} } }, { alice: { security } })
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result) && result.failure._tag === "ConnectError") {
        assert.deepInclude(result.failure.attempts[0]!, { step: "secure", outcome: "failed", reason: "Untrusted" })
        assert.include(result.failure.attempts[0]!.problem!, "plain")
      }
      assert.strictEqual(left, 0)
    })
  )
})
