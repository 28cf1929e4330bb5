/**
 * Peers on this machine's own sockets, TLS and all.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodePeer from "../../../src/layers/node/NodePeer.ts"
import { Peer } from "../../../src/services/Peer.ts"

const peer = (options: NodePeer.Options = {}) =>
  Effect.map(
    Layer.build(Layer.fresh(NodePeer.layer({ identity: "memory", interfaces: ["lo"], ...options }))),
    (context) => Peer.pipe(Effect.provide(context))
  ).pipe(Effect.flatten)

describe("peers on real sockets", () => {
  it.live("connect on the loopback interface, with TLS", () =>
    Effect.gen(function* () {
      const alice = yield* peer()
      const bob = yield* peer()
      yield* bob.onPipe((pipe) =>
        Effect.andThen(
          pipe.onMessage(({ data }) => pipe.send(data)),
          pipe.closed
        )
      )
      const pipe = yield* alice.connect(yield* bob.addressText)
      yield* pipe.send("hello")
      const { text } = yield* pipe.receive({ timeout: "2 seconds" })
      assert.strictEqual(text, "hello")
      assert.strictEqual(pipe.peer, bob.peerId)
      assert.strictEqual(pipe.protection, "tls1.3")
      assert.isTrue(pipe.secure)
    }).pipe(Effect.scoped)
  )
})
