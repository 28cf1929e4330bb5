/**
 * Who hears a message: `receive`, subscriptions and handlers, chosen by pattern and by sender, on either end of every kind
 * of pipe.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { Filter, Message, Pipe, Subscription } from "../../src/services/Pipe.ts"
import { hearing, type Line } from "./logs.ts"
import { ends, type Role } from "./pairs.ts"
import { at, casesOf, failureOf, nameOf, testIn, type World } from "./World.ts"

const sendAll = (pipe: Pipe, texts: ReadonlyArray<string>) =>
  Effect.forEach(texts, (text) => pipe.send(text), { discard: true })

const take = Effect.fnUntraced(function* (from: Pick<Subscription, "receive">, count: number) {
  const texts: Array<string> = []
  while (texts.length < count) texts.push((yield* from.receive()).text)
  return texts
})

const textsOf = (messages: Queue.Queue<Message>, count: number) =>
  Effect.map(Queue.takeBetween(messages, count, count), (found) => found.map((message) => message.text))

const roles: ReadonlyArray<Role> = ["client", "server"]

export const pipeMessagesTests = (world: World): void => {
  const test = testIn(world)
  for (const which of casesOf(world)) {
    for (const role of roles) {
      describe(`messages at the ${role} of ${nameOf(which)} (${world.name})`, () => {
        test("receive chooses by pattern and by sender, and leaves the rest in order", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* sendAll(theirs, ["b1", "a1", "b2", "a2", "c1", "b3"])
            const from = theirs.local
            assert.strictEqual((yield* mine.receive({ pattern: "^a" })).text, "a1")
            assert.strictEqual((yield* mine.receive()).text, "b1")
            assert.strictEqual((yield* mine.receive({ from, pattern: "^[ac]2$" })).text, "a2")
            assert.strictEqual((yield* mine.receive({ from: NetAddress.formatInet(from) })).text, "b2")
            assert.strictEqual((yield* mine.receive({ from: NetAddress.formatIp(from.address) })).text, "c1")
            assert.strictEqual((yield* mine.receive({ from: from.address })).text, "b3")
            if (which.family === "IPv4") {
              yield* theirs.send("mapped")
              const mapped = `::ffff:${NetAddress.formatIp(from.address)}`
              assert.strictEqual((yield* mine.receive({ from: mapped, timeout: "2 seconds" })).text, "mapped")
            }
          }))

        test("receive with a limit says that it timed out, and the pipe goes on", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* theirs.send("something else")
            for (const filter of [{ pattern: "^never" }, { from: "192.0.2.9" }, { from: "192.0.2.9:99" }]) {
              const error = yield* failureOf(mine.receive({ ...filter, timeout: "5 millis" }))
              assert.strictEqual(error.reason.kind, "TimedOut")
              assert.strictEqual(error.reason.op, "receive")
              assert.include(error.message, "no such message came within the limit given")
            }
            assert.strictEqual((yield* mine.receive()).text, "something else")
          }))

        test("a waiting receive takes the first message it wants", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            const wanted = yield* Effect.forkChild(mine.receive({ pattern: "^yes" }), { startImmediately: true })
            const next = yield* Effect.forkChild(mine.receive({ pattern: "^yes" }), { startImmediately: true })
            yield* sendAll(theirs, ["no", "yes 1", "yes 2"])
            assert.strictEqual((yield* Fiber.join(wanted)).text, "yes 1")
            assert.strictEqual((yield* Fiber.join(next)).text, "yes 2")
            assert.strictEqual((yield* mine.receive()).text, "no")
          }))

        test("an interrupted receive takes nothing", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            const given = yield* Effect.forkChild(mine.receive(), { startImmediately: true })
            yield* Fiber.interrupt(given)
            yield* theirs.send("still here")
            assert.strictEqual((yield* mine.receive()).text, "still here")
          }))

        test("every subscription has a queue of its own and hears what it asked for", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            const before = mine.statistics()
            const all = yield* mine.subscribe()
            const a = yield* mine.subscribe({ pattern: "^a" })
            const two = yield* mine.subscribe({ pattern: "2$", from: theirs.local })
            const stranger = yield* mine.subscribe({ from: "192.0.2.9" })
            yield* sendAll(theirs, ["a1", "b1", "a2", "b2"])
            assert.deepStrictEqual(yield* take(all, 4), ["a1", "b1", "a2", "b2"])
            assert.deepStrictEqual(yield* take(a, 2), ["a1", "a2"])
            assert.deepStrictEqual(yield* take(two, 2), ["a2", "b2"])
            const nothing = yield* failureOf(stranger.receive({ timeout: "5 millis" }))
            assert.strictEqual(nothing.reason.kind, "TimedOut")
            // Heard by a subscription, so the inbox did not keep it.
            assert.strictEqual((yield* failureOf(mine.receive({ timeout: "5 millis" }))).reason.kind, "TimedOut")
            const { messagesIn, unclaimed } = mine.statistics()
            assert.deepStrictEqual([messagesIn - before.messagesIn, unclaimed], [4, 0])
          }))

        test("a subscription ends with its scope, and the inbox takes over again", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            const gone = yield* Effect.scoped(
              Effect.gen(function* () {
                const subscription = yield* mine.subscribe({ pattern: "^a" })
                yield* sendAll(theirs, ["b1", "a1"])
                assert.deepStrictEqual(yield* take(subscription, 1), ["a1"])
                assert.strictEqual(mine.statistics().unclaimed, 1)
                return subscription
              })
            )
            assert.strictEqual((yield* failureOf(gone.receive())).reason.kind, "Closed")
            assert.deepStrictEqual(yield* Stream.runCollect(gone.messages), [])
            yield* theirs.send("a2")
            assert.strictEqual((yield* mine.receive()).text, "a2")
          }))

        test("handlers hear what matches, all of them, until their scope closes", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            const every = yield* Queue.unbounded<Message>()
            const some = yield* Queue.unbounded<Message>()
            const senders: Array<string | undefined> = []
            const pipes: Array<Pipe> = []
            yield* Effect.scoped(
              Effect.gen(function* () {
                yield* mine.onMessage((message, sender, pipe) => {
                  senders.push(at(sender))
                  pipes.push(pipe)
                  return Queue.offer(every, message)
                })
                yield* mine.onMessage((message) => Queue.offer(some, message), { pattern: "2" })
                yield* sendAll(theirs, ["m1", "m2", "m3"])
                assert.deepStrictEqual(yield* textsOf(every, 3), ["m1", "m2", "m3"])
                assert.deepStrictEqual(yield* textsOf(some, 1), ["m2"])
                assert.deepStrictEqual(senders, [at(theirs.local), at(theirs.local), at(theirs.local)])
                assert.isTrue(pipes.every((pipe) => pipe === mine))
              })
            )
            yield* theirs.send("m4 2")
            assert.strictEqual((yield* mine.receive()).text, "m4 2")
            assert.strictEqual(yield* Queue.size(every), 0)
            assert.strictEqual(yield* Queue.size(some), 0)
          }))

        test("a handler answers through the pipe it is given", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* mine.onMessage((message, sender, pipe) => pipe.send(`re: ${message.text}`, sender))
            yield* theirs.send("question")
            assert.strictEqual((yield* theirs.receive()).text, "re: question")
          }))

        test("a handler may wait for the next message", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            const said = yield* Queue.unbounded<string>()
            yield* mine.onMessage(
              (message, _sender, pipe) =>
                Effect.gen(function* () {
                  const next = yield* pipe.receive()
                  yield* Queue.offer(said, `${message.text} then ${next.text}`)
                }),
              { pattern: "^first" }
            )
            yield* sendAll(theirs, ["first", "second"])
            assert.strictEqual(yield* Queue.take(said), "first then second")
          }))

        test("a handler that fails or dies is reported and counted, and the pipe goes on", (hosts) => {
          const logged: Array<Line> = []
          return Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            const heard = yield* Queue.unbounded<Message>()
            yield* mine.onMessage((message) => {
              if (message.text === "fail") return Effect.fail(new Error("handler broke on purpose"))
              if (message.text === "die") return Effect.die(new Error("handler died on purpose"))
              if (message.text === "throw") throw new Error("handler threw on purpose")
              return Queue.offer(heard, message)
            })
            yield* sendAll(theirs, ["fail", "die", "throw", "good"])
            assert.deepStrictEqual(yield* textsOf(heard, 1), ["good"])
            assert.strictEqual(mine.statistics().handlerFailures, 3)
            assert.deepStrictEqual(
              logged.map(({ level }) => level),
              ["Warn", "Warn", "Warn"]
            )
            for (const [at, why] of ["broke", "died", "threw"].entries()) {
              assert.include(logged[at]?.text, `handler ${why} on purpose`)
              assert.include(logged[at]?.text, "a pipe's message handler failed")
            }
          }).pipe(hearing((line) => logged.push(line)))
        })

        test("the first handler to come late gets what waited, in order", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            // A filtered receive proves that all three are here, and takes the third.
            yield* sendAll(theirs, ["early 1", "early 2", "mark"])
            yield* mine.receive({ pattern: "mark" })
            const heard = yield* Queue.unbounded<Message>()
            const second = yield* Queue.unbounded<Message>()
            yield* mine.onMessage((message) => Queue.offer(heard, message))
            yield* mine.onMessage((message) => Queue.offer(second, message))
            yield* theirs.send("late")
            assert.deepStrictEqual(yield* textsOf(heard, 3), ["early 1", "early 2", "late"])
            assert.deepStrictEqual(yield* textsOf(second, 1), ["late"])
          }))

        test("a first subscription gets what waited too", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* sendAll(theirs, ["early 1", "early 2", "mark"])
            yield* mine.receive({ pattern: "mark" })
            const subscription = yield* mine.subscribe()
            assert.deepStrictEqual(yield* take(subscription, 2), ["early 1", "early 2"])
          }))

        test("messages is a stream of the inbox", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* sendAll(theirs, ["s1", "s2", "s3"])
            const texts = yield* mine.messages.pipe(
              Stream.map((message) => message.text),
              Stream.take(3),
              Stream.runCollect
            )
            assert.deepStrictEqual(texts, ["s1", "s2", "s3"])
            yield* theirs.send("s4")
            const [bytes] = yield* mine.toStream.pipe(Stream.take(1), Stream.runCollect)
            assert.strictEqual(new TextDecoder().decode(bytes), "s4")
          }))

        test("a filter that makes no sense is refused by everything that takes one", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            const wrong: ReadonlyArray<readonly [Filter, string]> = [
              [{ pattern: "(" }, "the pattern cannot be used"],
              [{ pattern: "a{2,1}" }, "the pattern cannot be used"],
              [{ pattern: "(?=x)" }, "the pattern cannot be used"],
              [{ pattern: "x".repeat(5000) }, "the pattern is longer than"],
              [{ from: "nobody" }, '"nobody" is not a sender'],
              [{ from: "192.0.2.1:70000" }, "is not a sender"]
            ]
            for (const [filter, detail] of wrong) {
              const errors = [
                yield* failureOf(mine.receive(filter)),
                yield* failureOf(mine.subscribe(filter)),
                yield* failureOf(mine.onMessage(() => Effect.void, filter))
              ]
              for (const error of errors) {
                assert.strictEqual(error.reason.kind, "InvalidInput")
                assert.include(error.message, detail)
                assert.include(error.message, `${at(mine.local)} -> ${at(mine.remote)}`)
              }
            }
            // None of them is registered, so the inbox still hears.
            yield* theirs.send("fine")
            assert.strictEqual((yield* mine.receive()).text, "fine")
          }))
      })
    }
  }
}
