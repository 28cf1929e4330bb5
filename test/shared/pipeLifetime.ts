/**
 * How pipes begin and end: open and close handlers and their order, why a pipe ended, and who owns it.
 */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CloseReason, Pipe, PipeError } from "../../src/services/Pipe.ts"
import { hearing, type Line } from "./logs.ts"
import { ends, listen, open, pair, type Role } from "./pairs.ts"
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
          })
        )

        test("what waited when it was closed can still be taken", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* theirs.send("waits")
            yield* theirs.send("mark")
            yield* mine.receive({ pattern: "mark" })
            yield* mine.close
            assert.strictEqual((yield* mine.receive()).text, "waits")
            assert.strictEqual(yield* kindOf(mine.receive()), "receive Closed")
          })
        )

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
          })
        )

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
          })
        )

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
          })
        )

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
          })
        )
      })
    }
  }
}

/** What servers do, on either transport. */
const servers = (world: World): void => {
  const test = testIn(world)
  for (const which of casesOf(world)) {
    describe(`the life of a server of ${nameOf(which)} (${world.name})`, () => {
      test("accepts clients one by one, each apart from the others", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which)
          const first = yield* open(hosts.client, which, server.local)
          const second = yield* open(hosts.client, which, server.local)
          const accepted: Array<Pipe> = []
          for (const [name, client] of [
            ["first", first],
            ["second", second]
          ] as const) {
            yield* client.send(name)
            accepted.push(yield* server.accept)
          }
          assert.deepStrictEqual(
            accepted.map((pipe) => pipe.remote),
            [first.local, second.local]
          )
          assert.isTrue(accepted.every((pipe) => pipe.kind === "accepted" && pipe.transport === which.transport))
          const [a, b] = accepted as [Pipe, Pipe]
          assert.strictEqual((yield* a.receive()).text, "first")
          assert.strictEqual((yield* b.receive()).text, "second")
          yield* b.send("to second")
          yield* a.send("to first")
          assert.strictEqual((yield* second.receive()).text, "to second")
          assert.strictEqual((yield* first.receive()).text, "to first")
          yield* b.close
          yield* first.send("still here")
          assert.strictEqual((yield* a.receive()).text, "still here")
        })
      )

      test("a waiting accept gets the next client; an interrupted one takes nobody", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which)
          const given = yield* Effect.forkChild(server.accept, { startImmediately: true })
          yield* Fiber.interrupt(given)
          const waiting = yield* Effect.forkChild(server.accept, { startImmediately: true })
          const client = yield* open(hosts.client, which, server.local)
          yield* client.send("hello")
          const accepted = yield* Fiber.join(waiting)
          assert.strictEqual((yield* accepted.receive()).text, "hello")
        })
      )

      test("hears all its clients itself where nobody accepts them, and answers each", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which)
          const first = yield* open(hosts.client, which, server.local)
          const second = yield* open(hosts.client, which, server.local)
          yield* first.send("one")
          assert.strictEqual((yield* server.receive()).text, "one")
          yield* second.send("two")
          const message = yield* server.receive({ from: second.local })
          assert.strictEqual(message.text, "two")
          yield* server.send("for second", message.from)
          yield* server.send("for first", first.local)
          assert.strictEqual((yield* second.receive()).text, "for second")
          assert.strictEqual((yield* first.receive()).text, "for first")
          assert.strictEqual(yield* kindOf(server.send("to nobody")), "send InvalidInput")
          assert.strictEqual(yield* kindOf(server.send("to nobody", "not an endpoint")), "send InvalidInput")
        })
      )

      test("handlers and subscriptions on a server hear every client", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which, {
            onMessage: (message, sender, pipe) => pipe.send(`echo ${message.text}`, sender)
          })
          const subscription = yield* server.subscribe({ pattern: "o" })
          const clients = yield* Effect.forEach(["one", "two", "three"], (text) =>
            Effect.tap(open(hosts.client, which, server.local), (client) => client.send(text))
          )
          const echoes = yield* Effect.forEach(clients, (client) => client.receive())
          assert.deepStrictEqual(
            echoes.map(({ text }) => text),
            ["echo one", "echo two", "echo three"]
          )
          const found = [yield* subscription.receive(), yield* subscription.receive()].map(({ text }) => text)
          assert.deepStrictEqual(found.sort(), ["one", "two"])
        })
      )

      test("closed: a waiting accept fails, its handlers hear of it, and nobody is answered any more", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which)
          const waiting = yield* Effect.forkChild(kindOf(server.accept), { startImmediately: true })
          const reasons = yield* Queue.unbounded<CloseReason>()
          yield* server.onClose((reason, pipe) => Queue.offer(reasons, pipe === server ? reason : { _tag: "ClosedByPeer" }))
          yield* server.close
          assert.strictEqual(yield* Fiber.join(waiting), "accept Closed")
          assert.deepStrictEqual(yield* server.closed, { _tag: "ClosedHere" })
          assert.deepStrictEqual(yield* Queue.take(reasons), { _tag: "ClosedHere" })
          assert.strictEqual(yield* kindOf(server.accept), "accept Closed")
          assert.strictEqual(yield* kindOf(server.receive()), "receive Closed")
          assert.strictEqual(yield* kindOf(server.send("x", server.local)), "send Closed")
        })
      )

      test("closed: gives its port back at once", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which)
          yield* server.close
          const again = yield* listen(hosts.server, which, { local: server.local })
          assert.strictEqual(again.local.port, server.local.port)
          const client = yield* open(hosts.client, which, again.local)
          yield* client.send("hello")
          const accepted = yield* again.accept
          assert.strictEqual((yield* accepted.receive()).text, "hello")
        })
      )
    })
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
          })
        )

        test("half-close: the peer reads to the end and still answers", (hosts) =>
          Effect.gen(function* () {
            const { mine, theirs } = yield* ends(hosts, which, role)
            yield* mine.send("request")
            yield* mine.end
            yield* mine.end
            assert.strictEqual(yield* kindOf(mine.send("more")), "send Closed")
            const asked = yield* Stream.runCollect(theirs.messages)
            assert.deepStrictEqual(
              asked.map(({ text }) => text),
              ["request"]
            )
            yield* theirs.send("response")
            yield* theirs.close
            assert.strictEqual((yield* mine.receive()).text, "response")
            assert.deepStrictEqual(yield* mine.closed, { _tag: "ClosedByPeer" })
          })
        )

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
          })
        )
      })
    }

    describe(`clients of a TCP server over ${family} (${world.name})`, () => {
      test("open, message and close handlers run in this order for each client, and on the client itself", (hosts) =>
        Effect.gen(function* () {
          const order: Array<string> = []
          const note = (what: string) => Effect.sync(() => order.push(what))
          const over = yield* Deferred.make<void>()
          const server = yield* listen(hosts.server, which, {
            // Slow on purpose: the messages must wait for it.
            onOpen: (pipe) => Effect.andThen(Effect.yieldNow, note(`server open ${pipe.kind}`)),
            onMessage: (message) => Effect.andThen(Effect.yieldNow, note(`server ${message.text}`)),
            onClose: (reason) => Effect.andThen(note(`server ${reason._tag}`), Deferred.succeed(over, undefined))
          })
          const client = yield* open(hosts.client, which, server.local, {
            onOpen: (pipe) => note(`client open ${pipe.kind}`),
            onClose: (reason) => note(`client ${reason._tag}`)
          })
          assert.deepStrictEqual(order.filter((what) => what.startsWith("client")), ["client open client"])
          yield* client.send("a")
          yield* client.send("b")
          yield* client.close
          yield* Deferred.await(over)
          assert.deepStrictEqual(
            order.filter((what) => what.startsWith("server")),
            ["server open accepted", "server a", "server b", "server ClosedByPeer"]
          )
          assert.deepStrictEqual(
            order.filter((what) => what.startsWith("client")),
            ["client open client", "client ClosedHere"]
          )
        })
      )

      test("messages of a client that left wait until they are taken", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which)
          const client = yield* open(hosts.client, which, server.local)
          yield* client.send("one")
          yield* client.send("two")
          yield* client.close
          const accepted = yield* server.accept
          const heard = yield* Stream.runCollect(accepted.messages)
          assert.deepStrictEqual(
            heard.map(({ text }) => text),
            ["one", "two"]
          )
        })
      )

      test("one accepted belongs to the scope it was accepted in, not to the server", (hosts) =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const server = yield* Scope.provide(listen(hosts.server, which), scope)
          const client = yield* open(hosts.client, which, server.local)
          const accepted = yield* server.accept
          yield* Scope.close(scope, Exit.void)
          yield* client.send("are you there?")
          assert.strictEqual((yield* accepted.receive()).text, "are you there?")
          yield* accepted.send("yes")
          assert.strictEqual((yield* client.receive()).text, "yes")
        })
      )

      test("one nobody accepted is closed with the server", (hosts) =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const heard = yield* Deferred.make<void>()
          const server = yield* Scope.provide(
            listen(hosts.server, which, { onMessage: () => Deferred.succeed(heard, undefined) }),
            scope
          )
          const client = yield* open(hosts.client, which, server.local)
          yield* client.send("hello")
          yield* Deferred.await(heard)
          yield* Scope.close(scope, Exit.void)
          assert.strictEqual((yield* client.closed)._tag, "ClosedByPeer")
        })
      )

      test("the scope of an accept closes its client", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which)
          const client = yield* open(hosts.client, which, server.local)
          yield* Effect.scoped(server.accept)
          assert.deepStrictEqual(yield* client.closed, { _tag: "ClosedByPeer" })
        })
      )

      test("a message for a client that is not there is refused", (hosts) =>
        Effect.gen(function* () {
          const { client, server } = yield* pair(hosts, which)
          const error = yield* failureOf(server.send("x", server.local))
          assert.strictEqual(error.reason.kind, "InvalidInput")
          assert.include(error.message, "is not connected to it")
          yield* server.send("y", client.local)
          assert.strictEqual((yield* client.receive()).text, "y")
          assert.strictEqual(yield* kindOf(server.end), "end Unsupported")
        })
      )
    })
  }
}

export const pipeLifetimeTests = (world: World): void => {
  anyPipe(world)
  servers(world)
  tcp(world)
}
