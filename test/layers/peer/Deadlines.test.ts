/** Time limits that share an alarm. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as NetAddress from "effect/net/NetAddress"
import * as TestClock from "effect/testing/TestClock"
import * as NodeP2P from "../../../src/layers/node/NodeP2P.ts"
import { Deadlines } from "../../../src/layers/peer/Deadlines.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { busyFor } from "../../support/busy.ts"

/** A clock that counts who sleeps by it. */
const counting = Effect.map(Clock.Clock, (base) => {
  let sleeping = 0
  const clock: Clock.Clock = Object.create(base, {
    sleep: {
      value: (duration: Parameters<Clock.Clock["sleep"]>[0]) =>
        Effect.suspend(() => {
          sleeping++
          return Effect.ensuring(
            base.sleep(duration),
            Effect.sync(() => sleeping--)
          )
        })
    }
  })
  return { clock, sleeping: () => sleeping }
})

describe("deadlines", () => {
  it.effect("come each in its time, whatever their order, and share one alarm", () =>
    Effect.gen(function* () {
      const { clock, sleeping } = yield* counting
      const deadlines = yield* Effect.provideService(Deadlines.make, Clock.Clock, clock)
      const late: Array<string> = []
      const at = (name: string, milliseconds: number) => deadlines.after(milliseconds, () => late.push(name))
      at("a", 1000)
      at("b", 300)
      yield* TestClock.adjust(200)
      at("c", 1000)
      at("d", 300)
      assert.strictEqual(sleeping(), 1)
      for (const [milliseconds, names] of [
        [99, ""],
        [1, "b"],
        [199, "b"],
        [1, "bd"],
        [499, "bd"],
        [1, "bda"],
        [199, "bda"],
        [1, "bdac"]
      ] as const) {
        yield* TestClock.adjust(milliseconds)
        assert.strictEqual(late.join(""), names)
      }
      assert.strictEqual(sleeping(), 0)
      at("e", 300)
      yield* TestClock.adjust(300)
      assert.strictEqual(late.join(""), "bdace")
    })
  )

  it.effect("that are kept are forgotten, however many and of whatever duration", () =>
    Effect.gen(function* () {
      const { clock, sleeping } = yield* counting
      const deadlines = yield* Effect.provideService(Deadlines.make, Clock.Clock, clock)
      const late: Array<number> = []
      for (let number = 0; number < 1000; number++) {
        const kept = deadlines.after(60_000 - number, () => late.push(number))
        deadlines.after(Infinity, () => late.push(number))
        if (number === 500) deadlines.after(100, () => late.push(-1))
        yield* TestClock.adjust(1)
        kept()
        assert.isAtMost(sleeping(), 1)
      }
      assert.deepStrictEqual(late, [-1])
      yield* TestClock.adjust(60_000)
      assert.deepStrictEqual([late, sleeping()], [[-1], 0])
    })
  )

  it.effect("do not mind a clock that is set back, nor what the program does when one is reached", () =>
    Effect.gen(function* () {
      const base = yield* Clock.Clock
      let wall = 3_600_000
      const clock: Clock.Clock = Object.create(base, { currentTimeMillisUnsafe: { value: () => wall } })
      const deadlines = yield* Effect.provideService(Deadlines.make, Clock.Clock, clock)
      const late: Array<number> = []
      deadlines.after(100, () => {
        late.push(1)
        deadlines.after(100, () => late.push(3))
        throw new Error("the program's own")
      })
      wall = 0
      deadlines.after(100, () => late.push(2))
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(late, [1, 2, 3])
    })
  )

  it.effect("are over when their scope closes, and so is what comes later", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const deadlines = yield* Scope.provide(Deadlines.make, scope)
      const late: Array<number> = []
      deadlines.after(100, () => late.push(1))
      deadlines.after(Infinity, () => late.push(2))
      deadlines.after(50, () => late.push(0))()
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([late, deadlines.isClosed], [[1, 2], true])
      deadlines.after(1000, () => late.push(3))
      assert.deepStrictEqual(late, [1, 2])
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(late, [1, 2, 3])
    })
  )

  it.effect("stop what is limited, and say what it failed of", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      let stop = () => {}
      const stoppable = Effect.callback<never, string>((resume) => {
        stop = () => resume(Effect.fail("stopped"))
      })
      const limited = deadlines.limit(
        stoppable,
        50,
        Effect.sync(() => stop()),
        () => "late"
      )
      const fiber = yield* Effect.forkChild(Effect.flip(limited), { startImmediately: true })
      yield* TestClock.adjust(50)
      assert.strictEqual(yield* Fiber.join(fiber), "late")
      const early = yield* Effect.forkChild(Effect.flip(limited), { startImmediately: true })
      stop()
      assert.strictEqual(yield* Fiber.join(early), "stopped")
    })
  )

  it.live("hear first what came in time, though the process was busy", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      const tcp = yield* Tcp
      const listener = yield* tcp.listen({ address: NetAddress.ipFromStringUnsafe("127.0.0.1") })
      for (let round = 0; round < 10; round++) {
        const dialling = yield* Effect.forkChild(tcp.dial({ remote: listener.local, timeout: 20 }), {
          startImmediately: true
        })
        deadlines.after(40, () => dialling.interruptUnsafe())
        busyFor(60)
        const { remote } = yield* Fiber.join(dialling)
        assert.strictEqual(remote.port, listener.local.port)
      }
    }).pipe(Effect.scoped, Effect.provide(NodeP2P.layerSockets))
  )
})
