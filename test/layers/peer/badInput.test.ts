/** Addresses and options that make no sense, and strategies of one's own. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as IdentityLayer from "../../../src/layers/Identity.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { encodeText } from "../../../src/protocols/address/PeerAddress.ts"
import type { SignedPeerAddress } from "../../../src/schemas/PeerAddress.ts"
import { type ConnectError, type ConnectOptions, Peer, StrategyError } from "../../../src/services/Peer.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { echo, type InPeer, mouth, signedAddress, withPeer } from "./kit.ts"

/** Bob listens; Alice does something with a peer of her own. */
const beside = <A, E>(body: (bobs: SignedPeerAddress) => Effect.Effect<A, E, InPeer>) =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make({ link: { latency: 10 }, hosts: { alice: {}, bob: {} } })
    const address = mouth<SignedPeerAddress>()
    const done = mouth<void>()
    const { alice } = yield* world.run({
      alice: withPeer({}, Effect.flatMap(address.hear, body)).pipe(Effect.ensuring(done.say(undefined))),
      bob: withPeer(
        {},
        Effect.gen(function* () {
          yield* echo
          yield* address.say(yield* (yield* Peer).address)
          yield* done.hear
        })
      )
    })
    assert.deepStrictEqual([world.openSockets("alice"), world.openSockets("bob")], [0, 0])
    return alice
  })

const connect = (to: string | SignedPeerAddress, options?: ConnectOptions) =>
  Effect.flatMap(Peer, (peer) => Effect.scoped(peer.connect(to, options)))

/** Of somebody who is not there: Bob's machine refuses. */
const absent = signedAddress(["11.0.0.2:1"]).pipe(Effect.provide(Layer.fresh(IdentityLayer.layerMemory)))

const failure = <A, R>(effect: Effect.Effect<A, ConnectError, R>) => Effect.flip(effect)

describe("addresses", () => {
  it.effect("that are none, cut, mistyped, forged or old are refused at once, with what is wrong", () =>
    beside((bobs) =>
      Effect.gen(function* () {
        const text = encodeText(bobs)
        const forged = Uint8Array.from(bobs.bytes)
        forged[forged.length - 1]! ^= 1
        const old = yield* signedAddress(["11.0.0.2:1"], { expires: 1_000_000_000_000 })
        const bad: ReadonlyArray<readonly [string | SignedPeerAddress, string]> = [
          ["", "NoAddress"],
          ["https://example.org", "NoAddress"],
          [text.slice(0, 60), "Cut"],
          [`${text.slice(0, 30)}${text[30] === "a" ? "b" : "a"}${text.slice(31)}`, "Mistyped"],
          [{ address: bobs.address, bytes: forged }, "Forged"],
          [encodeText({ bytes: forged }), "Forged"],
          [old, "Expired"],
          ["x".repeat(100_000), "NoAddress"]
        ]
        for (const [to, kind] of bad) {
          const error = yield* failure(connect(to))
          assert.deepInclude(error, { reason: "BadAddress", milliseconds: 0 })
          assert.strictEqual((error.cause as { kind: string }).kind, kind)
          assert.isAbove(error.message.length, 30)
        }
      })
    )
  )

  it.effect("of this very peer are known", () =>
    beside(() =>
      Effect.gen(function* () {
        const peer = yield* Peer
        for (const to of [yield* peer.address, yield* peer.addressText]) {
          assert.strictEqual((yield* failure(connect(to))).reason, "Self")
        }
      })
    )
  )
})

describe("options", () => {
  it.effect("that make no sense are named", () =>
    beside((bobs) =>
      Effect.gen(function* () {
        const bad: ReadonlyArray<readonly [ConnectOptions, string]> = [
          [{ strategies: ["pigeon" as "direct"] }, "pigeon"],
          [{ strategies: [] }, "no strategy"],
          [{ strategies: { pigeon: true } }, "there are direct, reverse"],
          [{ maxAttempts: 0 }, "maxAttempts"],
          [{ maxAttempts: 2.5 }, "maxAttempts"],
          [{ maxAttempts: Number.NaN }, "maxAttempts"],
          [{ queue: { messages: -1 } }, "queue.messages"],
          [{ framing: { type: "lines", limit: 0 } }, "framing.limit"]
        ]
        for (const [options, word] of bad) {
          const error = yield* failure(connect(bobs, options))
          assert.strictEqual(error.reason, "BadOptions")
          assert.include(error.message, word)
        }
      })
    )
  )

  it.effect("say which interfaces and families to use, and what that leaves", () =>
    beside((bobs) =>
      Effect.gen(function* () {
        for (const options of [{ families: ["IPv6"] }, { interfaces: ["wlan9"] }] as const) {
          const error = yield* failure(connect(bobs, options))
          assert.strictEqual(error.reason, "NoWay")
        }
        yield* connect(bobs, { families: ["IPv4"], interfaces: ["eth0"] })
      })
    )
  )

  it.effect("have a deadline for everything", () =>
    beside((bobs) =>
      Effect.gen(function* () {
        const error = yield* failure(connect(bobs, { deadline: 70 }))
        assert.deepInclude(error, { reason: "TimedOut", milliseconds: 70 })
        assert.deepInclude(error.attempts[0]!, { step: "secure", outcome: "timed-out", started: 0, ended: 70 })
      })
    )
  )
})

describe("strategies of one's own", () => {
  it.effect("give a link, which is secured and agreed on as any", () =>
    beside((bobs) =>
      Effect.gen(function* () {
        const peer = yield* Peer
        const tcp = yield* Tcp
        const [endpoint] = bobs.address.interfaces[0]!.candidates
        const mine = {
          run: () =>
            Effect.mapBoth(tcp.dial({ remote: endpoint!.endpoint }), {
              onFailure: (cause) => new StrategyError({ reason: "Mine", problem: cause.message, cause }),
              onSuccess: (connection) => ({ connection, as: "client" as const })
            })
        }
        const pipe = yield* peer.connect(bobs, { strategies: { mine } })
        assert.deepInclude(pipe, { strategy: "mine", peer: bobs.address.peer, initiator: "here" })
        yield* pipe.send("hello")
        assert.strictEqual((yield* pipe.receive()).text, "hello")
      })
    )
  )

  it.effect("fail with their own words, beside those of the library", () =>
    beside(() =>
      Effect.gen(function* () {
        const failing = {
          plan: () => [{ delay: 0, why: "for luck" }],
          run: () => Effect.fail(new StrategyError({ reason: "Rain", problem: "it rains" }))
        }
        const broken = { run: () => Effect.die(new Error("a bug")) }
        const unwilling = { plan: () => [{ skipped: "not today" }], run: failing.run }
        const error = yield* failure(
          connect(yield* absent, { strategies: { direct: true, failing, broken, unwilling } })
        )
        assert.strictEqual(error.reason, "Failed")
        assert.deepStrictEqual(
          error.attempts.map(({ outcome, reason, strategy, why }) => [strategy, outcome, reason ?? why]),
          [
            ["direct", "failed", "Refused"],
            ["failing", "failed", "Rain"],
            ["broken", "failed", "Defect"],
            ["unwilling", "skipped", "not today"]
          ]
        )
      })
    )
  )
})
