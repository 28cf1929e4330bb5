/** Signalling by MQTT through embedded brokers that come and go. */
import { assert, describe, it } from "@effect/vitest"
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as MessagesLayer from "../../../src/layers/Messages.ts"
import { Tables } from "../../../src/layers/messages/Tables.ts"
import { SECRET_BYTES } from "../../../src/protocols/envelope/ReplayWindow.ts"
import type { RunningBroker } from "../../../src/services/Broker.ts"
import { Identity } from "../../../src/services/Identity.ts"
import { Signalling } from "../../../src/services/Signalling.ts"
import { identity, randomness } from "../../protocols/envelope/kit.ts"
import { openSockets } from "../../support/realWorld.ts"
import { at, broker, carries, hear, letter, peer, uriOf } from "./kit.ts"
import { connack, liar } from "./liar.ts"

/** Waits for what is about to be true. */
const until = (holds: () => boolean | Effect.Effect<boolean>) =>
  Effect.suspend(() => {
    const now = holds()
    return typeof now === "boolean" ? Effect.succeed(now) : now
  }).pipe(Effect.repeat({ until: (now) => now, schedule: Schedule.spaced("5 millis") }), Effect.timeout("10 seconds"))

/** Of this machine; nobody listens there. */
const CLOSED = "mqtt://127.0.0.1:1"

const portOf = ({ endpoints }: RunningBroker): number => endpoints[0]!.local.port

