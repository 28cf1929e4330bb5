/**
 * Peers on this machine's own sockets, TLS and all.
 */
import { assert, describe, it } from "@effect/vitest"
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { readdirSync } from "node:fs"
import { machineSecret } from "../../../src/layers/node/machineSecret.ts"
import * as NodePeer from "../../../src/layers/node/NodePeer.ts"
import { Peer } from "../../../src/services/Peer.ts"
import { Tcp } from "../../../src/services/Tcp.ts"

const peer = (options: NodePeer.Options = {}) =>
  Effect.flatMap(
    Layer.build(Layer.fresh(NodePeer.layer({ identity: "memory", interfaces: ["lo"], ...options }))),
    (context) => Effect.provide(Effect.all({ peer: Peer, tcp: Tcp }), context)
  )

const echo = (bob: Peer["Service"]) =>
  bob.onPipe((pipe) =>
    Effect.andThen(
      pipe.onMessage(({ data }) => pipe.send(data)),
      pipe.closed
    )
  )

const descriptors = (): number => readdirSync("/proc/self/fd").length

/** Waits until there are no more than expected, or it does not go down any more. */
const settled = (expected = 0) =>
  Effect.gen(function* () {
    let fewest = descriptors()
    for (let quiet = 0; quiet < 15 && fewest > expected; quiet++) {
      yield* Effect.sleep(20)
      if (descriptors() < fewest) quiet = 0
      fewest = Math.min(fewest, descriptors())
    }
    return fewest
  })

describe("peers on real sockets", () => {
  it.live("connect on the loop, with TLS", () =>
    Effect.gen(function* () {
      const { peer: alice } = yield* peer()
      const { peer: bob } = yield* peer()
      yield* echo(bob)
      const pipe = yield* alice.connect(yield* bob.addressText)
      yield* pipe.send("hello")
      assert.strictEqual((yield* pipe.receive({ timeout: "2 seconds" })).text, "hello")
      assert.deepInclude(pipe, { peer: bob.peerId, protection: "tls1.3", initiator: "here", strategy: "direct" })
      assert.isTrue(pipe.secure)
      assert.deepStrictEqual(yield* bob.problems, [])
    }).pipe(Effect.scoped)
  )

  it.live("with links in plaintext, where both choose it, and never where one does", () =>
    Effect.gen(function* () {
      const { peer: plain } = yield* peer({ plaintext: true })
      const { peer: other } = yield* peer({ plaintext: true })
      const { peer: secured } = yield* peer()
      yield* echo(other)
      const pipe = yield* plain.connect(yield* other.addressText)
      assert.strictEqual(pipe.protection, "plain")
      assert.isFalse(pipe.secure)
      for (const [from, to] of [
        [plain, secured],
        [secured, other]
      ] as const) {
        const error = yield* Effect.flip(from.connect(yield* to.addressText))
        assert.strictEqual(error.attempts[0]!.step, "secure")
        assert.strictEqual(error.attempts[0]!.outcome, "failed")
      }
    }).pipe(Effect.scoped)
  )

  it.live("connect to each other at once, and have one pipe", () =>
    Effect.gen(function* () {
      const { peer: alice } = yield* peer()
      const { peer: bob } = yield* peer()
      for (let round = 0; round < 10; round++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const [a, b] = yield* Effect.all(
              [alice.connect(yield* bob.addressText), bob.connect(yield* alice.addressText)],
              { concurrency: 2 }
            )
            assert.strictEqual(NetAddress.formatInet(a.local), NetAddress.formatInet(b.remote!))
            yield* a.send("from alice")
            assert.strictEqual((yield* b.receive({ timeout: "2 seconds" })).text, "from alice")
          })
        )
      }
    }).pipe(Effect.scoped)
  )

  it.live("leave no descriptor open when a connect is interrupted", () =>
    Effect.gen(function* () {
      const { peer: alice } = yield* peer()
      const { peer: bob } = yield* peer()
      yield* echo(bob)
      const to = yield* bob.addressText
      const once = Effect.scoped(Effect.andThen(alice.connect(to), Effect.never))
      yield* Effect.timeoutOption(once, 100)
      const before = yield* settled()
      for (let round = 0; round < 40; round++) {
        const fiber = yield* Effect.forkChild(once)
        yield* Effect.sleep(round / 2)
        yield* Fiber.interrupt(fiber)
      }
      assert.isAtMost(yield* settled(before), before)
    }).pipe(Effect.scoped)
  )

  it.live("say which of their listeners there are not, and work with the others", () =>
    Effect.gen(function* () {
      const { tcp } = yield* peer()
      const address = NetAddress.ipFromStringUnsafe("127.0.0.1")
      const taken = yield* tcp.listen({ address })
      const { peer: bob } = yield* peer({ port: taken.local.port, interfaces: ["lo", "nonesuch0"] })
      const problems = (yield* bob.problems).join("\n")
      assert.match(problems, /no listener on lo: tcp listen .*the address is in use/)
      assert.match(problems, /interface nonesuch0 is not there/)
      const { peer: alice } = yield* peer()
      yield* echo(alice)
      yield* bob.connect(yield* alice.addressText)
    }).pipe(Effect.scoped)
  )

  it.live("start with servers that cannot be looked up, and say so", () =>
    Effect.gen(function* () {
      const { peer: bob } = yield* peer({ stun: ["stun:", "stun:127.0.0.1:9"] })
      const problems = yield* bob.problems
      assert.isTrue(problems.some((problem) => problem.startsWith("STUN server stun:: ")))
      assert.isTrue(problems.some((problem) => problem.includes("is not known")))
    }).pipe(Effect.scoped)
  )
})

describe("the secret of a machine", () => {
  it.live("is the same for every program on it, and not the machine id itself", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* machineSecret, yield* machineSecret]
      assert.deepStrictEqual(one, two)
      assert.strictEqual(one?.length, 32)
    }).pipe(Effect.provide(NodeCrypto.layerSecureRandom))
  )
})
