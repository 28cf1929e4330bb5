/**
 * Secured links: who is there is known, the same on any network, encrypted or not.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { readExactly } from "../../src/layers/link/preface.ts"
import { Pipes } from "../../src/services/Pipes.ts"
import type { TcpConnection } from "../../src/services/Tcp.ts"
import { both, connected, ended, errorOf, failed, ids, type Security, type Setting, settingIn } from "./linkKit.ts"
import { bytes, read } from "./tcpHelpers.ts"
import { at, type World } from "./World.ts"

/** Sends on what comes, both ways: a box between two links. */
const relay = (left: TcpConnection, right: TcpConnection) => {
  const pour = (from: TcpConnection, to: TcpConnection) =>
    Effect.ignore(
      Effect.andThen(Effect.ignore(Effect.forever(Effect.flatMap(from.pull, (chunks) => to.writeAll(chunks)))), to.end)
    )
  return Effect.all([pour(left, right), pour(right, left)], { concurrency: "unbounded", discard: true })
}

const secured = ({ alice, bob, far, near }: Pick<Setting, "alice" | "bob" | "far" | "near">) =>
  Effect.all({ a: alice.client(near, { expect: ids.bob }), b: bob.server(far) }, { concurrency: "unbounded" })

export const linkTests = (world: World, security: Security): void => {
  const test = settingIn(world, security)
  const { protection } = security
  describe(`links, ${protection} (${world.name})`, () => {
    test("both ends know each other and keep their endpoints", (made) =>
      Effect.gen(function* () {
        const { a, b } = yield* secured(made)
        assert.deepStrictEqual([a.peer, a.protection], [ids.bob, protection])
        assert.deepStrictEqual([b.peer, b.protection], [ids.alice, protection])
        assert.strictEqual(at(a.connection.local), at(made.near.local))
        assert.strictEqual(at(b.connection.remote), at(made.near.local))
        yield* a.connection.write(bytes("hello"))
        assert.strictEqual(yield* read(b.connection, 5), "hello")
        yield* b.connection.writeAll([bytes("h"), bytes("i")])
        assert.strictEqual(yield* read(a.connection, 2), "hi")
      }))

    test("who was dialled may be the client, and each may expect the other", ({ alice, bob, far, near }) =>
      Effect.gen(function* () {
        const { a, b } = yield* Effect.all(
          { a: alice.server(near, { expect: ids.bob }), b: bob.client(far, { expect: ids.alice }) },
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual([a.peer, b.peer], [ids.bob, ids.alice])
        yield* a.connection.write(bytes("hello"))
        assert.strictEqual(yield* read(b.connection, 5), "hello")
      }))

    test("what is sent right behind the handshake arrives, and the rest of a preface is a pipe's", (made, hosts) =>
      Effect.gen(function* () {
        const { alice, bob, far, near } = made
        const much = "x".repeat(300_000)
        const { client, server } = yield* both(
          Effect.gen(function* () {
            const { connection } = yield* alice.client(near, { expect: ids.bob })
            yield* connection.write(bytes("frame"))
            const pipe = yield* hosts.client.on(
              Pipes.use((pipes) => pipes.fromTcp(connection, { framing: "lengthPrefixed", secure: true }))
            )
            yield* pipe.send(much)
            return (yield* pipe.receive()).text
          }),
          Effect.gen(function* () {
            const { connection } = yield* bob.server(far)
            const first = yield* readExactly(connection, 5)
            const pipe = yield* hosts.server.on(
              Pipes.use((pipes) => pipes.fromTcp(first.connection, { framing: "lengthPrefixed", secure: true }))
            )
            const { text } = yield* pipe.receive()
            yield* pipe.send("thanks")
            return Buffer.from(first.bytes).toString() + text.length
          })
        )
        assert.strictEqual(Result.getOrThrow(client), "thanks")
        assert.strictEqual(Result.getOrThrow(server), "frame300000")
      }))

    test("a server may say that any link is welcome, before it knows whose it is", ({ alice, bob, far, near }, hosts) =>
      Effect.gen(function* () {
        const again = yield* connected(hosts)
        const saying = (welcome: boolean, near: TcpConnection, far: TcpConnection) =>
          Effect.all([alice.client(near, { expect: ids.bob }), bob.server(far, { expect: ids.alice, welcome })], {
            concurrency: "unbounded"
          })
        const said = [...(yield* saying(true, near, far)), ...(yield* saying(false, again.near, again.far))]
        assert.deepStrictEqual(
          said.map(({ welcome }) => welcome),
          [true, true, false, false]
        )
      }))

    test("half-close, and the end of the scope", (made) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const { a, b } = yield* Scope.provide(secured(made), scope)
        yield* a.connection.write(bytes("request"))
        yield* a.connection.end
        assert.strictEqual(yield* read(b.connection), "request")
        yield* b.connection.write(bytes("response"))
        assert.strictEqual(yield* read(a.connection, 8), "response")
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* a.connection.closed)._tag, "ClosedHere")
      }))

    test("somebody else at the other end fails, both are named, and he learns nothing", (made) =>
      Effect.gen(function* () {
        const { alice, far, mallory, near } = made
        const { client, server } = yield* both(alice.client(near, { expect: ids.bob }), mallory.server(far))
        const error = errorOf(client)
        failed(error, "client", "WrongPeer")
        assert.deepStrictEqual([error.expected, error.found], [ids.bob, ids.mallory])
        assert.include(error.message, `somebody else is there; it is ${ids.mallory} and not ${ids.bob}`)
        // The client left before it showed its own proof.
        failed(errorOf(server), "server", "Network")
      }))

    test("a server that expects somebody else fails the same way, and the client hears of the end", (made) =>
      Effect.gen(function* () {
        const { alice, bob, far, near } = made
        const { client, server } = yield* both(
          Effect.flatMap(alice.client(near, { expect: ids.bob }), ({ connection }) => ended(connection)),
          bob.server(far, { expect: ids.mallory })
        )
        assert.isTrue(Result.isSuccess(client))
        const error = errorOf(server)
        failed(error, "server", "WrongPeer")
        assert.deepStrictEqual([error.expected, error.found], [ids.mallory, ids.alice])
      }))

    test("oneself is found out", ({ alice, far, near }) =>
      Effect.gen(function* () {
        const { client, server } = yield* both(alice.client(near, { expect: ids.bob }), alice.server(far))
        failed(errorOf(client), "client", "Self")
        failed(errorOf(server), "server", "Network")
        assert.include(errorOf(client).message, "it leads back to this peer")
      }))

    test("a man in the middle is found out by both ends", ({ alice, bob, far, mallory, near }, hosts) =>
      Effect.gen(function* () {
        const beyond = yield* connected(hosts)
        const { client, server } = yield* both(
          both(alice.client(near, { expect: ids.bob }), mallory.server(far)),
          both(mallory.client(beyond.near, { expect: ids.bob }), bob.server(beyond.far, { expect: ids.alice }))
        )
        failed(errorOf(Result.getOrThrow(client).client), "client", "WrongPeer")
        const error = errorOf(Result.getOrThrow(server).server)
        failed(error, "server", "WrongPeer")
        assert.strictEqual(error.found, ids.mallory)
      }))

    test("a box that only relays changes nothing", ({ alice, bob, far, near }, hosts) =>
      Effect.gen(function* () {
        const beyond = yield* connected(hosts)
        yield* Effect.forkChild(relay(far, beyond.near), { startImmediately: true })
        const { a, b } = yield* secured({ alice, bob, near, far: beyond.far })
        assert.deepStrictEqual([a.peer, b.peer], [ids.bob, ids.alice])
      }))
  })
}
