import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Peer } from "../../../src/services/Peer.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { echo, mouth, withPeer } from "./kit.ts"

describe("a direct connect", () => {
  it.effect("takes one round trip for TCP, one for the handshake and one for the agreement", () =>
    Effect.gen(function* () {
      // 20 ms from host to host.
      const world = yield* SimulatedWorld.make({ link: { latency: 10 }, hosts: { alice: {}, bob: {} } })
      const address = mouth<string>()
      const done = mouth<void>()
      const { alice } = yield* world.run({
        alice: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            const to = yield* address.hear
            const before = yield* Clock.currentTimeMillis
            const pipe = yield* peer.connect(to)
            const took = (yield* Clock.currentTimeMillis) - before
            yield* pipe.send("hello")
            const { text } = yield* pipe.receive({ timeout: "1 second" })
            yield* done.say(undefined)
            return { took, text, strategy: pipe.strategy, initiator: pipe.initiator, report: pipe.report }
          })
        ),
        bob: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            yield* echo
            yield* address.say(yield* peer.addressText)
            yield* done.hear
          })
        )
      })
      console.log(JSON.stringify(alice, null, 1))
      assert.strictEqual(alice.text, "hello")
      assert.strictEqual(alice.took, 3 * 40)
      assert.strictEqual(world.openSockets("alice"), 0)
      assert.strictEqual(world.openSockets("bob"), 0)
    })
  )
})
