/**
 * What happens when a program does not keep up: UDP drops and counts, TCP holds the sender; and the duplicate filter.
 */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type { Pipe } from "../../src/services/Pipe.ts"
import type { CommonOptions, ListenOptions } from "../../src/services/Pipes.ts"
import { ends, listen, open, pair, type Role } from "./pairs.ts"
import { type Case, casesOf, failureOf, type Hosts, nameOf, standstill, testIn, type World } from "./World.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, at) => String(at))

const texts = Effect.fnUntraced(function* (from: Pick<Pipe, "receive">, count: number) {
  const found: Array<string> = []
  while (found.length < count) found.push((yield* from.receive()).text)
  return found
})

/** Other work on the same network, for `standstill`. */
const otherWork = Effect.fnUntraced(function* (hosts: Hosts, which: Case) {
  const { accepted, client } = yield* pair(hosts, which)
  yield* accepted.onMessage((message) => accepted.send(message.data))
  return Effect.andThen(client.send("beat"), client.receive())
})

const udp = (world: World): void => {
  const test = testIn(world)
  for (const family of world.families) {
    const which = { transport: "udp", family } as const
    describe(`full queues on UDP over ${family} (${world.name})`, () => {
      test("a full subscription drops, counted, and disturbs nobody else", (hosts) =>
        Effect.gen(function* () {
          const { accepted, client } = yield* pair(hosts, which)
          const narrow = yield* client.subscribe({ queue: { messages: 4 } })
          const light = yield* client.subscribe({ queue: { bytes: 6 } })
          const wide = yield* client.subscribe()
          for (const text of numbers(10)) yield* accepted.send(`m${text}`)
          assert.deepStrictEqual(
            yield* texts(wide, 10),
            numbers(10).map((text) => `m${text}`)
          )
          assert.deepStrictEqual([wide.dropped(), narrow.dropped(), light.dropped()], [0, 6, 7])
          assert.strictEqual(client.statistics().dropped, 13)
          assert.deepStrictEqual(yield* texts(narrow, 4), ["m0", "m1", "m2", "m3"])
          assert.deepStrictEqual(yield* texts(light, 3), ["m0", "m1", "m2"])
          yield* accepted.send("room again")
          assert.deepStrictEqual(yield* texts(narrow, 1), ["room again"])
        }))

      test("a full inbox drops, counted; a message somebody waits for needs no room", (hosts) =>
        Effect.gen(function* () {
          const { accepted, client } = yield* pair(hosts, which, { client: { queue: { messages: 3 } } })
          const waiting = yield* Effect.forkChild(client.receive({ pattern: "mark" }), { startImmediately: true })
          for (const text of [...numbers(8), "mark"]) yield* accepted.send(text)
          assert.strictEqual((yield* Fiber.join(waiting)).text, "mark")
          assert.strictEqual(client.statistics().dropped, 5)
          assert.deepStrictEqual(yield* texts(client, 3), ["0", "1", "2"])
        }))

      test("a slow handler drops what its queue cannot take, counted", (hosts) =>
        Effect.gen(function* () {
          const goOn = yield* Deferred.make<void>()
          const heard = yield* Queue.unbounded<string>()
          const { accepted, client } = yield* pair(hosts, which, { client: { queue: { messages: 3 } } })
          yield* client.onMessage((message) => Effect.andThen(Deferred.await(goOn), Queue.offer(heard, message.text)))
          const wide = yield* client.subscribe({ queue: { messages: 100 } })
          for (const text of numbers(10)) yield* accepted.send(text)
          yield* texts(wide, 10)
          // One is being handled, three wait.
          assert.strictEqual(client.statistics().dropped, 6)
          yield* Deferred.succeed(goOn, undefined)
          assert.deepStrictEqual(yield* Queue.takeBetween(heard, 4, 4), ["0", "1", "2", "3"])
        }))
    })
  }
}

// Sends until it is stopped or done, and says how far it is.
const sending = Effect.fnUntraced(function* (pipe: Pipe, count: number, size: number) {
  let sent = 0
  yield* Effect.forkChild(
    Effect.forEach(
      numbers(count),
      (text) =>
        Effect.andThen(
          pipe.send(text.padEnd(size)),
          Effect.sync(() => sent++)
        ),
      { discard: true }
    )
  )
  return () => sent
})

// More than every buffer on the way together.
const COUNT = 500
const SIZE = 65_536

