/**
 * How pipes begin and end: open and close handlers and their order, and why a pipe ended; with `pipeServers`, who owns it.
 */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { CloseReason, PipeError } from "../../src/services/Pipe.ts"
import { hearing, type Line } from "./logs.ts"
import { ends, type Role } from "./pairs.ts"
import { pipeServersTests } from "./pipeServers.ts"
import { casesOf, failureOf, nameOf, testIn, type World } from "./World.ts"

const kindOf = <A, R>(effect: Effect.Effect<A, PipeError, R>) =>
  Effect.map(failureOf(effect), ({ reason }) => `${reason.op} ${reason.kind}`)

const roles: ReadonlyArray<Role> = ["client", "server"]

/** What each end of every kind of pipe does. */
const anyPipe = (world: World): void => {
  const test = testIn(world)
  for (const which of casesOf(world)) {
    for (const role of roles) {
      describe(`the life of the ${role} of ${nameOf(which)} (${world.name})`, () => {
        test("closed here: says so, and refuses to be used", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* theirs.send("last")
            yield* mine.receive()
            const waiting = yield* Effect.forkChild(kindOf(mine.receive()), { startImmediately: true })
            const subscription = yield* mine.subscribe()
            const heard = yield* Effect.forkChild(kindOf(subscription.receive()), { startImmediately: true })
            yield* mine.close
            assert.strictEqual(yield* Fiber.join(waiting), "receive Closed")
            assert.strictEqual(yield* Fiber.join(heard), "receive Closed")
            assert.deepStrictEqual(yield* mine.closed, { _tag: "ClosedHere" })
            assert.strictEqual(yield* kindOf(mine.send("more")), "send Closed")
            assert.strictEqual(yield* kindOf(mine.receive()), "receive Closed")
            assert.deepStrictEqual(yield* Stream.runCollect(mine.messages), [])
            yield* mine.close
            yield* mine.reset
            assert.deepStrictEqual(yield* mine.closed, { _tag: "ClosedHere" })
          }))

        test("what waited when it was closed can still be taken", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* theirs.send("waits")
            yield* theirs.send("mark")
            yield* mine.receive({ pattern: "mark" })
            yield* mine.close
            assert.strictEqual((yield* mine.receive()).text, "waits")
            assert.strictEqual(yield* kindOf(mine.receive()), "receive Closed")
          }))

        test("a close handler runs after the last message was handled, whenever that was registered", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            const order: Array<string> = []
            yield* theirs.send("one")
            yield* theirs.send("two")
            yield* theirs.send("mark")
            yield* mine.receive({ pattern: "mark" })
            const handling = yield* Deferred.make<void>()
            const goOn = yield* Deferred.make<void>()
            yield* mine.onClose((reason) => Effect.sync(() => order.push(reason._tag)))
            yield* mine.onMessage((message) =>
              Effect.gen(function* () {
                yield* Deferred.succeed(handling, undefined)
                yield* Deferred.await(goOn)
                order.push(message.text)
              })
            )
            yield* Deferred.await(handling)
            yield* mine.close
            assert.deepStrictEqual(order, [])
            yield* Deferred.succeed(goOn, undefined)
            yield* mine.closed
            assert.deepStrictEqual(order, ["one", "two", "ClosedHere"])
          }))

        test("a close handler that comes late runs at once; one whose scope closed does not run", (hosts) =>
          Effect.gen(function* () {
            const { mine } = yield* ends(hosts, which, role)
            const ran: Array<string> = []
            yield* Effect.scoped(mine.onClose(() => Effect.sync(() => ran.push("gone"))))
            yield* mine.close
            yield* mine.closed
            const late = yield* Queue.unbounded<CloseReason>()
            yield* mine.onClose((reason) => Queue.offer(late, reason))
            assert.deepStrictEqual(yield* Queue.take(late), { _tag: "ClosedHere" })
            assert.deepStrictEqual(ran, [])
          }))

        test("an open handler runs at once on an open pipe; one that fails is reported", (hosts) => {
          const logged: Array<Line> = []
          return Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* mine.onOpen((pipe) => pipe.send("opened"))
            assert.strictEqual((yield* theirs.receive()).text, "opened")
            yield* mine.onOpen(() => Effect.fail("open handler broke"))
            assert.strictEqual(mine.statistics().handlerFailures, 1)
            assert.include(logged[0]?.text, "a pipe's open handler failed")
            assert.include(logged[0]?.text, "open handler broke")
          }).pipe(hearing((line) => logged.push(line)))
        })

        test("a handler may close the pipe it runs for", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* mine.onMessage((_message, _sender, pipe) => pipe.close)
            yield* theirs.send("please close")
            assert.deepStrictEqual(yield* mine.closed, { _tag: "ClosedHere" })
          }))

        test("closing the scope of a handler interrupts what it runs", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            const began = yield* Deferred.make<void>()
            const interrupted = yield* Deferred.make<void>()
            yield* Effect.scoped(
              Effect.gen(function* () {
                yield* mine.onMessage(() =>
                  Deferred.succeed(began, undefined).pipe(
                    Effect.andThen(Effect.never),
                    Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
                  )
                )
                yield* theirs.send("work")
                yield* Deferred.await(began)
              })
            )
            yield* Deferred.await(interrupted)
            assert.strictEqual(mine.statistics().handlerFailures, 0)
          }))
      })
    }
  }
}

