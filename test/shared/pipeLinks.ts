/**
 * Pipes joined: `link` as a relay, and pipes over sockets opened elsewhere.
 */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Pipe, PipeError } from "../../src/services/Pipe.ts"
import { Pipes } from "../../src/services/Pipes.ts"
import { Tcp } from "../../src/services/Tcp.ts"
import { Udp } from "../../src/services/Udp.ts"
import { listen, open, pair } from "./pairs.ts"
import {
  at,
  type Case,
  casesOf,
  failureOf,
  type Hosts,
  leavingNothing,
  nameOf,
  standstill,
  testIn,
  type World
} from "./World.ts"

const textsOf = (pipe: Pipe) =>
  pipe.messages.pipe(
    Stream.map((message) => message.text),
    Stream.runCollect
  )

/** near -> (a, b) -> far, where a and b are to be linked. */
const chain = Effect.fnUntraced(function* (hosts: Hosts, first: Case, second: Case = first) {
  const { accepted: a, client: near } = yield* pair(hosts, first)
  // The other way round, so that on two hosts both legs cross the network.
  const { accepted: far, client: b } = yield* pair({ ...hosts, server: hosts.client, client: hosts.server }, second)
  return { near, a, b, far }
})

const relays = (world: World): void => {
  const test = testIn(world)
  for (const which of casesOf(world)) {
    const other: Case = { transport: which.transport === "tcp" ? "udp" : "tcp", family: which.family }
    describe(`a link of pipes of ${nameOf(which)} (${world.name})`, () => {
      for (const second of [which, other]) {
        test(`carries messages both ways, to ${second.transport}, borders kept`, (hosts) =>
          Effect.gen(function* () {
            const { a, b, far, near } = yield* chain(hosts, which, second)
            yield* near.send("before the link")
            yield* a.link(b)
            for (const text of ["one", "", "three"]) yield* near.send(text)
            for (const text of ["before the link", "one", "", "three"]) {
              assert.strictEqual((yield* far.receive()).text, text)
            }
            for (const text of ["back", "and forth"]) yield* far.send(text)
            for (const text of ["back", "and forth"]) assert.strictEqual((yield* near.receive()).text, text)
          }))
      }

      test("ends with its scope: what comes then waits in the middle", (hosts) =>
        Effect.gen(function* () {
          const { a, b, far, near } = yield* chain(hosts, which)
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* a.link(b)
              yield* near.send("through")
              assert.strictEqual((yield* far.receive()).text, "through")
            })
          )
          yield* near.send("stays")
          yield* far.send("stays too")
          assert.strictEqual((yield* a.receive()).text, "stays")
          assert.strictEqual((yield* b.receive()).text, "stays too")
        }))

      test("is refused with a server, whichever side that is", (hosts) =>
        Effect.gen(function* () {
          const { client, server } = yield* pair(hosts, which)
          for (const link of [server.link(client), client.link(server)]) {
            const error = yield* failureOf(link)
            assert.strictEqual(error.reason.kind, "InvalidInput")
            assert.include(error.message, "link the clients it accepts")
          }
          // Nothing was left registered: the inbox still hears.
          yield* server.send("fine", client.local)
          assert.strictEqual((yield* client.receive()).text, "fine")
        }))
    })
  }

  for (const family of world.families) {
    const which = { transport: "tcp", family } as const
    describe(`a link of TCP over ${family} (${world.name})`, () => {
      test("request, end, response works through it", (hosts) =>
        Effect.gen(function* () {
          const { a, b, far, near } = yield* chain(hosts, which)
          yield* a.link(b)
          yield* near.send("request")
          yield* near.end
          assert.deepStrictEqual(yield* textsOf(far), ["request"])
          yield* far.send("response")
          yield* far.end
          assert.deepStrictEqual(yield* textsOf(near), ["response"])
          assert.deepStrictEqual(yield* near.closed, { _tag: "ClosedByPeer" })
          assert.deepStrictEqual(yield* far.closed, { _tag: "ClosedByPeer" })
        }))

      test("a side that breaks off breaks the other: what was cut short does not look complete", (hosts) =>
        Effect.gen(function* () {
          const { a, b, far, near } = yield* chain(hosts, which)
          const link = yield* a.link(b)
          yield* near.send("part of a file")
          yield* far.receive()
          yield* near.reset
          assert.deepStrictEqual(yield* far.closed, { _tag: "Reset", by: "peer" })
          yield* link.ended
        }))

      test("so does one that is closed in the middle before its peer has finished", (hosts) =>
        Effect.gen(function* () {
          const { a, b, far, near } = yield* chain(hosts, which)
          const link = yield* a.link(b)
          yield* near.send("part of a file")
          yield* far.receive()
          yield* a.close
          assert.deepStrictEqual(yield* far.closed, { _tag: "Reset", by: "peer" })
          yield* link.ended
        }))

      test("a side that cannot be sent to any more resets the one that sends", (hosts) =>
        Effect.gen(function* () {
          const { a, b, near } = yield* chain(hosts, which)
          const link = yield* a.link(b)
          yield* b.end
          yield* near.send("for nobody")
          assert.deepStrictEqual(yield* near.closed, { _tag: "Reset", by: "peer" })
          yield* link.ended
        }))

      test("is over when both peers have finished, and not before", (hosts) =>
        Effect.gen(function* () {
          const { a, b, far, near } = yield* chain(hosts, which)
          const link = yield* a.link(b)
          const ended = yield* Effect.forkChild(link.ended, { startImmediately: true })
          yield* near.end
          yield* far.closed
          yield* far.send("still answered")
          assert.strictEqual((yield* near.receive()).text, "still answered")
          assert.isUndefined(ended.pollUnsafe())
          yield* far.end
          yield* Fiber.join(ended)
        }))

      test("a handler of a linked pipe may wait for the end of the link", (hosts) =>
        Effect.gen(function* () {
          const { a, b, far, near } = yield* chain(hosts, which)
          const over = yield* Deferred.make<void>()
          yield* a.onMessage(
            () => Effect.flatMap(a.link(b), (link) => Effect.andThen(link.ended, Deferred.succeed(over, undefined))),
            { pattern: "^start$" }
          )
          yield* near.send("start")
          yield* near.end
          yield* far.end
          yield* Deferred.await(over)
        }))

      test("a relay keeps nothing of a client that left", (hosts) =>
        Effect.gen(function* () {
          const target = yield* listen(hosts.server, which, {
            onMessage: (message, from, pipe) => pipe.send(message.data, from)
          })
          const relay = yield* listen(hosts.server, which)
          const scope = yield* Effect.scope
          const serve: Effect.Effect<void, PipeError> = Effect.scoped(
            Effect.gen(function* () {
              const inside = yield* relay.accept
              yield* Effect.forkIn(serve, scope)
              const outside = yield* open(hosts.server, which, target.local)
              const link = yield* inside.link(outside)
              yield* link.ended
            })
          )
          yield* Effect.forkIn(serve, scope)
          const one = Effect.gen(function* () {
            const client = yield* open(hosts.client, which, relay.local)
            yield* client.send("hello")
            assert.strictEqual((yield* client.receive()).text, "hello")
            yield* client.end
            assert.deepStrictEqual(yield* client.closed, { _tag: "ClosedByPeer" })
          })
          for (let at = 0; at < 5; at++) yield* leavingNothing(hosts)(one)
        }))

      test("a far side that does not read holds the near one, and nothing is lost", (hosts) =>
        Effect.gen(function* () {
          const other = yield* pair(hosts, which)
          yield* other.accepted.onMessage((message) => other.accepted.send(message.data))
          const beat = Effect.andThen(other.client.send("beat"), other.client.receive())

          const { a, b, far, near } = yield* chain(hosts, which)
          yield* a.link(b)
          const count = 500
          let sent = 0
          yield* Effect.forkChild(
            Effect.forEach(
              Array.from({ length: count }, (_, at) => String(at).padEnd(65_536)),
              (text) =>
                Effect.andThen(
                  near.send(text),
                  Effect.sync(() => sent++)
                ),
              { discard: true }
            )
          )
          assert.isBelow(yield* standstill(() => sent, beat), count)
          for (let at = 0; at < count; at++) assert.strictEqual((yield* far.receive()).text.trimEnd(), String(at))
          assert.strictEqual(sent, count)
        }))
    })
  }
}

