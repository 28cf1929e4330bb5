import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import * as Daemon from "../../src/servers/Daemon.ts"
import type { Pipe } from "../../src/services/Pipe.ts"
import { Pipes } from "../../src/services/Pipes.ts"
import * as certificates from "../fixtures/tls/certificates.ts"
import { hearing, type Line } from "../shared/logs.ts"
import { failureOf } from "../shared/World.ts"
import { ask, everywhere, freePort, hosts, nameOf, occupy, takenOn } from "./support.ts"

const ip = NetAddress.ipFromStringUnsafe

const upper: Daemon.Options["onMessage"] = (message, sender, pipe) => pipe.send(message.text.toUpperCase(), sender)

const names = (daemon: Daemon.Daemon) => daemon.servers.map(nameOf)

const failure = (options: Daemon.Options) =>
  Effect.map(failureOf(Daemon.serve(options)), (error) => {
    assert(error._tag === "DaemonError")
    return error
  })

const live = (name: string, body: Effect.Effect<void, unknown, Scope.Scope | Layer.Success<typeof NodeP2P.layer>>) =>
  it.live(name, () => Effect.provide(body, NodeP2P.layer))

describe("what a daemon listens on", () => {
  live(
    "every transport and family on loopback, each on a port the system chose, and each answers",
    Effect.gen(function* () {
      const daemon = yield* Daemon.serve({ on: "loopback", onMessage: upper })
      assert.deepStrictEqual(names(daemon), everywhere)
      assert.deepStrictEqual(daemon.failed, [])
      for (const server of daemon.servers) {
        assert.notStrictEqual(server.local.port, 0)
        assert.strictEqual(server.kind, "server")
        assert.strictEqual(yield* ask(server, nameOf(server)), nameOf(server).toUpperCase())
      }
    })
  )

  live(
    "several ports at once, the same for every transport and family",
    Effect.gen(function* () {
      const ports = [yield* freePort, yield* freePort]
      const daemon = yield* Daemon.serve({ on: "loopback", ports, onMessage: upper })
      assert.deepStrictEqual(
        daemon.servers.map((server) => `${nameOf(server)} ${server.local.port}`).toSorted(),
        everywhere.flatMap((name) => ports.map((port) => `${name} ${port}`)).toSorted()
      )
      for (const server of daemon.servers) assert.strictEqual(yield* ask(server, "hello"), "HELLO")
    })
  )

  live(
    "by default every address of this machine: IPv4 and IPv6 side by side on one port",
    Effect.gen(function* () {
      const ports = yield* freePort
      const daemon = yield* Daemon.serve({ ports, onMessage: upper })
      const wildcards = hosts.map((host) => (host === "::1" ? "::" : "0.0.0.0"))
      assert.deepStrictEqual(
        names(daemon),
        wildcards.flatMap((host) => [`tcp ${host}`, `udp ${host}`])
      )
      const pipes = yield* Pipes
      for (const server of daemon.servers) {
        const address = ip(NetAddress.familyOf(server.local) === "IPv4" ? "127.0.0.1" : "::1")
        const destination = NetAddress.inetAddressUnsafe(address, ports)
        const pipe = yield* pipes.open({ transport: server.transport, destination })
        yield* pipe.send("hello")
        assert.strictEqual((yield* pipe.receive()).text, "HELLO")
      }
    })
  )

  live(
    "only what was asked for: an address, an interface, a transport, a family",
    Effect.gen(function* () {
      const address = yield* Daemon.serve({ on: ip("127.0.0.1"), transports: ["udp"] })
      assert.deepStrictEqual(names(address), ["udp 127.0.0.1"])
      const family = yield* Daemon.serve({ on: "loopback", families: ["IPv4"] })
      assert.deepStrictEqual(names(family), ["tcp 127.0.0.1", "udp 127.0.0.1"])

      const device = process.platform === "linux" ? "lo" : "lo0"
      const tied = yield* Daemon.serve({ on: { interface: device }, families: ["IPv4"], onMessage: upper })
      assert.include(names(tied), "tcp 127.0.0.1")
      for (const server of tied.servers) {
        assert.notStrictEqual(server.binding, "none")
        assert.strictEqual(yield* ask(server, "hello"), "HELLO")
      }
    })
  )

  live(
    "handlers hear every server; framing is for the TCP ones",
    Effect.gen(function* () {
      const opened: Array<string> = []
      const closed: Array<string> = []
      const done = yield* Deferred.make<void>()
      const clients = hosts.length
      const daemon = yield* Daemon.serve({
        on: "loopback",
        framing: "lines",
        onOpen: (pipe) => Effect.sync(() => opened.push(`${pipe.transport} ${pipe.kind}`)),
        onMessage: upper,
        onClose: (reason, pipe) =>
          Effect.suspend(() =>
            closed.push(`${pipe.kind} ${reason._tag}`) === clients ? Deferred.succeed(done, undefined) : Effect.void
          )
      })
      for (const server of daemon.servers) {
        const options = server.transport === "tcp" ? { framing: "lines" as const } : {}
        assert.strictEqual(yield* ask(server, "two words", options), "TWO WORDS")
      }
      yield* Deferred.await(done)
      assert.deepStrictEqual(opened.toSorted(), [...hosts.map(() => "tcp accepted"), ...hosts.map(() => "udp server")])
      assert.deepStrictEqual(
        closed,
        hosts.map(() => "accepted ClosedByPeer")
      )
    })
  )

  live(
    "TLS is for its TCP sockets; a certificate that cannot be used is told at once",
    Effect.gen(function* () {
      const options: Daemon.Options = { on: ip("127.0.0.1"), transports: ["tcp"], onMessage: upper }
      const daemon = yield* Daemon.serve({ ...options, tls: certificates.server })
      const [server] = daemon.servers as [Pipe]
      assert.isTrue(server.secure)
      const tls = { ca: certificates.authority, serverName: "server.test" }
      assert.strictEqual(yield* ask(server, "secret", { tls }), "SECRET")

      const error = yield* failure({ ...options, tls: { cert: "none", key: "none" } })
      assert(error.reason._tag === "PartsFailed")
      assert.include(error.message, "the certificate or its key cannot be used")
    })
  )

  live(
    "the limit of connections holds for each TCP socket",
    Effect.gen(function* () {
      const daemon = yield* Daemon.serve({
        on: ip("127.0.0.1"),
        transports: ["tcp"],
        maxConnections: 1,
        onMessage: upper
      })
      const [server] = daemon.servers as [Pipe]
      const pipes = yield* Pipes
      const first = yield* pipes.open({ transport: "tcp", destination: server.local })
      yield* first.send("first")
      assert.strictEqual((yield* first.receive()).text, "FIRST")
      const second = yield* pipes.open({ transport: "tcp", destination: server.local })
      assert.include(["ClosedByPeer", "Reset"], (yield* second.closed)._tag)
      yield* first.send("still here")
      assert.strictEqual((yield* first.receive()).text, "STILL HERE")
    })
  )
})