const tcp = (world: World): void => {
  const test = testIn(world)
  for (const family of world.families) {
    const which = { transport: "tcp", family } as const
    for (const role of ["client", "server"] as ReadonlyArray<Role>) {
      describe(`full queues at the ${role} of TCP over ${family} (${world.name})`, () => {
        const consumers = {
          "an inbox nobody reads": (mine: Pipe) => Effect.succeed(mine),
          "a subscription nobody reads": (mine: Pipe) => mine.subscribe()
        }
        for (const [name, consumer] of Object.entries(consumers)) {
          test(`${name} holds the sender, and nothing is lost`, (hosts) =>
            Effect.gen(function* () {
              const beat = yield* otherWork(hosts, which)
              const { mine, theirs } = yield* ends(hosts, which, role, { queue: { messages: 4 } })
              const from = yield* consumer(mine)
              const sent = yield* sending(theirs, COUNT, SIZE)
              assert.isBelow(yield* standstill(sent, beat), COUNT)
              const found = yield* texts(from, COUNT)
              assert.deepStrictEqual(
                found.map((text) => text.trimEnd()),
                numbers(COUNT)
              )
              assert.strictEqual(mine.statistics().dropped, 0)
            }))
        }

        test("a slow handler holds the sender, and handles one message at a time, in order", (hosts) =>
          Effect.gen(function* () {
            const beat = yield* otherWork(hosts, which)
            const permits = yield* Queue.unbounded<void>()
            const handled: Array<string> = []
            let running = 0
            const { mine, theirs } = yield* ends(hosts, which, role, { queue: { messages: 4 } })
            yield* mine.onMessage((message) =>
              Effect.gen(function* () {
                assert.strictEqual(++running, 1)
                yield* Queue.take(permits)
                running--
                handled.push(message.text.trimEnd())
              })
            )
            const sent = yield* sending(theirs, COUNT, SIZE)
            assert.isBelow(yield* standstill(sent, beat), COUNT)
            yield* Queue.offerAll(
              permits,
              numbers(COUNT).map(() => undefined)
            )
            yield* standstill(() => handled.length, beat, COUNT)
            assert.deepStrictEqual(handled, numbers(COUNT))
            assert.strictEqual(mine.statistics().handlerFailures, 0)
          }))

        test("the slowest of several queues sets the pace: none grows beyond its limit", (hosts) =>
          Effect.gen(function* () {
            const beat = yield* otherWork(hosts, which)
            const { mine, theirs } = yield* ends(hosts, which, role)
            const slow = yield* mine.subscribe({ queue: { messages: 5 } })
            const quick = yield* mine.subscribe({ queue: { messages: 1 } })
            let heard = 0
            yield* Effect.forkChild(
              Effect.forever(
                Effect.andThen(
                  quick.receive(),
                  Effect.sync(() => heard++)
                )
              )
            )
            yield* sending(theirs, 1000, 10)
            // The slow one takes five, or one more where it was not full yet when that came.
            assert.isAtMost(yield* standstill(() => heard, beat), 6)
            const found = yield* texts(slow, 1000)
            assert.deepStrictEqual(
              found.map((text) => text.trimEnd()),
              numbers(1000)
            )
          }))

        test("a receive that waits for what cannot come any more is told so", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role, { queue: { messages: 3 } })
            const waiting = yield* Effect.forkChild(failureOf(mine.receive({ pattern: "never" })), {
              startImmediately: true
            })
            yield* sending(theirs, 10, 10)
            const error = yield* Fiber.join(waiting)
            assert.strictEqual(error.reason.kind, "LimitReached")
            assert.include(error.message, "the inbox is full of other messages")
            assert.strictEqual((yield* texts(mine, 10)).length, 10)
          }))
      })
    }
  }
}

/** One queue, many clients. */
const shared = (world: World): void => {
  const test = testIn(world)
  for (const family of world.families) {
    const which = { transport: "tcp", family } as const
    test(`clients that come and go cannot fill a shared queue beyond its limit, tcp over ${family} (${world.name})`, (hosts) =>
      Effect.gen(function* () {
        const server = yield* listen(hosts.server, which)
        const subscription = yield* server.subscribe({ queue: { messages: 3 } })
        for (let at = 0; at < 9; at++) {
          const client = yield* open(hosts.client, which, server.local)
          yield* client.send(String(at))
          yield* client.close
        }
        // Handed out, or left with their clients.
        const beat = yield* otherWork(hosts, which)
        assert.strictEqual(yield* standstill(() => server.statistics().messagesIn, beat, 3), 3)
        assert.deepStrictEqual((yield* texts(subscription, 9)).toSorted(), numbers(9))
        assert.strictEqual(server.statistics().dropped, 0)
      }))

    test(`a pipe that is closed while a queue is full does not hold on to it, tcp over ${family} (${world.name})`, (hosts) =>
      Effect.gen(function* () {
        const server = yield* listen(hosts.server, which)
        const subscription = yield* server.subscribe({ queue: { messages: 1 } })
        const first = yield* open(hosts.client, which, server.local)
        yield* first.send("first")
        yield* server.accept
        const second = yield* open(hosts.client, which, server.local)
        const beat = yield* otherWork(hosts, which)
        yield* second.send("second")
        assert.strictEqual(yield* standstill(() => server.statistics().messagesIn, beat, 1), 1)
        const accepted = yield* server.accept
        yield* accepted.close
        assert.strictEqual(server.statistics().dropped, 1)
        assert.strictEqual((yield* subscription.receive()).text, "first")
        yield* first.send("third")
        assert.strictEqual((yield* subscription.receive()).text, "third")
      }))
  }
}

