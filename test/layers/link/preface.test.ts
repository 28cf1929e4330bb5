/**
 * Reading exactly so many bytes: on real, simulated and foreign connections.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { readExactly, readSized } from "../../../src/layers/link/preface.ts"
import { NodeTcpConnection } from "../../../src/layers/node/tcp/connection.ts"
import { SimulatedConnection } from "../../../src/layers/simulated/host/SimulatedConnection.ts"
import { Pipes } from "../../../src/services/Pipes.ts"
import type { TcpConnection } from "../../../src/services/Tcp.ts"
import { bytes, dial, listen, read } from "../../shared/tcpHelpers.ts"
import { failureOf, type Hosts, leavingNothing, testIn, type World } from "../../shared/World.ts"
import { disguised } from "../../support/disguised.ts"
import { realWorld } from "../../support/realWorld.ts"
import { simulatedWorld } from "../simulated/simulatedWorld.ts"

const text = (chunk: Uint8Array) => new TextDecoder().decode(chunk)

const connected = Effect.fnUntraced(function* (hosts: Hosts) {
  const listener = yield* listen(hosts.server, "IPv4")
  const near = yield* dial(hosts.client, listener.local)
  return { near, far: yield* listener.accept }
})

const tests = (world: World, kind: string, as: (connection: TcpConnection) => TcpConnection) => {
  const test = testIn(world)
  const ends = (hosts: Hosts) => Effect.map(connected(hosts), ({ far, near }) => ({ far, near: as(near) }))
  const foreign = as !== same

  describe(`readExactly on ${kind}`, () => {
    test("leaves the rest, across chunks and within one", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* ends(hosts)
        yield* far.writeAll([bytes("ab"), bytes("cdef"), bytes("ghijklmnop")])
        const first = yield* readExactly(near, 5)
        assert.strictEqual(text(first.bytes), "abcde")
        const none = yield* readExactly(first.connection, 0)
        assert.strictEqual(none.bytes.length, 0)
        const second = yield* readExactly(none.connection, 3)
        assert.strictEqual(text(second.bytes), "fgh")
        assert.strictEqual(second.connection, first.connection, "wrapped once at most")
        yield* far.write(bytes("qrs"))
        yield* far.end
        assert.strictEqual(yield* read(second.connection), "ijklmnopqrs")
      }).pipe(leavingNothing(hosts)))

    test("waits for bytes that come one at a time, and leaves what was not asked for", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* ends(hosts)
        const reading = yield* Effect.forkChild(readExactly(near, 4), { startImmediately: true })
        for (const letter of "abc") {
          yield* far.write(bytes(letter))
          yield* Effect.sleep("2 millis")
        }
        assert.isUndefined(reading.pollUnsafe())
        yield* far.write(bytes("defg"))
        const { bytes: got, connection } = yield* Fiber.join(reading)
        assert.strictEqual(text(got), "abcd")
        assert.strictEqual(yield* read(connection, 3), "efg")
      }).pipe(leavingNothing(hosts)))

    test("a megabyte behind the preface arrives whole", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* ends(hosts)
        const much = Uint8Array.from({ length: 1_000_000 }, (_, at) => (at * 31 + (at >> 9)) & 255)
        const sending = yield* Effect.forkChild(Effect.andThen(far.write(much), far.end), { startImmediately: true })
        let connection = near
        for (let at = 0; at < 1000; at += 100) {
          const part = yield* readExactly(connection, 100)
          connection = part.connection
          assert.deepStrictEqual(part.bytes, much.slice(at, at + 100))
        }
        const rest = yield* readExactly(connection, much.length - 1000)
        assert.strictEqual(Buffer.compare(rest.bytes, much.subarray(1000)), 0)
        yield* Fiber.join(sending)
      }).pipe(leavingNothing(hosts)))

    test("a frame is read by what its first byte says, whole or byte by byte, and where it says nothing that byte alone", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* ends(hosts)
        const restOf = (first: number) => ({ 97: 0, 98: 1, 99: 3 })[first]
        yield* far.writeAll([bytes("abBcC"), bytes("C")])
        let connection = near
        for (const frame of ["a", "bB"]) {
          const part = yield* readSized(connection, restOf)
          connection = part.connection
          assert.strictEqual(text(part.bytes), frame)
        }
        const reading = yield* Effect.forkChild(readSized(connection, restOf), { startImmediately: true })
        yield* Effect.sleep("2 millis")
        assert.isUndefined(reading.pollUnsafe())
        yield* far.write(bytes("Cx?"))
        const part = yield* Fiber.join(reading)
        assert.strictEqual(text(part.bytes), "cCCC")
        assert.strictEqual(text((yield* readSized(part.connection, restOf)).bytes), "x")
      }).pipe(leavingNothing(hosts)))

    test("an end before is a failure with both counts; what came is still there", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* ends(hosts)
        yield* far.write(bytes("abc"))
        yield* far.end
        const error = yield* failureOf(readExactly(near, 10))
        assert.strictEqual(error.reason.kind, "Closed")
        assert.include(error.message, "after 3 of 10 bytes")
        if (!foreign) assert.strictEqual(yield* read(near), "abc")
      }).pipe(leavingNothing(hosts)))

    test("a reset is the reset it was", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* ends(hosts)
        const reading = yield* Effect.forkChild(failureOf(readExactly(near, 10)), { startImmediately: true })
        yield* far.write(bytes("abc"))
        yield* Effect.sleep("5 millis")
        yield* far.reset
        assert.strictEqual((yield* Fiber.join(reading)).reason.kind, "Reset")
      }).pipe(leavingNothing(hosts)))

    if (foreign) return
    test("an interruption loses nothing, wherever it falls", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* ends(hosts)
        const sent = "abcdefghijklmnopqrstuvwxyz"
        let got = ""
        const sending = yield* Effect.forkChild(
          Effect.forEach(sent, (letter) => Effect.andThen(far.write(bytes(letter)), Effect.sleep("1 millis"))),
          { startImmediately: true }
        )
        for (let at = 0; got.length < sent.length - 2; at++) {
          const taking = Effect.map(readExactly(near, 2), (part) => {
            got += text(part.bytes)
          })
          const reading = yield* Effect.forkChild(taking, { startImmediately: true })
          for (let step = 0; step < at % 7; step++) yield* Effect.sleep("0.2 millis")
          yield* Fiber.interrupt(reading)
        }
        yield* Fiber.join(sending)
        assert.strictEqual(got + (yield* read(near, sent.length - got.length)), sent)
      }).pipe(leavingNothing(hosts)))

    test("the same connection comes back, and a pipe over it hears the rest", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* ends(hosts)
        yield* far.writeAll([bytes("preface"), bytes("one\ntwo\n")])
        const { connection } = yield* readExactly(near, 7)
        assert.strictEqual(connection, near)
        assert.isTrue(connection instanceof NodeTcpConnection || connection instanceof SimulatedConnection)
        const pipe = yield* hosts.client.on(Pipes.use((pipes) => pipes.fromTcp(connection, { framing: "lines" })))
        assert.strictEqual((yield* pipe.receive()).text, "one")
        assert.strictEqual((yield* pipe.receive()).text, "two")
        yield* far.write(bytes("three\n"))
        assert.strictEqual((yield* pipe.receive()).text, "three")
      }).pipe(leavingNothing(hosts)))
  })
}

const same = (connection: TcpConnection) => connection

tests(realWorld, "real sockets", same)
tests(simulatedWorld, "simulated sockets", same)
tests(realWorld, "connections of another kind", disguised)