/** What only TCP has: an end the other side sees. */
const tcp = (world: World): void => {
  const test = testIn(world)
  for (const family of world.families) {
    const which = { transport: "tcp", family } as const
    for (const role of roles) {
      describe(`the end of the ${role} of ${nameOf(which)} (${world.name})`, () => {
        test("closed by the peer: what it sent arrives first", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* theirs.send("last words")
            yield* theirs.close
            assert.deepStrictEqual(yield* mine.closed, { _tag: "ClosedByPeer" })
            assert.strictEqual((yield* mine.receive()).text, "last words")
            const error = yield* failureOf(mine.receive())
            assert.strictEqual(error.reason.kind, "Closed")
            assert.include(error.message, "the peer finished")
            assert.deepStrictEqual(yield* Stream.runCollect(mine.messages), [])
          }))

        test("half-close: the peer reads to the end and still answers", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* mine.send("request")
            yield* mine.end
            yield* mine.end
            const late = yield* failureOf(mine.send("more"))
            assert.strictEqual(late.reason.kind, "Closed")
            assert.include(late.message, "this side has ended its sending (`end`)")
            const asked = yield* Stream.runCollect(theirs.messages)
            assert.deepStrictEqual(
              asked.map(({ text }) => text),
              ["request"]
            )
            yield* theirs.send("response")
            yield* theirs.close
            assert.strictEqual((yield* mine.receive()).text, "response")
            assert.deepStrictEqual(yield* mine.closed, { _tag: "ClosedByPeer" })
          }))

        test("reset: both sides say by whom", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            const subscription = yield* theirs.subscribe()
            yield* mine.reset
            assert.deepStrictEqual(yield* mine.closed, { _tag: "Reset", by: "here" })
            assert.deepStrictEqual(yield* theirs.closed, { _tag: "Reset", by: "peer" })
            assert.strictEqual(yield* kindOf(theirs.receive()), "receive Reset")
            assert.strictEqual(yield* kindOf(Stream.runDrain(theirs.messages)), "receive Reset")
            assert.strictEqual(yield* kindOf(subscription.receive()), "receive Reset")
            assert.strictEqual(yield* kindOf(mine.receive()), "receive Reset")
          }))
      })
    }
  }
}

export const pipeLifetimeTests = (world: World): void => {
  anyPipe(world)
  tcp(world)
  pipeServersTests(world)
}
