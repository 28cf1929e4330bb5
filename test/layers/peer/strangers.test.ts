/** What a stranger can have a peer dial in the peer's own network, and what is left for others when strangers ask for much. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import { Acquaintances } from "../../../src/layers/peer/Acquaintances.ts"
import { SimulatedBrokers } from "../../../src/layers/signalling/Simulated.ts"
import type * as SimulatedPeer from "../../../src/layers/simulated/SimulatedPeer.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { localityOf, networkTag } from "../../../src/protocols/address/locality.ts"
import { encodeRequest, REVERSE } from "../../../src/protocols/connect/messages.ts"
import type { PeerId } from "../../../src/schemas/PeerId.ts"
import type { World } from "../../../src/schemas/World.ts"
import { Cryptography } from "../../../src/services/Cryptography.ts"
import { Identity } from "../../../src/services/Identity.ts"
import { Messages } from "../../../src/services/Messages.ts"
import { Peer } from "../../../src/services/Peer.ts"
import { aliceCallsBob, BROKER, call, echo, mouth, oneBroker, signedAddress, withPeer } from "./kit.ts"

const home: World = {
  link: { latency: 10 },
  hosts: { alice: { behind: "home" }, bob: { behind: "home" }, printer: { behind: "home" }, mallory: {} },
  gateways: { home: { device: "linux-router", outside: "internet" } }
}

const ask = (to: PeerId, address: Uint8Array, attempt = 1) =>
  Effect.flatMap(Messages, (messages) =>
    Effect.result(
      messages.request(
        to,
        REVERSE,
        encodeRequest({ attempt: new Uint8Array(16).fill(attempt), timeLeft: 5000, address }),
        {
          timeout: "2 seconds"
        }
      )
    )
  )

/** An address with these candidates and the tag of a network that looks as homes do. */
const guessing = (endpoints: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { peerId } = yield* Identity
    const cryptography = yield* Cryptography
    const salt = new Uint8Array(8).fill(3)
    const network = networkTag(cryptography, peerId, salt, {
      gateway: NetAddress.ipFromStringUnsafe("192.168.1.1"),
      prefix: IpNetwork.fromStringUnsafe("192.168.1.0/24")
    })
    const [host] = (yield* signedAddress(endpoints)).address.interfaces
    const locality = localityOf(cryptography, peerId, salt, undefined)
    return yield* signedAddress([], { locality, interfaces: [{ ...host!, network }] })
  })

/** What Bob, at home, sends by TCP to whom when Mallory asks him to dial. */
const dialledFor = (
  address: (endpoints: ReadonlyArray<string>) => ReturnType<typeof signedAddress> | ReturnType<typeof guessing>,
  endpoints: ReadonlyArray<string>
) =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make(home, { trace: true })
    const brokers = oneBroker()
    const bobs = mouth<PeerId>()
    const done = mouth<void>()
    yield* world.run({
      bob: withPeer(
        brokers,
        Effect.gen(function* () {
          yield* bobs.say((yield* Peer).peerId)
          yield* done.hear
          yield* Effect.sleep("20 seconds")
        })
      ),
      mallory: withPeer(
        brokers,
        Effect.gen(function* () {
          yield* ask(yield* bobs.hear, (yield* address(endpoints)).bytes)
        })
      ).pipe(Effect.ensuring(done.say(undefined)))
    })
    const sent = world.trace.flatMap(({ from, packet }) =>
      from === "bob" && packet._tag === "Tcp" ? [`${packet.dst}:${packet.dstPort}`] : []
    )
    return [...new Set(sent)].toSorted()
  })

describe("a stranger who asks to be dialled", () => {
  const inside = ["192.168.1.1:80", "192.168.1.1:8080", "192.168.1.4:22", "192.168.1.4:9100", "10.0.0.1:8080"]

  it.effect("has nothing dialled at home that says nothing of where it is", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* dialledFor(signedAddress, inside), [])
    })
  )

  it.effect("and guesses which network it is has neither its router dialled nor a service of a system", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* dialledFor(guessing, inside), ["192.168.1.4:9100"])
    })
  )
})

describe("a stranger whom nobody can dial back", () => {
  it.effect("is told so by the peer's own brokers, and not by those of his address", () =>
    Effect.gen(function* () {
      const trap = "mqtt://trap"
      const world = yield* SimulatedWorld.make({ hosts: { bob: {}, mallory: {} } })
      const brokers = new SimulatedBrokers({ [BROKER]: {}, [trap]: {} })
      const at = { brokers, at: [BROKER] }
      const bobs = mouth<PeerId>()
      const done = mouth<void>()
      const { mallory } = yield* world.run({
        bob: withPeer(
          at,
          Effect.gen(function* () {
            yield* bobs.say((yield* Peer).peerId)
            yield* done.hear
          })
        ),
        mallory: withPeer(
          at,
          Effect.gen(function* () {
            const { peerId } = yield* Identity
            const heard = yield* Effect.forEach([BROKER, trap], (uri) =>
              Effect.tap(Queue.unbounded<Uint8Array>(), (inbox) =>
                Effect.sync(() => brokers.find(uri)!.subscribe(peerId, inbox))
              )
            )
            const address = yield* signedAddress(["11.9.9.1:4000"], { brokers: [trap] })
            assert.isTrue(Result.isSuccess(yield* ask(yield* bobs.hear, address.bytes)))
            yield* Effect.sleep("20 seconds")
            return yield* Effect.forEach(heard, Queue.size)
          })
        ).pipe(Effect.ensuring(done.say(undefined)))
      })
      // The answer, and that it came to nothing.
      assert.deepStrictEqual(mallory, [2, 0])
    })
  )
})