const wrapped = (world: World): void => {
  const test = testIn(world)
  for (const family of world.families) {
    const tcp = { transport: "tcp", family } as const
    const udp = { transport: "udp", family } as const
    describe(`pipes over sockets opened elsewhere, ${family} (${world.name})`, () => {
      test("a TCP connection becomes a pipe, and is closed with it", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, tcp)
          const connection = yield* hosts.client.on(Tcp.use((tcp) => tcp.dial({ remote: server.local })))
          const scope = yield* Scope.make()
          const opened = yield* Deferred.make<Pipe>()
          const pipe = yield* hosts.client
            .on(
              Pipes.use((pipes) =>
                pipes.fromTcp(connection, {
                  framing: "lengthPrefixed",
                  secure: true,
                  onOpen: (pipe) => Deferred.succeed(opened, pipe)
                })
              )
            )
            .pipe(Scope.provide(scope))
          assert.strictEqual(yield* Deferred.await(opened), pipe)
          assert.deepStrictEqual(
            [pipe.kind, pipe.transport, pipe.secure, at(pipe.local), at(pipe.remote)],
            ["client", "tcp", true, at(connection.local), at(server.local)]
          )
          yield* pipe.send("hello")
          const accepted = yield* server.accept
          assert.strictEqual((yield* accepted.receive()).text, "hello")
          yield* accepted.send("hi")
          assert.strictEqual((yield* pipe.receive()).text, "hi")
          yield* Scope.close(scope, Exit.void)
          assert.deepStrictEqual(yield* connection.closed, { _tag: "ClosedHere" })
          assert.deepStrictEqual(yield* accepted.closed, { _tag: "ClosedByPeer" })
        }))

      test("a connected UDP socket becomes a client, one without a peer a server", (hosts) =>
        Effect.gen(function* () {
          const unconnected = yield* hosts.server.on(
            Udp.use((udp) => udp.bind({ address: hosts.server.address(family) }))
          )
          const server = yield* hosts.server.on(Pipes.use((pipes) => pipes.fromUdp(unconnected)))
          const connected = yield* hosts.client.on(Udp.use((udp) => udp.bind({ remote: unconnected.local })))
          const client = yield* hosts.client.on(Pipes.use((pipes) => pipes.fromUdp(connected)))
          assert.deepStrictEqual([server.kind, client.kind], ["server", "client"])
          assert.strictEqual(at(client.remote), at(server.local))
          yield* client.send("hello")
          const message = yield* server.receive()
          yield* server.send(`re: ${message.text}`, message.from)
          assert.strictEqual((yield* client.receive()).text, "re: hello")

          const error = yield* failureOf(
            hosts.client.on(Pipes.use((pipes) => pipes.fromUdp(connected, { framing: "lines" })))
          )
          assert.deepStrictEqual([error.reason.op, error.reason.kind], ["wrap", "InvalidInput"])

          // The pipe owns the socket.
          yield* client.close
          const late = yield* failureOf(connected.send(new TextEncoder().encode("past the pipe")))
          assert.strictEqual(late.reason.kind, "Closed")
        }))

      test("bytes that came before the pipe are its first messages", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, tcp, { framing: "lines" })
          const connection = yield* hosts.client.on(Tcp.use((tcp) => tcp.dial({ remote: server.local })))
          const accepted = yield* server.accept
          yield* accepted.send("early")
          yield* accepted.send("bird")
          yield* accepted.end
          const pipe = yield* hosts.client.on(Pipes.use((pipes) => pipes.fromTcp(connection, { framing: "lines" })))
          assert.deepStrictEqual(yield* textsOf(pipe), ["early", "bird"])
        }))

      test("open without a destination listens", (hosts) =>
        Effect.gen(function* () {
          for (const which of [tcp, udp]) {
            const address = hosts.server.address(family)
            const server = yield* hosts.server.on(
              Pipes.use((pipes) => pipes.open({ transport: which.transport, local: { address } }))
            )
            assert.strictEqual(server.kind, "server")
            const client = yield* open(hosts.client, which, server.local, { framing: "raw" })
            yield* client.send("hello")
            const accepted = yield* server.accept
            assert.strictEqual((yield* accepted.receive()).text, "hello")
          }
        }))
    })
  }
}

export const pipeLinksTests = (world: World): void => {
  relays(world)
  wrapped(world)
}