describe("what cannot be listened on", () => {
  live(
    "a port in use fails the whole, says which, and leaves nothing open",
    Effect.gen(function* () {
      const port = yield* freePort
      const last = hosts.at(-1)!
      yield* occupy("tcp", last, port)
      const scope = yield* Effect.scope
      const error = yield* failure({ on: "loopback", ports: port })
      assert(error.reason._tag === "PartsFailed")
      assert.strictEqual(error.reason.wanted, everywhere.length)
      assert.deepStrictEqual(
        error.reason.failed.map(({ error, part }) => [part.transport, part.port, error.reason.kind]),
        [["tcp", port, "AddressInUse"]]
      )
      assert.include(error.message, `1 of ${everywhere.length} sockets could not be opened`)
      assert.include(
        error.message,
        `tcp pipe listen ${NetAddress.formatInet(NetAddress.inetAddressUnsafe(ip(last), port))}: the address is in use`
      )
      // The scope the daemon was to live in is still open: its sockets are not.
      assert.strictEqual(scope.state._tag, "Open")
      assert.deepStrictEqual(yield* takenOn(port), [`tcp ${last}`])
    })
  )

  live(
    "with partial success asked for, the rest listens and the failure is reported",
    Effect.gen(function* () {
      const port = yield* freePort
      yield* occupy("tcp", "127.0.0.1", port)
      const daemon = yield* Daemon.serve({ on: "loopback", ports: port, partial: true, onMessage: upper })
      assert.deepStrictEqual(
        names(daemon),
        everywhere.filter((name) => name !== "tcp 127.0.0.1")
      )
      assert.deepStrictEqual(
        daemon.failed.map(
          ({ error, part }) => `${part.transport} ${NetAddress.formatIp(part.address)} ${error.reason.kind}`
        ),
        ["tcp 127.0.0.1 AddressInUse"]
      )
      for (const server of daemon.servers) assert.strictEqual(yield* ask(server, "hello"), "HELLO")
    })
  )

  live(
    "partial success needs one success",
    Effect.gen(function* () {
      const port = yield* freePort
      for (const host of hosts) {
        yield* occupy("tcp", host, port)
        yield* occupy("udp", host, port)
      }
      const error = yield* failure({ on: "loopback", ports: port, partial: true })
      assert(error.reason._tag === "PartsFailed")
      assert.strictEqual(error.reason.failed.length, everywhere.length)
      assert.include(error.message, `${everywhere.length} of ${everywhere.length} sockets could not be opened`)
    })
  )

  live(
    "an address that is not of this machine",
    Effect.gen(function* () {
      const error = yield* failure({ on: ip("192.0.2.99"), transports: ["tcp"] })
      assert(error.reason._tag === "PartsFailed")
      assert.strictEqual(error.reason.failed[0]!.error.reason.kind, "AddressNotAvailable")
      assert.include(error.message, "192.0.2.99")
    })
  )

  live(
    "an interface nobody knows, a port that is none, nothing at all",
    Effect.gen(function* () {
      const unknown = yield* failure({ on: { interface: "no such" }, partial: true })
      assert.strictEqual(unknown.reason._tag, "NothingToListenOn")
      assert.match(unknown.message, /^daemon serve: no interface is called no such: there are \w/)
      const port = yield* failure({ on: "loopback", ports: 70_000 })
      assert.strictEqual(port.message, "daemon serve: 70000 is not a port: use 0 (any) to 65535")
      const nothing = yield* failure({ on: [] })
      assert.strictEqual(nothing.reason._tag, "NothingToListenOn")
    })
  )

  live(
    "a message tells the first failures of many and how many more there are",
    Effect.gen(function* () {
      const ports = [yield* freePort, yield* freePort, yield* freePort, yield* freePort, yield* freePort]
      const error = yield* failure({ on: ip("192.0.2.99"), ports })
      assert.match(error.message, /10 of 10 sockets could not be opened: (?:[^;]+; [^;]+; ){8}and 2 more$/)
    })
  )
})

