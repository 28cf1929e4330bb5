import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Outside from "../../../src/layers/simulated/Outside.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import type { SimulationError } from "../../../src/layers/simulated/SimulationError.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { at, bind, bytes, dial, inWorld, text } from "./kit.ts"

const two = { link: { latency: 10 }, hosts: { alice: {}, bob: {} } } as const

const stopped = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.flip(effect as Effect.Effect<unknown, SimulationError>)

describe("virtual time", () => {
  it.effect("lets an hour pass in next to none", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(two)
      const before = performance.now()
      const ticks = yield* world.run(
        Effect.gen(function* () {
          let ticks = 0
          while (ticks < 3600) {
            yield* Effect.sleep("1 second")
            ticks++
          }
          return ticks
        })
      )
      assert.strictEqual(ticks, 3600)
      assert.strictEqual(world.now, 3_600_000)
      assert.isBelow(performance.now() - before, 2000)
    })
  )

  it.effect("runs races, timeouts, queues and interruption as real time does", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(two)
      const result = yield* world.run(
        Effect.gen(function* () {
          const raced = yield* Effect.race(Effect.as(Effect.sleep(30), "slow"), Effect.as(Effect.sleep(20), "fast"))
          const late = yield* Effect.timeoutOption(Effect.sleep(100), 10)
          const queue = yield* Queue.unbounded<number>()
          const taker = yield* Effect.forkChild(Queue.take(queue))
          yield* Effect.forkChild(Effect.andThen(Effect.sleep(5), Queue.offer(queue, 7)))
          const taken = yield* Fiber.join(taker)
          const sleeper = yield* Effect.forkChild(Effect.sleep("1 hour"))
          yield* Effect.sleep(1)
          yield* Fiber.interrupt(sleeper)
          return [raced, late._tag, taken, yield* Clock.currentTimeMillis]
        })
      )
      assert.deepStrictEqual(result, ["fast", "None", 7, Date.parse("2026-01-01T00:00:00Z") + 36])
    })
  )

  it.effect("shows each host its own clock", () =>
    Effect.gen(function* () {
      const skewed = {
        start: "2030-05-05T00:00:00Z",
        hosts: { alice: { clockSkew: "3 seconds" }, bob: { clockSkew: -500 }, carol: {} }
      } as const
      const now = Effect.andThen(
        Effect.sleep(10.75),
        Effect.all([Clock.currentTimeMillis, Clock.currentTimeNanos, Clock.monotonicTimeNanos])
      )
      const { outcomes } = yield* inWorld(skewed, { alice: now, bob: now, carol: now })
      const start = Date.parse("2030-05-05T00:00:00Z")
      assert.deepStrictEqual(
        [outcomes.alice[0], outcomes.bob[0], outcomes.carol[0]],
        [start + 3010, start - 490, start + 10]
      )
      assert.strictEqual(outcomes.carol[1], BigInt(start) * BigInt(1_000_000) + BigInt(10_750_000))
      assert.strictEqual(outcomes.alice[2], BigInt(10_750_000))
    })
  )

  it.effect("ends with the waits of every host when nothing can happen any more", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(two)
      const error = yield* stopped(
        world.run({
          alice: Effect.scoped(Effect.flatMap(bind({ port: 9000 }), (socket) => socket.pull)),
          bob: Effect.scoped(
            Effect.gen(function* () {
              const listener = yield* (yield* Tcp).listen({ port: 80 })
              return yield* listener.accept
            })
          )
        })
      )
      assert.strictEqual(error.reason._tag, "Deadlock")
      assert.strictEqual(
        error.message,
        "deadlock at 0.000 s: every fibre waits on something that can never happen (unfinished: alice, bob). " +
          "Waiting: alice on a datagram on [::]:9000; bob on a connection to [::]:80"
      )
      assert.strictEqual(world.openSockets("alice") + world.openSockets("bob"), 0)
    })
  )

  it.effect("calls a wait on nothing but fibres a deadlock as well", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(two)
      const error = yield* stopped(world.run(Effect.flatMap(Deferred.make<void>(), Deferred.await)))
      assert.include(error.message, "no socket is waited for")
    })
  )

  it.effect("ends what takes longer than its limit, and what never lets time go on", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(two)
      const late = yield* stopped(world.run(Effect.forever(Effect.sleep("1 second")), { limit: "1 minute" }))
      assert.strictEqual(late.reason._tag, "TimeLimit")
      assert.include(late.message, "60.000 s")
      const stuck = yield* stopped(world.run(Effect.forever(Effect.yieldNow)))
      assert.strictEqual(stuck.reason._tag, "TimeStandsStill")
    })
  )

  it.effect("lets finalizers take time, and gives up on those that never end", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(two)
      const seen: Array<number> = []
      const slowly = Effect.ensuring(
        Effect.never,
        Effect.andThen(
          Effect.sleep("5 seconds"),
          Effect.sync(() => seen.push(world.now))
        )
      )
      const error = yield* stopped(world.run(slowly))
      assert.strictEqual(error.reason._tag, "Deadlock")
      assert.deepStrictEqual(seen, [5000])
      const never = yield* stopped(world.run(Effect.ensuring(Effect.never, Effect.never)))
      assert.strictEqual(never.reason._tag, "Deadlock")
    })
  )

  it.effect("ends with the first failure, the others interrupted", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(two)
      let interrupted = false
      const exit = yield* Effect.exit(
        world.run({
          alice: Effect.andThen(Effect.sleep(10), Effect.fail("no")),
          bob: Effect.onInterrupt(Effect.sleep("1 hour"), () => Effect.sync(() => (interrupted = true)))
        })
      )
      assert.deepStrictEqual(exit, Exit.fail("no"))
      assert.isTrue(interrupted)
      assert.strictEqual(world.now, 10)
    })
  )

  it.effect("runs servers in the background, until the others are done", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(two)
      let ended = 0
      const server = Effect.gen(function* () {
        const listener = yield* (yield* Tcp).listen({ port: 80 })
        while (true) {
          const connection = yield* listener.accept
          yield* connection.write(bytes("welcome"))
        }
      }).pipe(Effect.scoped, Effect.ensuring(Effect.sync(() => ended++)))
      const client = Effect.gen(function* () {
        const connection = yield* dial("11.0.0.2:80")
        return text((yield* connection.pull)[0]!)
      }).pipe(Effect.scoped)
      assert.deepStrictEqual(yield* world.run({ alice: client }, { background: { bob: server } }), { alice: "welcome" })
      assert.strictEqual(ended, 1)
      assert.strictEqual(world.openSockets("bob"), 0)
      const failed = yield* Effect.exit(
        world.run({ alice: Effect.sleep("1 hour") }, { background: { bob: Effect.fail("no port") } })
      )
      assert.deepStrictEqual(failed, Exit.fail("no port"))
    })
  )

  it.live("stands still while something outside is under way, and answers in the order of asking", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(two)
      const digest = (name: string) =>
        Outside.call(
          Effect.promise(() => crypto.subtle.digest("SHA-256", bytes(name)).then((hash) => new Uint8Array(hash)[0]))
        )
      const order: Array<string> = []
      const slow = (name: string, millis: number) =>
        Effect.tap(Outside.call(Effect.as(Effect.sleep(millis), name)), () => Effect.sync(() => order.push(name)))
      const result = yield* world.run(
        Effect.gen(function* () {
          const hashed = yield* Effect.timeoutOption(digest("x"), 1)
          yield* Effect.all([slow("first", 20), slow("second", 1)], { concurrency: 2 })
          return [hashed._tag, world.now]
        })
      )
      assert.deepStrictEqual(result, ["Some", 0])
      assert.deepStrictEqual(order, ["first", "second"])
    })
  )

  it.live("lets a guest's own events happen before time goes on", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(two)
      const hops = Effect.callback<void>((resume) => {
        let left = 5
        const hop = () => (left-- > 0 ? setImmediate(hop) : resume(Effect.void))
        hop()
      })
      const result = yield* world.run(Effect.scoped(Effect.andThen(Outside.guest, Effect.timeoutOption(hops, 1))))
      assert.strictEqual(result._tag, "Some")
    })
  )

  it.live("drives itself for programs that are provided a host and run by others", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(two)
      const server = Effect.gen(function* () {
        const listener = yield* (yield* Tcp).listen({ port: 80 })
        const connection = yield* listener.accept
        yield* connection.writeAll(yield* connection.pull)
        yield* connection.closed
      }).pipe(Effect.scoped, Effect.provide(world.host("bob")))
      const client = Effect.gen(function* () {
        const connection = yield* dial("11.0.0.2:80")
        yield* connection.write(bytes("alone"))
        return text((yield* connection.pull)[0]!)
      }).pipe(Effect.scoped, Effect.provide(world.host("alice")))
      const fiber = yield* Effect.forkChild(server)
      assert.strictEqual(yield* client, "alone")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(world.openSockets("bob"), 0)
    })
  )

  it.effect("sets no timer of the machine", () =>
    Effect.gen(function* () {
      const kept = { setTimeout: globalThis.setTimeout, setInterval: globalThis.setInterval }
      let set = 0
      Object.assign(globalThis, { setTimeout: () => set++, setInterval: () => set++ })
      const ran = yield* Effect.exit(
        inWorld(two, {
          alice: Effect.gen(function* () {
            const socket = yield* bind()
            yield* socket.send(bytes("x"), at("11.0.0.2:9000"))
            yield* Effect.sleep("1 minute")
            yield* Effect.exit(dial("11.0.0.9:80"))
          }).pipe(Effect.scoped)
        })
      )
      Object.assign(globalThis, kept)
      assert.isTrue(Exit.isSuccess(ran))
      assert.strictEqual(set, 0)
    })
  )

  it.effect("gives programs the luck of the seed", () =>
    Effect.gen(function* () {
      const draw = Effect.all([Random.nextIntBetween(0, 1_000_000), Random.next])
      const of = (seed: number) =>
        Effect.map(inWorld(two, { alice: draw, bob: draw }, { seed }), ({ outcomes }) => outcomes)
      const first = yield* of(1)
      assert.deepStrictEqual(first, yield* of(1))
      assert.notDeepEqual(first, yield* of(2))
      assert.notDeepEqual(first.alice, first.bob)
    })
  )
})
