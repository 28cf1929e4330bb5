/** Where two peers may stand to each other, and what may be broken between them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { SimulatedBrokers } from "../../../src/layers/signalling/Simulated.ts"
import { classic, DELTAS, TYPES } from "../../../src/protocols/nat/devices/classic.ts"
import { Peer } from "../../../src/services/Peer.ts"
import { aliceCallsBob, BROKER, call, echo, mouth, oneBroker, withPeer } from "./kit.ts"

const machine = new Uint8Array(32).fill(7)

describe("peers and NATs", () => {
  it.effect("one is behind each classic NAT: whoever can be dialled is, whoever cannot dials back", () =>
    Effect.gen(function* () {
      for (const type of TYPES) {
        if (type === "blocked") continue
        for (const delta of DELTAS) {
          const device = classic(type, delta)
          const brokers = oneBroker({ latency: 50 })
          const of = (alice: object, bob: object) =>
            aliceCallsBob({ hosts: { alice, bob } } as const, { alice: brokers, bob: brokers })
          const out = yield* of({ behind: device }, {})
          const open = type === "open-internet"
          assert.strictEqual(Result.getOrThrow(out.result).strategy, "direct", `from behind ${device.name}`)
          const back = yield* of({}, { behind: device })
          const into = Result.getOrThrow(back.result)
          assert.strictEqual(into.strategy, open ? "direct" : "reverse", `to behind ${device.name}`)
          assert.deepStrictEqual([out.left, back.left], [0, 0])
        }
      }
    })
  )

  it.effect("nothing gets through: both sides find out, and the error says so on each attempt", () =>
    Effect.gen(function* () {
      const brokers = oneBroker()
      const world = { hosts: { alice: {}, bob: { behind: classic("blocked", "equal") } } }
      const { left, result } = yield* aliceCallsBob(world, { alice: brokers, bob: brokers })
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) {
        const error = result.failure
        assert.strictEqual(error._tag, "ConnectError")
        if (error._tag !== "ConnectError") return
        // The dial, and the request and the dial back at the same time; then the other's word that it failed.
        const [dialled, told] = [10_000, 15 + 10_000 + 15]
        assert.deepInclude(error, { reason: "Failed", milliseconds: told })
        assert.deepStrictEqual(
          error.attempts.map(({ ended, reason, started, step }) => [step, reason, started, ended]),
          [
            ["dial", "TimedOut", 0, dialled],
            ["wait", "NotReached", 0, told]
          ]
        )
        assert.include(error.message, "the other side is there and could not dial back")
      }
      assert.strictEqual(left, 0)
    })
  )

  it.effect("both are behind one NAT that turns nothing round: they meet inside", () =>
    Effect.gen(function* () {
      const world = {
        hosts: { alice: { behind: "home" }, bob: { behind: "home" } },
        gateways: { home: { device: "port-restricted-cone-equal", outside: "internet" } }
      }
      const { left, result } = yield* aliceCallsBob(world)
      const called = Result.getOrThrow(result)
      assert.deepInclude(called, { strategy: "direct", remote: "192.168.1.3" })
      assert.strictEqual(called.attempts[0]!.why, "on the network of eth0")
      assert.strictEqual(left, 0)
    })
  )

  it.effect("both are behind NATs with the same numbers inside: nobody's neighbour is taken for a peer", () =>
    Effect.gen(function* () {
      const brokers = oneBroker()
      const world = { hosts: { alice: { behind: "linux-router" }, bob: { behind: "linux-router" } } }
      const {
        left,
        result,
        world: ran
      } = yield* aliceCallsBob(world, { alice: brokers, bob: brokers }, { trace: true })
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) assert.include(result.failure.message, "name a STUN server on both")
      assert.deepStrictEqual(ran.trace, [])
      assert.strictEqual(left, 0)
    })
  )
})

describe("peers on one machine", () => {
  it.effect("meet there, and nothing leaves it", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ hosts: { here: {} } }, { trace: true })
      const { here } = yield* world.run({
        here: Effect.gen(function* () {
          const address = mouth<string>()
          const bob = withPeer(
            { machine },
            Effect.gen(function* () {
              yield* echo
              yield* address.say(yield* (yield* Peer).addressText)
              yield* Effect.never
            })
          )
          const running = yield* Effect.forkChild(bob)
          const called = yield* withPeer(
            { machine },
            Effect.flatMap(address.hear, (to) => call(to))
          )
          yield* Fiber.interrupt(running)
          return called
        })
      })
      assert.strictEqual(here.attempts[0]!.why, "on this very machine")
      assert.deepStrictEqual(
        world.trace.filter(({ network }) => network === "internet"),
        []
      )
      assert.strictEqual(world.openSockets("here"), 0)
    })
  )
})

describe("peers with several interfaces", () => {
  it.effect("one of which is dead on each side: the others serve", () =>
    Effect.gen(function* () {
      const two = { interfaces: { dead: { link: { loss: 1 } }, alive: { behind: "open-internet" } } } as const
      const { left, result } = yield* aliceCallsBob({ hosts: { alice: two, bob: two } })
      const called = Result.getOrThrow(result)
      assert.strictEqual(called.strategy, "direct")
      assert.closeTo(called.took, 2 * 40, 1)
      assert.isAtLeast(called.attempts.filter(({ outcome }) => outcome === "superseded").length, 3)
      assert.strictEqual(left, 0)
    })
  )
})

describe("signalling that fails", () => {
  const hosts = { hosts: { alice: {}, bob: { behind: "symmetric-random" } } } as const

  it.effect("one broker is down, another is up", () =>
    Effect.gen(function* () {
      const brokers = new SimulatedBrokers({ "mqtt://down": {}, "mqtt://up": { latency: 30 } })
      brokers.set("mqtt://down", "down")
      const at = { brokers, at: ["mqtt://down", "mqtt://up"] }
      const { left, result } = yield* aliceCallsBob(hosts, { alice: at, bob: at })
      const called = Result.getOrThrow(result)
      assert.deepInclude(called, { strategy: "reverse", took: 30 + 2.5 * 40 })
      assert.strictEqual(left, 0)
    })
  )

  it.effect("the broker repeats, delays by five seconds and reorders", () =>
    Effect.gen(function* () {
      for (let seed = 0; seed < 5; seed++) {
        const brokers = oneBroker({ latency: "1 second", jitter: "5 seconds", duplication: 0.5 })
        const { left, result } = yield* aliceCallsBob(hosts, { alice: brokers, bob: brokers }, { seed })
        assert.strictEqual(Result.getOrThrow(result).strategy, "reverse")
        assert.strictEqual(left, 0)
      }
    })
  )

  it.effect("no broker at all: a direct connect works, and else the error names what is missing", () =>
    Effect.gen(function* () {
      const direct = yield* aliceCallsBob({ hosts: { alice: {}, bob: {} } })
      assert.strictEqual(Result.getOrThrow(direct.result).strategy, "direct")
      const { left, result } = yield* aliceCallsBob(hosts)
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) {
        assert.include(result.failure.message, "give both sides a broker")
      }
      assert.strictEqual(left, 0)
    })
  )

  it.effect("only the caller has a broker: nobody is asked by it, and the error comes at once", () =>
    Effect.gen(function* () {
      const { left, result } = yield* aliceCallsBob(hosts, { alice: oneBroker() })
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result) && result.failure._tag === "ConnectError") {
        assert.deepInclude(result.failure, { reason: "NoWay", milliseconds: 0 })
        const reverse = result.failure.attempts.find(({ strategy }) => strategy === "reverse")
        assert.deepInclude(reverse!, { outcome: "skipped", why: "its address names no broker to ask it by" })
        assert.include(result.failure.message, "give both sides a broker")
      }
      assert.strictEqual(left, 0)
    })
  )

  it.effect("the only broker is out of reach: a direct connect works, and reverse says why it does not", () =>
    Effect.gen(function* () {
      const brokers = oneBroker()
      brokers.brokers.set(BROKER, "down")
      const direct = yield* aliceCallsBob({ hosts: { alice: {}, bob: {} } }, { alice: brokers, bob: brokers })
      assert.strictEqual(Result.getOrThrow(direct.result).strategy, "direct")
      const { left, result } = yield* aliceCallsBob(hosts, {
        alice: brokers,
        bob: brokers,
        options: { deadline: "4 seconds" }
      })
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result) && result.failure._tag === "ConnectError") {
        const reverse = result.failure.attempts.find(({ strategy }) => strategy === "reverse")
        assert.deepInclude(reverse!, { step: "signal", outcome: "failed", reason: "NoBroker" })
        assert.include(result.failure.message, "no broker can be reached")
      }
      assert.strictEqual(left, 0)
    })
  )

  it.effect("clocks that differ by an hour either way", () =>
    Effect.gen(function* () {
      for (const clockSkew of ["1 hour", "-1 hours"] as const) {
        const brokers = oneBroker()
        const { left, result } = yield* aliceCallsBob(
          { hosts: { alice: { clockSkew }, bob: { behind: "symmetric-random" } } },
          { alice: brokers, bob: brokers }
        )
        assert.strictEqual(Result.getOrThrow(result).strategy, "reverse", clockSkew)
        assert.strictEqual(left, 0)
      }
    })
  )
})