describe("peers on one network, without a server that knows its outside", () => {
  it.effect("meet, whichever way is open to them, and though the address hides the network", () =>
    Effect.gen(function* () {
      for (const strategy of ["direct", "reverse"] as const) {
        const brokers = oneBroker()
        const hides = strategy === "reverse" ? ({ privacy: { only: "brokers" } } as const) : {}
        const { left, result } = yield* aliceCallsBob(home, {
          alice: brokers,
          bob: { ...brokers, ...hides },
          options: { strategies: [strategy] }
        })
        assert.deepInclude(Result.getOrThrow(result), { strategy, remote: "192.168.1.3" })
        assert.strictEqual(left, 0)
      }
    })
  )
})

describe("strangers who ask for much", () => {
  const limits: SimulatedPeer.Options["limits"] = {
    strangerDials: { perSecond: 0.01, burst: 6 },
    strangerDialBacks: 2
  }

  it.effect("use up what there is for strangers, and a peer that is known is dialled all the same", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({
        link: { latency: 10 },
        hosts: { alice: {}, bob: {}, mallory: {}, hole: {} }
      })
      const brokers = oneBroker()
      const [bobs, alices, met, used, done] = [
        mouth<string>(),
        mouth<string>(),
        mouth<void>(),
        mouth<void>(),
        mouth<void>()
      ]
      const peer = mouth<PeerId>()
      // A stranger with a new key: two dials that lead nowhere.
      const stranger = (attempt: number) =>
        withPeer(
          brokers,
          Effect.gen(function* () {
            const address = yield* signedAddress(["11.9.9.1:4000", "11.9.9.2:4000"])
            return yield* ask(yield* peer.hear, address.bytes, attempt)
          })
        )
      const { alice, mallory } = yield* world.run({
        bob: withPeer(
          { ...brokers, limits },
          Effect.gen(function* () {
            const self = yield* Peer
            yield* echo
            yield* self.connect(yield* alices.hear)
            yield* bobs.say(yield* self.addressText)
            yield* met.say(undefined)
            yield* peer.say(self.peerId)
            yield* done.hear
          })
        ),
        mallory: Effect.gen(function* () {
          yield* met.hear
          const answers: Array<string> = []
          for (let key = 1; key <= 5; key++) {
            const answer = yield* stranger(key)
            answers.push(Result.match(answer, { onFailure: ({ problem }) => problem, onSuccess: () => "dials" }))
          }
          yield* used.say(undefined)
          return answers
        }),
        alice: withPeer(
          brokers,
          Effect.gen(function* () {
            const self = yield* Peer
            yield* echo
            yield* alices.say(yield* self.addressText)
            yield* used.hear
            return yield* call(yield* bobs.hear, { strategies: ["reverse"] })
          })
        ).pipe(Effect.ensuring(done.say(undefined)))
      })
      assert.deepStrictEqual(mallory.slice(0, 2), ["dials", "dials"])
      for (const answer of mallory.slice(2)) assert.include(answer, "asked to dial too often")
      assert.strictEqual(alice.strategy, "reverse")
      assert.strictEqual(world.openSockets("bob"), 0)
    })
  )

  it.effect("are counted before their addresses are looked at: in vain is not for nothing", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ link: { latency: 10 }, hosts: { bob: {}, mallory: {} } })
      const brokers = oneBroker()
      const peer = mouth<PeerId>()
      const done = mouth<void>()
      const { mallory } = yield* world.run({
        bob: withPeer(
          { ...brokers, limits },
          Effect.gen(function* () {
            yield* peer.say((yield* Peer).peerId)
            yield* done.hear
          })
        ),
        mallory: withPeer(
          brokers,
          Effect.gen(function* () {
            const address = yield* signedAddress(["192.168.7.7:4000"])
            const answers: Array<string> = []
            for (let attempt = 1; attempt <= 8; attempt++) {
              const answer = yield* ask(yield* peer.hear, address.bytes, attempt)
              answers.push(Result.match(answer, { onFailure: ({ problem }) => problem, onSuccess: () => "dials" }))
            }
            return answers
          })
        ).pipe(Effect.ensuring(done.say(undefined)))
      })
      assert.strictEqual(mallory.filter((answer) => answer.includes("no way to dial")).length, 6)
      assert.strictEqual(mallory.filter((answer) => answer.includes("too often")).length, 2)
    })
  )
})

describe("acquaintances", () => {
  it("are a bounded number, and who comes does not push out whom this peer called", () => {
    const acquaintances = new Acquaintances()
    acquaintances.call("p2p1friend" as PeerId)
    for (let at = 0; at < 10_000; at++) acquaintances.meet(`p2p1${at}` as PeerId)
    assert.isTrue(acquaintances.isCalled("p2p1friend" as PeerId))
    assert.isFalse(acquaintances.knows("p2p15" as PeerId))
    assert.isTrue(acquaintances.knows("p2p19999" as PeerId))
    assert.isFalse(acquaintances.isCalled("p2p19999" as PeerId))
  })
})
