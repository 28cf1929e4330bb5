/** Messages between peers at brokers with every fault, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { MAX_BODY } from "../../../src/services/Messages.ts"
import * as Simulated from "../../../src/layers/signalling/Simulated.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import * as PeerId from "../../../src/schemas/PeerId.ts"
import type { World } from "../../../src/schemas/World.ts"
import { inWorld } from "../simulated/kit.ts"
import { bytes, echo, identityOf, peer, text } from "./kit.ts"

const A = "mqtt://a"
const B = "mqtt://b"
const ALICE = 1
const BOB = 2
const alice = identityOf(ALICE).peerId
const bob = identityOf(BOB).peerId
const hosts = { alice: {}, bob: {} } as const

const within = <A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, number], E, R> =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const result = yield* run
    return [result, (yield* Clock.currentTimeMillis) - start] as const
  })

/** Alice's program against a Bob that echoes messages of kind `echo`; gives what both saw. */
const meet = <A, E>(
  brokers: Simulated.SimulatedBrokers,
  program: (alice: Effect.Success<ReturnType<typeof peer>>) => Effect.Effect<A, E, never>,
  options: { readonly world?: World; readonly at?: ReadonlyArray<string>; readonly bobAt?: ReadonlyArray<string> } = {}
) =>
  Effect.gen(function* () {
    const { at = [A], bobAt = at, world = { hosts } } = options
    let seen: Effect.Success<ReturnType<typeof echo>> | undefined
    let dropped = () => ({})
    const ran = yield* SimulatedWorld.make(world as { hosts: typeof hosts })
    const outcomes = yield* ran.run(
      { alice: Effect.scoped(Effect.flatMap(peer(ALICE, brokers, at), program)) },
      {
        background: {
          bob: Effect.gen(function* () {
            const made = yield* peer(BOB, brokers, bobAt)
            dropped = made.messages.dropped
            seen = yield* echo(made, "echo")
            return yield* Effect.never
          }).pipe(Effect.scoped)
        }
      }
    )
    return { result: outcomes.alice, seen: seen!, dropped: dropped() }
  })

