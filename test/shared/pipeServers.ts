/**
 * Servers and their clients: accepting, hearing everybody, handlers for all, and who owns whom.
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
import { deadEnd } from "./freePort.ts"
import { listen, open, pair } from "./pairs.ts"
import { casesOf, failureOf, nameOf, testIn, type World } from "./World.ts"

const kindOf = <A, R>(effect: Effect.Effect<A, PipeError, R>) =>
  Effect.map(failureOf(effect), ({ reason }) => `${reason.op} ${reason.kind}`)

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
        }))

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
        }))

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
        }))

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
          assert.deepStrictEqual(found.toSorted(), ["one", "two"])
        }))

      test("closed: a waiting accept fails, its handlers hear of it, and nobody is answered any more", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which)
          const waiting = yield* Effect.forkChild(kindOf(server.accept), { startImmediately: true })
          const reasons = yield* Queue.unbounded<CloseReason>()
          yield* server.onClose((reason, pipe) =>
            Queue.offer(reasons, pipe === server ? reason : { _tag: "ClosedByPeer" })
          )
          yield* server.close
          assert.strictEqual(yield* Fiber.join(waiting), "accept Closed")
          assert.deepStrictEqual(yield* server.closed, { _tag: "ClosedHere" })
          assert.deepStrictEqual(yield* Queue.take(reasons), { _tag: "ClosedHere" })
          assert.strictEqual(yield* kindOf(server.accept), "accept Closed")
          assert.strictEqual(yield* kindOf(server.receive()), "receive Closed")
          assert.strictEqual(yield* kindOf(server.send("x", server.local)), "send Closed")
        }))

      test("closed: gives its port back at once", (hosts) =>
        Effect.gen(function* () {
          const local = yield* deadEnd(world, hosts.server, which.family)
          const server = yield* listen(hosts.server, which, { local })
          yield* server.close
          const again = yield* listen(hosts.server, which, { local })
          assert.strictEqual(again.local.port, local.port)
          const client = yield* open(hosts.client, which, again.local)
          yield* client.send("hello")
          const accepted = yield* again.accept
          assert.strictEqual((yield* accepted.receive()).text, "hello")
        }))
    })
  }
}

/** What only a TCP server's clients have: an end the server sees, and an owner. */
const clients = (world: World): void => {
  const test = testIn(world)
  for (const family of world.families) {
    const which = { transport: "tcp", family } as const
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
          assert.deepStrictEqual(
            order.filter((what) => what.startsWith("client")),
            ["client open client"]
          )
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
        }))

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
        }))

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
        }))

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
        }))

      test("the scope of an accept closes its client", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which)
          const client = yield* open(hosts.client, which, server.local)
          yield* Effect.scoped(server.accept)
          assert.deepStrictEqual(yield* client.closed, { _tag: "ClosedByPeer" })
        }))

      test("a message for a client that is not there is refused", (hosts) =>
        Effect.gen(function* () {
          const { client, server } = yield* pair(hosts, which)
          const error = yield* failureOf(server.send("x", server.local))
          assert.strictEqual(error.reason.kind, "InvalidInput")
          assert.include(error.message, "is not connected to it")
          yield* server.send("y", client.local)
          assert.strictEqual((yield* client.receive()).text, "y")
          assert.strictEqual(yield* kindOf(server.end), "end Unsupported")
        }))
    })
  }
}

export const pipeServersTests = (world: World): void => {
  servers(world)
  clients(world)
}