describe("envelopes", () => {
  for (const transport of ["tcp", "websocket"] as const) {
    it.live(`go from peer to peer by ${transport}`, () =>
      Effect.gen(function* () {
        const running = yield* broker()
        const uri = uriOf(running, transport)
        const alice = yield* peer(1, { brokers: [uri] })
        const bob = yield* peer(2, { brokers: [uri] })
        yield* alice.signalling.ready
        yield* bob.signalling.ready
        assert.deepStrictEqual(yield* alice.signalling.states, [{ uri, state: "connected", problem: undefined }])
        assert.isTrue(yield* carries(alice, bob))
        assert.isTrue(yield* carries(bob, alice))
        const hearing = yield* hear(bob, 1)
        yield* alice.signalling.send(bob.id, letter(9, 16_384), { expiry: 30_000 })
        assert.deepStrictEqual(yield* Fiber.join(hearing), [9])
        const large = yield* Effect.flip(alice.signalling.send(bob.id, letter(9, 16_385), { expiry: 1000 }))
        assert.include(large.message, "16385 bytes")
      })
    )
  }

  it.live("come by every broker that works, and fail with what each of them said", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* broker(), yield* broker()]
      const brokers = [uriOf(one), "mqtt://127.0.0.1:1", uriOf(two, "websocket")]
      const alice = yield* peer(1, { brokers })
      const bob = yield* peer(2, { brokers })
      assert.deepStrictEqual(alice.signalling.brokers, brokers)
      yield* until(() => one.stats().clients + two.stats().clients === 4)
      const hearing = yield* hear(bob, 2)
      yield* alice.signalling.send(bob.id, letter(3), { expiry: 30_000 })
      assert.deepStrictEqual(yield* Fiber.join(hearing), [3, 3], "a copy by each")
      const failed = yield* Effect.flip(
        alice.signalling.send(bob.id, letter(3), { via: ["mqtt://127.0.0.1:1", "nonsense"], expiry: 1000 })
      )
      assert.include(failed.message, "mqtt://127.0.0.1:1: connect ECONNREFUSED")
      assert.include(failed.message, "nonsense: a broker begins with")
    })
  )

  it.live("come again when a broker was restarted", () =>
    Effect.gen(function* () {
      const first = yield* Scope.make()
      const running = yield* Scope.provide(broker({ tcp: [at(0)] }), first)
      const brokers = [uriOf(running)]
      const alice = yield* peer(1, { brokers })
      const bob = yield* peer(2, { brokers })
      yield* Effect.all([alice.signalling.ready, bob.signalling.ready])
      assert.isTrue(yield* carries(alice, bob))
      yield* Scope.close(first, Exit.void)
      yield* until(() => Effect.map(alice.signalling.states, ([state]) => state!.state !== "connected"))
      const failed = yield* Effect.flip(alice.signalling.send(bob.id, letter(1), { expiry: 1000 }))
      assert.strictEqual(failed.brokers.length, 1)
      yield* broker({ tcp: [at(portOf(running))] })
      yield* Effect.all([alice.signalling.ready, bob.signalling.ready])
      assert.isTrue(yield* carries(alice, bob))
    })
  )

  it.live("are carried to who is at other brokers, and back the same way", () =>
    Effect.gen(function* () {
      const [mine, theirs] = [yield* broker(), yield* broker()]
      const alice = yield* peer(1, { brokers: [uriOf(mine)] })
      const bob = yield* peer(2, { brokers: [uriOf(theirs)] })
      yield* Effect.all([alice.signalling.ready, bob.signalling.ready])
      const via = [uriOf(theirs)]
      assert.isTrue(yield* carries(alice, bob, via))
      assert.isTrue(yield* carries(bob, alice), "Bob sends by his own broker, where Alice is too for a while")
      assert.strictEqual(theirs.stats().clients, 2)
      assert.isTrue(yield* carries(alice, bob, via))
      assert.strictEqual(theirs.stats().clients, 2, "by the same connection")
      assert.deepStrictEqual(alice.signalling.brokers, [uriOf(mine)], "and not told to anybody")
      assert.strictEqual((yield* alice.signalling.states).length, 1)
    })
  )

  it.live("go to so many brokers of others, and no more", () =>
    Effect.gen(function* () {
      const uri = yield* liar(() => {}, { greet: false })
      const alice = yield* peer(1, { brokers: [CLOSED] })
      const send = (via: ReadonlyArray<string>) => alice.signalling.send(alice.id, letter(1), { via, expiry: 1000 })
      const all = Array.from({ length: 32 }, (_, n) => `${uri.replace("mqtt", "ws")}/${n}`)
      const sending = yield* Effect.forkChild(send(all), { startImmediately: true })
      const failed = yield* Effect.flip(send([uri]))
      assert.include(failed.message, "at 32 brokers of others already")
      yield* Fiber.interrupt(sending)
    })
  )

  it.live("go to one broker by one connection, however it is written", () =>
    Effect.gen(function* () {
      const theirs = yield* broker()
      const alice = yield* peer(1, { brokers: [CLOSED] })
      const bob = yield* peer(2, { brokers: [uriOf(theirs)] })
      yield* bob.signalling.ready
      const port = portOf(theirs)
      const spellings = [
        "mqtt://127.0.0.1",
        "MQTT://127.0.0.1",
        "mqtt://127.1",
        "mqtt://0x7f000001",
        "mqtt://2130706433"
      ]
      const via = [...spellings.map((uri) => `${uri}:${port}`), `mqtt://127.0.0.1:${port}/`]
      const hearing = yield* hear(bob, 1)
      yield* alice.signalling.send(bob.id, letter(4), { via, expiry: 30_000 })
      assert.deepStrictEqual(yield* Fiber.join(hearing), [4])
      for (const uri of via) assert.isTrue(yield* carries(alice, bob, [uri]))
      assert.strictEqual(theirs.stats().clients, 2)
    })
  )

  it.live("go to this machine and to private networks for a stranger only where own brokers are", () =>
    Effect.gen(function* () {
      let connections = 0
      const uri = yield* liar(() => connections++)
      const place = uri.slice("mqtt://".length)
      const port = place.split(":")[1]
      const problemsOf = Effect.fnUntraced(function* (brokers: ReadonlyArray<string>, via: ReadonlyArray<string>) {
        const alice = yield* peer(1, { brokers })
        const failed = yield* Effect.flip(alice.signalling.send(alice.id, letter(1), { via, expiry: 1000 }))
        return failed.brokers.map(({ problem }) => problem)
      })
      const inside = ["mqtt://192.168.1.1", "ws://[fd00::1]:8080/reboot", "mqtts://[64:ff9b::a00:1]"]
      const here = [uri, `ws://${place}/reboot`, `mqtt://localhost:${port}`, `mqtt://0.0.0.0:${port}`]
      const expected = (count: number, where: RegExp, problems: ReadonlyArray<string | undefined>) => {
        assert.strictEqual(problems.length, count)
        for (const problem of problems) assert.match(problem ?? "", where)
      }
      expected(4, /is this machine itself, and no broker of this peer is/, yield* problemsOf([], here))
      expected(3, /is in a private network, and no broker of this peer is/, yield* problemsOf([CLOSED], inside))
      expected(1, /no broker can be at 240\.0\.0\.1/, yield* problemsOf([CLOSED], ["mqtt://240.0.0.1"]))
      assert.strictEqual(connections, 0)
      const alice = yield* peer(1, { brokers: [CLOSED] })
      const sending = alice.signalling.send(alice.id, letter(1), { via: [uri], expiry: 1000 })
      yield* Effect.forkChild(Effect.ignore(sending))
      yield* until(() => connections === 1)
    })
  )

  it.live("that no broker can ever take are not sent again and again", () =>
    Effect.gen(function* () {
      const errorOf = Effect.fnUntraced(function* (brokers: ReadonlyArray<string>, via: ReadonlyArray<string>) {
        const { id, signalling } = yield* peer(1, { brokers })
        const messages = yield* MessagesLayer.make(new Tables(new Uint8Array(SECRET_BYTES))).pipe(
          Effect.provideService(Signalling, signalling),
          Effect.provideService(Identity, identity(1)),
          Effect.provideService(SecureRandom, randomness(7))
        )
        const asking = messages.request(id, "test", letter(1), { via, timeout: "1 second" })
        const [took, failed] = yield* Effect.timed(Effect.flip(asking))
        assert.strictEqual(failed.reason, "NoBroker")
        return { isQuick: Duration.toMillis(took) < 900, problem: failed.problem }
      })
      const ruledOut = ["nonsense", CLOSED, "mqtt://192.168.1.1", "mqtt://240.0.0.1", "mqtt://me:secret@broker.invalid"]
      const never = yield* errorOf([], ruledOut)
      assert.isTrue(never.isQuick)
      assert.include(never.problem, "no broker can take it")
      // One of them is only out of reach.
      assert.isFalse((yield* errorOf([CLOSED], ruledOut)).isQuick)
      // A name that is not looked up yet may lead anywhere, but nowhere is not where brokers are.
      const named = ["mqtt://broker.invalid"]
      assert.isFalse((yield* errorOf(named, [CLOSED])).isQuick)
      assert.isTrue((yield* errorOf(named, ["mqtt://240.0.0.1"])).isQuick)
      assert.isTrue((yield* errorOf(["mqtt://localhost:1"], ["mqtt://10.0.0.1"])).isQuick)
    })
  )

  it.live("need a broker", () =>
    Effect.gen(function* () {
      const alice = yield* peer(1, { brokers: [] })
      assert.deepStrictEqual(yield* alice.signalling.states, [])
      const ready = yield* Effect.flip(alice.signalling.ready)
      assert.strictEqual(ready.message, "signalling receive: no broker is configured: name one")
      const failed = yield* Effect.flip(alice.signalling.send(alice.id, letter(1), { expiry: 1000 }))
      assert.include(failed.message, "there is no broker to send it by")
    })
  )
})