describe("how a daemon lives", () => {
  live(
    "a failing handler is logged and counted, and the daemon lives on",
    Effect.gen(function* () {
      const lines: Array<Line> = []
      yield* Effect.gen(function* () {
        const daemon = yield* Daemon.serve({
          on: "loopback",
          onMessage: (message, sender, pipe) =>
            message.text === "bad" ? Effect.fail("no such luck") : pipe.send(message.data, sender)
        })
        for (const server of daemon.servers) {
          const pipe = yield* Pipes.use((pipes) =>
            pipes.open({ transport: server.transport, destination: server.local })
          )
          yield* pipe.send("bad")
          while (server.statistics().handlerFailures === 0) yield* Effect.sleep("1 millis")
          yield* pipe.send("good")
          assert.strictEqual((yield* pipe.receive()).text, "good")
          assert.strictEqual(server.statistics().handlerFailures, 1)
        }
      }).pipe(hearing((line) => lines.push(line)))
      assert.strictEqual(lines.length, everywhere.length)
      for (const line of lines) {
        assert.strictEqual(line.level, "Warn")
        assert.include(line.text, "a pipe's message handler failed")
        assert.include(line.text, "no such luck")
      }
    })
  )

  live(
    "closing its scope closes every server and what clients they have",
    Effect.gen(function* () {
      const port = yield* freePort
      const own = yield* Scope.make()
      const daemon = yield* Scope.provide(Daemon.serve({ on: "loopback", ports: port, onMessage: upper }), own)
      assert.deepStrictEqual((yield* takenOn(port)).toSorted(), everywhere.toSorted())
      const pipes = yield* Pipes
      const clients: Array<Pipe> = []
      for (const server of daemon.servers) {
        const pipe = yield* pipes.open({ transport: server.transport, destination: server.local })
        yield* pipe.send("hello")
        yield* pipe.receive()
        clients.push(pipe)
      }
      yield* Scope.close(own, Exit.void)
      for (const server of daemon.servers) assert.deepStrictEqual(yield* server.closed, { _tag: "ClosedHere" })
      for (const client of clients.filter(({ transport }) => transport === "tcp")) {
        assert.include(["ClosedByPeer", "Reset"], (yield* client.closed)._tag)
      }
      assert.deepStrictEqual(yield* takenOn(port), [])
    })
  )

  live(
    "interrupted while it opens, it leaves nothing behind",
    Effect.gen(function* () {
      const ports = Array.from({ length: 3 }, () => 0)
      for (let at = 0; at < ports.length; at++) ports[at] = yield* freePort
      const pipes = yield* Pipes
      // The second socket never opens.
      let opened = 0
      const stuck = Pipes.of({
        ...pipes,
        listen: (options) => (++opened === 2 ? Effect.never : pipes.listen(options))
      })
      const serving = Daemon.serve({ on: ip("127.0.0.1"), ports, transports: ["tcp"] }).pipe(
        Effect.provideService(Pipes, stuck),
        Effect.timeoutOption("50 millis")
      )
      assert.strictEqual((yield* serving)._tag, "None")
      assert.strictEqual(opened, 2)
      for (const port of ports) assert.deepStrictEqual(yield* takenOn(port), [])
    })
  )
})