describe("messages", () => {
  it.effect("go one way in one trip, and there and back in two", () =>
    Effect.gen(function* () {
      const brokers = new Simulated.SimulatedBrokers({ [A]: { latency: "50 millis" } })
      const { result, seen } = yield* meet(brokers, ({ messages }) =>
        Effect.gen(function* () {
          const [answer, ms] = yield* within(messages.request(bob, "echo", bytes("hello")))
          assert.strictEqual(ms, 100)
          yield* messages.send(bob, "echo", bytes("bye"))
          yield* Effect.sleep("1 second")
          return answer
        })
      )
      assert.strictEqual(text(result), "hello")
      assert.strictEqual(result.from, bob)
      assert.strictEqual(result.kind, "echo")
      assert.deepStrictEqual(seen.handled.map(text), ["hello", "bye"])
      const [first] = seen.handled
      assert.strictEqual(first?.from, alice)
      assert.strictEqual(first!.receivedAt - first!.sentAt, 50)
    })
  )

  it.effect("get through brokers that lose half of them, and are handled once", () =>
    Effect.gen(function* () {
      const brokers = new Simulated.SimulatedBrokers({ [A]: { latency: "20 millis", loss: 0.5 } })
      const { seen } = yield* meet(brokers, ({ messages }) =>
        Effect.forEach(
          Array.from({ length: 40 }, (_, n) => `${n}`),
          (name) =>
            Effect.tap(messages.request(bob, "echo", bytes(name), { timeout: "2 minutes" }), (answer) =>
              Effect.sync(() => assert.strictEqual(text(answer), name))
            )
        )
      )
      assert.deepStrictEqual(
        seen.handled.map(text),
        Array.from({ length: 40 }, (_, n) => `${n}`)
      )
    })
  )

  it.effect("are handled once when brokers duplicate and reorder them, and two brokers carry them", () =>
    Effect.gen(function* () {
      const faults = { latency: "20 millis", jitter: "500 millis", duplication: 0.5 } as const
      const brokers = new Simulated.SimulatedBrokers({ [A]: faults, [B]: faults })
      const names = Array.from({ length: 30 }, (_, n) => `${n}`)
      const { dropped, seen } = yield* meet(
        brokers,
        ({ messages }) =>
          Effect.gen(function* () {
            yield* Effect.forEach(names, (name) => messages.send(bob, "echo", bytes(name)))
            yield* Effect.sleep("2 seconds")
          }),
        { at: [A, B] }
      )
      assert.sameMembers(seen.handled.map(text), names)
      assert.notDeepEqual(seen.handled.map(text), names, "they came in another order")
      assert.propertyVal(dropped, "limited", 0)
      assert.isAbove((dropped as { replayed: number }).replayed, 30)
    })
  )

  it.effect("come by the other broker while one is down, and again when it is back", () =>
    Effect.gen(function* () {
      const brokers = new Simulated.SimulatedBrokers({ [A]: {}, [B]: {} })
      yield* meet(
        brokers,
        ({ messages, signalling }) =>
          Effect.gen(function* () {
            brokers.set(A, "down")
            assert.strictEqual(text(yield* messages.request(bob, "echo", bytes("by b"))), "by b")
            assert.deepStrictEqual(
              (yield* signalling.states).map(({ state }) => state),
              ["waiting", "connected"]
            )
            brokers.set(B, "down")
            const [failed, ms] = yield* within(Effect.flip(messages.send(bob, "echo", bytes("lost"))))
            assert.deepStrictEqual([failed.reason, ms], ["NoBroker", 0])
            assert.include(failed.message, "mqtt://b: it is down")
            const asking = yield* Effect.forkChild(within(messages.request(bob, "echo", bytes("later"))))
            yield* Effect.sleep("3 seconds")
            brokers.set(A, "up")
            yield* signalling.ready
            const [answer, took] = yield* Fiber.join(asking)
            assert.strictEqual(text(answer), "later")
            assert.isAbove(took, 3000)
            assert.isBelow(took, 8000)
          }),
        { at: [A, B] }
      )
    })
  )

  it.effect("are answered by a broker of the recipient that is not the sender's", () =>
    Effect.gen(function* () {
      const brokers = new Simulated.SimulatedBrokers({ [A]: {}, [B]: {} })
      yield* meet(
        brokers,
        ({ messages }) =>
          Effect.gen(function* () {
            const failed = yield* Effect.flip(messages.request(bob, "echo", bytes("?"), { timeout: "3 seconds" }))
            assert.strictEqual(failed.reason, "NoAnswer")
            const answer = yield* messages.request(bob, "echo", bytes("hello"), { via: [B] })
            assert.strictEqual(text(answer), "hello")
          }),
        { at: [A], bobAt: [B] }
      )
    })
  )

  for (const clockSkew of ["1 hour", "-1 hours"] as const) {
    it.effect(`work between clocks ${clockSkew} apart, and expire`, () =>
      Effect.gen(function* () {
        const brokers = new Simulated.SimulatedBrokers({ [A]: { latency: "50 millis" } })
        const { dropped, seen } = yield* meet(
          brokers,
          ({ messages }) =>
            Effect.gen(function* () {
              assert.strictEqual(text(yield* messages.request(bob, "echo", bytes("first"))), "first")
              brokers.change(A, { latency: "5 seconds" })
              yield* messages.send(bob, "echo", bytes("slow"))
              brokers.change(A, { latency: "29 seconds" })
              yield* messages.send(bob, "echo", bytes("slower"))
              brokers.change(A, { latency: "31 seconds" })
              yield* messages.send(bob, "echo", bytes("late"))
              yield* Effect.sleep("1 minute")
            }),
          { world: { hosts: { alice: {}, bob: { clockSkew } } } }
        )
        assert.deepStrictEqual(seen.handled.map(text), ["first", "slow", "slower"])
        assert.propertyVal(dropped, "expired", 1)
      })
    )
  }

  it.effect("fail in the time given, and say what is known", () =>
    Effect.gen(function* () {
      const brokers = new Simulated.SimulatedBrokers({ [A]: { latency: "10 millis" } })
      yield* meet(brokers, ({ messages, tables }) =>
        Effect.gen(function* () {
          const nobody = identityOf(77).peerId
          const [failed, ms] = yield* within(Effect.flip(messages.request(nobody, "echo", bytes("?"))))
          assert.deepStrictEqual(
            [failed.reason, failed.op, failed.to, failed.kind],
            ["NoAnswer", "request", nobody, "echo"]
          )
          assert.strictEqual(ms, 10_000)
          assert.match(failed.message, /no answer in 10000 ms, asked [3-6] times/)

          brokers.set(A, "down")
          const [down, took] = yield* within(
            Effect.flip(messages.request(bob, "echo", bytes("?"), { timeout: "7 seconds" }))
          )
          assert.deepStrictEqual([down.reason, took], ["NoBroker", 7000])
          assert.include(down.message, "mqtt://a: it is down")
          brokers.set(A, "up")

          const [none, at] = yield* within(Effect.flip(messages.request(bob, "echo", bytes("?"), { via: [] })))
          assert.deepStrictEqual([none.reason, at], ["NoBroker", 0])

          const large = yield* Effect.flip(messages.send(bob, "echo", new Uint8Array(MAX_BODY + 1)))
          assert.strictEqual(large.reason, "TooLarge")
          const most = yield* messages.request(bob, "echo", new Uint8Array(MAX_BODY).fill(7))
          assert.deepStrictEqual(most.body, new Uint8Array(MAX_BODY).fill(7))

          const unusable = PeerId.fromKey(new Uint8Array(32))
          const nowhere = yield* Effect.flip(messages.request(unusable, "echo", bytes("?")))
          assert.strictEqual(nowhere.reason, "NoSuchPeer")
          assert.strictEqual((yield* Effect.flip(messages.send(unusable, "echo", bytes("?")))).reason, "NoSuchPeer")
          assert.strictEqual(tables.sizes.pending, 0)
        })
      )
    })
  )

  it.effect("wait for a bounded number of answers, and are forgotten when interrupted", () =>
    Effect.gen(function* () {
      const brokers = new Simulated.SimulatedBrokers({ [A]: {} })
      yield* inWorld(
        { hosts },
        {
          alice: Effect.gen(function* () {
            const { messages, tables } = yield* peer(ALICE, brokers, [A], { pending: 5 })
            const asking = yield* Effect.forkChild(
              Effect.forEach([1, 2, 3, 4, 5], () => messages.request(bob, "x", bytes("?")), {
                concurrency: "unbounded"
              })
            )
            yield* Effect.sleep("1 second")
            assert.strictEqual(tables.sizes.pending, 5)
            assert.strictEqual((yield* Effect.flip(messages.request(bob, "x", bytes("?")))).reason, "TooMany")
            yield* Fiber.interrupt(asking)
            assert.strictEqual(tables.sizes.pending, 0)
          }).pipe(Effect.scoped)
        }
      )
    })
  )
})