describe("MQTT 3.1.1", () => {
  it.live("is spoken to a broker that hangs up at MQTT 5 without a word, and from then on at once", () =>
    Effect.gen(function* () {
      const versions: Array<number> = []
      const uri = yield* liar(
        ({ socket, version }) => {
          versions.push(version)
          if (version === 5) return socket.destroy()
          socket.write(connack(version))
          if (versions.length < 3) setTimeout(() => socket.end(), 20)
        },
        { greet: false }
      )
      const alice = yield* peer(1, { brokers: [uri] })
      yield* Effect.timeout(alice.signalling.ready, "5 seconds")
      yield* until(() => versions.length === 3)
      assert.deepStrictEqual(versions, [5, 4, 4])
    })
  )
})

describe("a configuration", () => {
  it.live("that makes no sense is refused, without telling secrets", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(peer(1, { brokers: ["mqtt://good", "mqtt://user:secret@h:99999"] }))
      assert.strictEqual(failed.op, "configure")
      assert.include(failed.message, "broker 2 of 2")
      assert.notInclude(failed.message, "secret")
    })
  )

  it.live("keeps user names and passwords out of what others see", () =>
    Effect.gen(function* () {
      const password = Redacted.make("secret")
      const alice = yield* peer(1, {
        brokers: [
          "mqtt://alice:secret@127.0.0.1:1",
          { uri: "ws://127.0.0.1:1/x?token=secret", username: "alice", password }
        ]
      })
      const failed = yield* Effect.flip(alice.signalling.send(alice.id, letter(1), { expiry: 1000 }))
      const seen = JSON.stringify([alice.signalling.brokers, yield* alice.signalling.states, failed.message])
      assert.notInclude(seen, "secret")
      assert.notInclude(seen, "alice")
    })
  )
})

