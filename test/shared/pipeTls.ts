/**
 * Pipes over TLS: verified by default, with everything a TCP pipe does.
 */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Pipe } from "../../src/services/Pipe.ts"
import type { ListenOptions, OpenOptions } from "../../src/services/Pipes.ts"
import type { ClientOptions } from "../../src/services/Tls.ts"
import * as certificates from "../fixtures/tls/certificates.ts"
import { listen, open } from "./pairs.ts"
import { at, type Case, failureOf, type Hosts, leavingNothing, testIn, type World } from "./World.ts"

const trusted: ClientOptions = { ca: certificates.authority, serverName: "server.test" }

const secured = Effect.fnUntraced(function* (
  hosts: Hosts,
  which: Case,
  options: { readonly server?: Partial<ListenOptions>; readonly client?: Partial<OpenOptions> } = {}
) {
  const server = yield* listen(hosts.server, which, { tls: certificates.server, ...options.server })
  const client = yield* open(hosts.client, which, server.local, { tls: trusted, ...options.client })
  const accepted = yield* server.accept
  return { server, client, accepted }
})

const failing = Effect.fnUntraced(function* (hosts: Hosts, which: Case, server: Pipe, tls: OpenOptions["tls"]) {
  const error = yield* failureOf(open(hosts.client, which, server.local, { tls }))
  assert.strictEqual(error.reason.kind, "TlsFailed", error.message)
  assert.include(error.message, at(server.local)!)
  assert.isDefined(error.reason.cause)
  return error.message
})

const good = Effect.fnUntraced(function* (hosts: Hosts, which: Case, server: Pipe, tls: OpenOptions["tls"] = trusted) {
  const client = yield* open(hosts.client, which, server.local, { tls })
  const accepted = yield* server.accept
  yield* client.send("hello")
  assert.strictEqual((yield* accepted.receive()).text, "hello")
  yield* accepted.send("hi")
  assert.strictEqual((yield* client.receive()).text, "hi")
})