const duplicates = (world: World): void => {
  const test = testIn(world)
  for (const which of casesOf(world)) {
    describe(`the duplicate filter on ${nameOf(which)} (${world.name})`, () => {
      test("leaves out what the same sender sent already", (hosts) =>
        Effect.gen(function* () {
          const { accepted, client } = yield* pair(hosts, which, { client: { dropDuplicates: true } })
          for (const text of ["a", "b", "a", "", "c", "b", "", "mark"]) yield* accepted.send(text)
          assert.deepStrictEqual(yield* texts(client, 5), ["a", "b", "", "c", "mark"])
          const { bytesIn, duplicates, messagesIn } = client.statistics()
          assert.deepStrictEqual([messagesIn, bytesIn, duplicates], [8, 9, 3])
        }))

      test("remembers as much as it is told to", (hosts) =>
        Effect.gen(function* () {
          const few = yield* pair(hosts, which, { client: { dropDuplicates: { messages: 2 } } })
          for (const text of ["a", "b", "a", "c", "a", "a", "mark"]) yield* few.accepted.send(text)
          assert.deepStrictEqual(yield* texts(few.client, 5), ["a", "b", "c", "a", "mark"])
          const light = yield* pair(hosts, which, { client: { dropDuplicates: { bytes: 4 } } })
          for (const text of ["aaa", "aaa", "bbb", "aaa", "ccccc", "ccccc"]) yield* light.accepted.send(text)
          assert.deepStrictEqual(yield* texts(light.client, 5), ["aaa", "bbb", "aaa", "ccccc", "ccccc"])
        }))

      test("does not mix up senders", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which, { dropDuplicates: true })
          for (const _ of ["first", "second"]) {
            const client = yield* open(hosts.client, which, server.local)
            yield* client.send("same")
            const message = yield* server.receive()
            assert.strictEqual(message.text, "same")
            yield* client.send("same")
            yield* client.send("mark")
            assert.strictEqual((yield* server.receive()).text, "mark")
          }
          assert.strictEqual(server.statistics().duplicates, 2)
        }))
    })
  }
}

/** Limits that are none, each refused by the name of its option. */
const limits = (world: World): void => {
  const test = testIn(world)
  const bad: ReadonlyArray<readonly [says: string, Partial<ListenOptions>]> = [
    0,
    -5,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY
  ].flatMap((value) => [
    [`handlerConcurrency is ${value}`, { handlerConcurrency: value }],
    [`queue.messages is ${value}`, { queue: { messages: value } }],
    [`queue.bytes is ${value}`, { queue: { bytes: value } }],
    [`dropDuplicates.messages is ${value}`, { dropDuplicates: { messages: value } }],
    [`dropDuplicates.bytes is ${value}`, { dropDuplicates: { bytes: value } }],
    [`maxConnections is ${value}`, { maxConnections: value }],
    [`framing.limit is ${value}`, { framing: { type: "lines", limit: value } }]
  ])
  for (const which of casesOf(world)) {
    test(`limits that make no sense are refused by name on ${nameOf(which)} (${world.name})`, (hosts) =>
      Effect.gen(function* () {
        const server = yield* listen(hosts.server, which)
        for (const [says, options] of bad) {
          const { maxConnections, ...common } = options
          const openings = [listen(hosts.server, which, options)]
          if (maxConnections === undefined)
            openings.push(open(hosts.client, which, server.local, common as CommonOptions))
          for (const opening of openings) {
            const error = yield* failureOf(opening)
            assert.strictEqual(error.reason.kind, "InvalidInput", says)
            assert.include(error.message, `${says}: write a whole number above 0`)
          }
        }
        const error = yield* failureOf(server.subscribe({ queue: { messages: Number.NaN } }))
        assert.include(error.message, "queue.messages is NaN")
      }))
  }
}

export const pipeQueuesTests = (world: World): void => {
  limits(world)
  udp(world)
  tcp(world)
  shared(world)
  duplicates(world)
}