describe("an end", () => {
  it.live("says good-bye and leaves no socket", () =>
    Effect.gen(function* () {
      const goodbyes: Array<number> = []
      const uri = yield* liar(({ socket }) => socket.on("data", (data: Buffer) => void goodbyes.push(data[0]!)))
      const running = yield* broker()
      const before = openSockets()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const alice = yield* peer(1, { brokers: [uri, uriOf(running), uriOf(running, "websocket")] })
          yield* until(() =>
            Effect.map(alice.signalling.states, (states) => states.every(({ state }) => state === "connected"))
          )
          assert.isAbove(openSockets(), before)
        })
      )
      yield* until(() => openSockets() <= before && running.stats().clients === 0)
      assert.strictEqual(goodbyes.at(-1), 0xe0, "DISCONNECT")
    })
  )

  it.live("in the middle of anything leaves no socket", () =>
    Effect.gen(function* () {
      const silent = yield* liar(() => {}, { greet: false })
      const deaf = yield* liar(() => {}, { subscribe: false })
      const lazy = yield* liar(() => {})
      const running = yield* broker()
      const before = openSockets()
      const uris = [silent, deaf, lazy, silent.replace("mqtt", "ws"), silent.replace("mqtt", "mqtts"), uriOf(running)]
      for (const uri of uris) {
        for (const millis of [0, 1, 5, 20, 60]) {
          const running = Effect.gen(function* () {
            const alice = yield* peer(1, { brokers: [uri] })
            yield* Effect.exit(alice.signalling.send(alice.id, letter(1), { expiry: 1000 }))
            return yield* Effect.never
          })
          yield* Effect.timeoutOption(Effect.scoped(running), millis)
        }
      }
      yield* until(() => openSockets() <= before)
    })
  )
})

describe("states", () => {
  it.live("tell what is tried, and why the last try failed", () =>
    Effect.gen(function* () {
      const silent = yield* liar(() => {}, { greet: false })
      const alice = yield* peer(1, { brokers: [silent, "mqtt://127.0.0.1:1"] })
      yield* until(() => Effect.map(alice.signalling.states, (states) => states[1]!.state === "waiting"))
      const states = yield* alice.signalling.states
      assert.deepStrictEqual(states[0], { uri: silent, state: "connecting", problem: undefined })
      assert.include(states[1]!.problem, "ECONNREFUSED")
    })
  )
})