export const pipeTlsTests = (world: World): void => {
  const test = testIn(world)
  for (const family of world.families) {
    const which = { transport: "tcp", family } as const
    describe(`TLS over ${family} (${world.name})`, () => {
      test("messages go both ways, and both ends know that they are secure", (hosts) =>
        Effect.gen(function* () {
          const { accepted, client, server } = yield* secured(hosts, which)
          assert.deepStrictEqual([client.secure, accepted.secure, server.secure], [true, true, true])
          assert.strictEqual(at(client.remote), at(server.local))
          assert.strictEqual(at(accepted.remote), at(client.local))
          for (const text of ["one", "", "grüße", "x".repeat(100_000)]) {
            yield* client.send(text)
            assert.strictEqual((yield* accepted.receive()).text, text)
            yield* accepted.send(text)
            assert.strictEqual((yield* client.receive()).text, text)
          }
        }).pipe(leavingNothing(hosts)))

      test("handlers are there before the first message", (hosts) =>
        Effect.gen(function* () {
          const answered = yield* Deferred.make<string>()
          const server = yield* listen(hosts.server, which, {
            tls: certificates.server,
            onOpen: (pipe) => pipe.send("welcome"),
            onMessage: (message, sender, pipe) => pipe.send(`re: ${message.text}`, sender)
          })
          const client = yield* open(hosts.client, which, server.local, {
            tls: trusted,
            onMessage: (message) =>
              message.text === "welcome" ? Effect.void : Deferred.succeed(answered, message.text)
          })
          yield* client.send("question")
          assert.strictEqual(yield* Deferred.await(answered), "re: question")
        }))

      test("a megabyte each way at once", (hosts) =>
        Effect.gen(function* () {
          const { accepted, client } = yield* secured(hosts, which, {
            server: { framing: "raw" },
            client: { framing: "raw" }
          })
          const bytes = Uint8Array.from({ length: 1_000_000 }, (_, at) => (at * 13 + (at >> 7)) & 255)
          const all = (pipe: Pipe) =>
            Effect.map(Stream.runCollect(pipe.toStream), (chunks) => Buffer.compare(Buffer.concat(chunks), bytes))
          for (const pipe of [client, accepted]) yield* Effect.forkChild(Effect.andThen(pipe.send(bytes), pipe.end))
          const there = yield* Effect.forkChild(all(accepted), { startImmediately: true })
          assert.strictEqual(yield* all(client), 0)
          assert.strictEqual(yield* Fiber.join(there), 0)
        }).pipe(leavingNothing(hosts)))

      test("a certificate is checked: who signed it, and for which name", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which, { tls: certificates.server })
          yield* failing(hosts, which, server, true)
          yield* failing(hosts, which, server, { ...trusted, ca: certificates.stranger })
          const message = yield* failing(hosts, which, server, { ...trusted, serverName: "other.test" })
          assert.include(message, "other.test")
          yield* failing(hosts, which, server, { ...trusted, ca: [] })
          yield* failing(hosts, which, server, { ...trusted, ca: "not a certificate" })
          // None of them disturbs a good one.
          yield* good(hosts, which, server)
          yield* good(hosts, which, server, { ...trusted, ca: [certificates.stranger, certificates.authority] })
          yield* good(hosts, which, server, { allowUnverified: true, serverName: "other.test" })
        }).pipe(leavingNothing(hosts)))

      test("a server may ask for certificates, too", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which, {
            tls: { ...certificates.server, clientCa: certificates.authority }
          })
          // TLS 1.3 lets a client believe for a moment that it is through; then it is sent away, and never accepted.
          const nobody = yield* Effect.result(
            Effect.flatMap(open(hosts.client, which, server.local, { tls: trusted }), (client) => client.closed)
          )
          if (nobody._tag === "Success") assert.notStrictEqual(nobody.success._tag, "ClosedHere")
          yield* good(hosts, which, server, { ...trusted, ...certificates.client })
        }).pipe(leavingNothing(hosts)))

      test("half-close: the peer reads to the end and still answers", (hosts) =>
        Effect.gen(function* () {
          const { accepted, client } = yield* secured(hosts, which)
          yield* client.send("request")
          yield* client.end
          const asked = yield* Stream.runCollect(accepted.messages)
          assert.deepStrictEqual(
            asked.map(({ text }) => text),
            ["request"]
          )
          yield* accepted.send("response")
          yield* accepted.close
          assert.strictEqual((yield* client.receive()).text, "response")
          assert.deepStrictEqual(yield* client.closed, { _tag: "ClosedByPeer" })
        }).pipe(leavingNothing(hosts)))

      test("reset reaches the peer as one", (hosts) =>
        Effect.gen(function* () {
          const { accepted, client } = yield* secured(hosts, which)
          // Once there and back, so that the handshake and what TLS sends after it are through.
          yield* client.send("ping")
          yield* accepted.receive()
          yield* accepted.send("pong")
          yield* client.receive()
          yield* client.reset
          assert.deepStrictEqual(yield* client.closed, { _tag: "Reset", by: "here" })
          assert.deepStrictEqual(yield* accepted.closed, { _tag: "Reset", by: "peer" })
        }).pipe(leavingNothing(hosts)))

      test("a client that speaks no TLS gets nowhere, and the server goes on", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which, { tls: certificates.server })
          const plain = yield* open(hosts.client, which, server.local, { framing: "raw" })
          yield* plain.send("GET / HTTP/1.1\r\n\r\n")
          assert.notStrictEqual((yield* plain.closed)._tag, "ClosedHere")
          yield* good(hosts, which, server)
        }).pipe(leavingNothing(hosts)))

      test("a server that speaks no TLS is an error that says so", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which, {
            framing: "raw",
            onMessage: (_message, sender, pipe) => pipe.send("220 welcome to something else\r\n", sender)
          })
          yield* failing(hosts, which, server, trusted)
        }).pipe(leavingNothing(hosts)))

      test("a server whose certificate or key cannot be used does not listen in vain", (hosts) =>
        Effect.gen(function* () {
          for (const tls of [
            { cert: "no certificate", key: certificates.server.key },
            { cert: certificates.server.cert, key: "no key" },
            { cert: certificates.server.cert, key: certificates.client.key }
          ]) {
            const error = yield* failureOf(listen(hosts.server, which, { tls }))
            assert.strictEqual(error.reason.op, "listen")
            assert.include(["InvalidInput", "TlsFailed"], error.reason.kind)
          }
        }).pipe(leavingNothing(hosts)))

      test("an interrupted handshake leaves nothing open", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which, { framing: "raw" })
          const opening = yield* Effect.forkChild(open(hosts.client, which, server.local, { tls: trusted }), {
            startImmediately: true
          })
          const accepted = yield* server.accept
          // The client's hello: from here on it waits for an answer that never comes.
          yield* accepted.receive()
          yield* Fiber.interrupt(opening)
          assert.notStrictEqual((yield* accepted.closed)._tag, "ClosedHere")
        }).pipe(leavingNothing(hosts)))
    })
  }
}