describe("handlers", () => {
  const brokers = () => new Simulated.SimulatedBrokers({ [A]: { latency: "10 millis" } })
  const askOf = (at: Simulated.SimulatedBrokers, kind: string, body = "") =>
    Effect.scoped(
      Effect.flatMap(peer(ALICE, at, [A]), ({ messages }) =>
        messages.request(bob, kind, bytes(body), { timeout: "5 seconds" })
      )
    )

  it.effect("tell their failures, without what moves a terminal, and nothing of their defects", () =>
    Effect.gen(function* () {
      const at = brokers()
      const world = yield* SimulatedWorld.make({ hosts })
      const { alice } = yield* world.run(
        {
          alice: Effect.all([
            Effect.flip(askOf(at, "fails")),
            Effect.flip(askOf(at, "dies")),
            Effect.flip(askOf(at, "silent")),
            Effect.flip(askOf(at, "forbidden"))
          ])
        },
        {
          background: {
            bob: Effect.gen(function* () {
              const { messages } = yield* peer(BOB, at, [A])
              const allow = () => Effect.succeed(true)
              yield* messages.handle("fails", {
                allow,
                handler: () => Effect.fail(new Error(`no \u001b[2J room${"!".repeat(400)}`))
              })
              yield* messages.handle("dies", { allow, handler: () => Effect.die(new Error("secret")) })
              yield* messages.handle("silent", { allow, handler: () => Effect.succeed(undefined) })
              yield* messages.handle("forbidden", {
                allow: () => Effect.succeed(false),
                handler: () => Effect.die(new Error("never called"))
              })
              return yield* Effect.never
            }).pipe(Effect.scoped)
          }
        }
      )
      const [fails, dies, silent, forbidden] = alice
      assert.deepStrictEqual(
        alice.map(({ reason }) => reason),
        ["Refused", "Refused", "NoAnswer", "NoAnswer"]
      )
      assert.match(fails.problem, /^it refused: no  \[2J room!+$/)
      assert.isBelow(fails.problem.length, 320)
      assert.strictEqual(dies.problem, "it refused: its handler failed")
      assert.strictEqual(silent.problem, forbidden.problem)
    })
  )

  it.effect(
    "run once for a request that is repeated while they run, and its answer is given when it is asked again",
    () =>
      Effect.gen(function* () {
        const at = brokers()
        let runs = 0
        const world = yield* SimulatedWorld.make({ hosts })
        const { alice } = yield* world.run(
          { alice: within(askOf(at, "slow")) },
          {
            background: {
              bob: Effect.gen(function* () {
                const { messages } = yield* peer(BOB, at, [A])
                yield* messages.handle("slow", {
                  allow: () => Effect.succeed(true),
                  handler: () =>
                    Effect.gen(function* () {
                      runs++
                      yield* Effect.sleep("2500 millis")
                      // The first answer does not get through.
                      at.change(A, { loss: 1 })
                      yield* Effect.forkDetach(
                        Effect.andThen(
                          Effect.sleep("100 millis"),
                          Effect.sync(() => at.change(A, { loss: 0 }))
                        )
                      )
                      return bytes("done")
                    })
                })
                return yield* Effect.never
              }).pipe(Effect.scoped)
            }
          }
        )
        assert.strictEqual(text(alice[0]), "done")
        assert.isAbove(alice[1], 2500)
        assert.strictEqual(runs, 1)
      })
  )

  it.effect("end with their scope, which interrupts what they do, and leaves the kind to another", () =>
    Effect.gen(function* () {
      const at = brokers()
      const log: Array<string> = []
      yield* inWorld(
        { hosts },
        {
          alice: Effect.gen(function* () {
            assert.strictEqual((yield* Effect.flip(askOf(at, "work", "1"))).reason, "NoAnswer")
            assert.strictEqual(text(yield* askOf(at, "work", "2")), "other")
          }),
          bob: Effect.gen(function* () {
            const { messages, tables } = yield* peer(BOB, at, [A])
            const allow = () => Effect.succeed(true)
            yield* Effect.scoped(
              Effect.gen(function* () {
                yield* messages.handle("work", {
                  allow,
                  handler: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("interrupted")))
                })
                const again = messages.handle("work", { allow, handler: () => Effect.succeed(undefined) })
                const exit = yield* Effect.exit(Effect.scoped(again))
                assert.strictEqual(exit._tag, "Failure", "one handler a kind")
                yield* Effect.sleep("1 second")
                assert.strictEqual(tables.sizes.handling, 1)
              })
            )
            assert.deepStrictEqual(log, ["interrupted"])
            assert.strictEqual(tables.sizes.handling, 0)
            yield* messages.handle("work", { allow, handler: () => Effect.succeed(bytes("other")) })
            yield* Effect.sleep("10 seconds")
          }).pipe(Effect.scoped)
        }
      )
    })
  )
})
