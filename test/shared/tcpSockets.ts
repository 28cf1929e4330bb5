/**
 * What `Tcp` promises of connections, and with `tcpListeners` of everything but reservations.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import { bytes, dial, kindOf, listen, read } from "./tcpHelpers.ts"
import { tcpListenersTests } from "./tcpListeners.ts"
import { at, type Hosts, leavingNothing, standstill, testIn, type World } from "./World.ts"

/** A listener, a connection to it, and its other end. */
const connected = Effect.fnUntraced(function* (hosts: Hosts, family: NetAddress.IpFamily) {
  const listener = yield* listen(hosts.server, family)
  const near = yield* dial(hosts.client, listener.local)
  const far = yield* listener.accept
  return { listener, near, far }
})

const connections = (world: World, family: NetAddress.IpFamily): void => {
  const test = testIn(world)
  describe(`a TCP connection over ${family} (${world.name})`, () => {
    test("both ends know both endpoints", (hosts) =>
      Effect.gen(function* () {
        const { far, listener, near } = yield* connected(hosts, family)
        assert.strictEqual(at(near.remote), at(listener.local))
        assert.strictEqual(at(far.local), at(listener.local))
        assert.strictEqual(at(far.remote), at(near.local))
        assert.deepStrictEqual([near.binding, far.binding, listener.binding], ["none", "none", "none"])
      }).pipe(leavingNothing(hosts)))

    test("bytes go both ways, in order, however they are written", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* connected(hosts, family)
        yield* near.write(bytes("one "))
        yield* near.writeAll([bytes("two "), new Uint8Array(0), bytes("three")])
        assert.strictEqual(yield* read(far, 13), "one two three")
        yield* far.writeAll([])
        yield* far.write(bytes("back"))
        assert.strictEqual(yield* read(near, 4), "back")
      }).pipe(leavingNothing(hosts)))

    test("half-close: the end is seen after everything sent, and the other way stays open", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* connected(hosts, family)
        yield* near.write(bytes("request"))
        yield* near.end
        yield* near.end
        assert.strictEqual(yield* kindOf(near.write(bytes("more"))), "write Closed")
        assert.strictEqual(yield* read(far), "request")
        assert.strictEqual(yield* kindOf(far.pull), "Done")
        yield* far.write(bytes("response"))
        yield* far.end
        assert.strictEqual(yield* read(near), "response")
        assert.deepStrictEqual(yield* near.closed, { _tag: "ClosedByPeer" })
        assert.deepStrictEqual(yield* far.closed, { _tag: "ClosedByPeer" })
      }).pipe(leavingNothing(hosts)))

    test("reset: the peer's reading fails and its waiting write too; both sides know who did it", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* connected(hosts, family)
        const reading = yield* Effect.forkChild(kindOf(far.pull), { startImmediately: true })
        const writing = yield* Effect.forkChild(kindOf(Effect.forever(far.write(new Uint8Array(262_144)))))
        yield* near.reset
        yield* near.reset
        yield* near.close
        assert.deepStrictEqual(yield* near.closed, { _tag: "ResetHere" })
        assert.strictEqual(yield* Fiber.join(reading), "read Reset")
        assert.strictEqual(yield* Fiber.join(writing), "write Reset")
        assert.deepStrictEqual(yield* far.closed, { _tag: "ResetByPeer" })
        assert.strictEqual(yield* kindOf(near.write(bytes("x"))), "write Closed")
        assert.strictEqual(yield* kindOf(near.pull), "read Closed")
        assert.strictEqual(yield* kindOf(near.end), "end Closed")
      }).pipe(leavingNothing(hosts)))

    // Sent in one turn, so that the reader's system may learn of both at once.
    test("a reset right behind data is no end, while the reader still sends, waits, or has finished", (hosts) =>
      Effect.gen(function* () {
        const listener = yield* listen(hosts.server, family)
        for (const its of ["waiting", "sending", "finished"] as const) {
          const near = yield* dial(hosts.client, listener.local)
          const far = yield* listener.accept
          if (its === "finished") {
            yield* near.end
            assert.strictEqual(yield* read(far), "")
          }
          if (its === "sending") yield* Effect.forkChild(Effect.ignore(near.write(new Uint8Array(20_000_000))))
          const reading = yield* Effect.forkChild(read(near, 4), { startImmediately: true })
          yield* far.write(bytes("half"))
          yield* far.reset
          // A write that fails may be faster than what came before.
          const before = yield* Effect.exit(Fiber.join(reading))
          if (its !== "sending") assert.deepStrictEqual(before, Exit.succeed("half"))
          assert.strictEqual(yield* kindOf(near.pull), "read Reset", its)
          assert.deepStrictEqual(yield* near.closed, { _tag: "ResetByPeer" }, its)
        }
      }).pipe(leavingNothing(hosts)))

    test("an end is one, also while much is sent the other way or the peer is gone for good", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* connected(hosts, family)
        const writing = yield* Effect.forkChild(kindOf(Effect.forever(near.write(new Uint8Array(262_144)))), {
          startImmediately: true
        })
        yield* far.write(bytes("whole"))
        yield* far.end
        assert.strictEqual(yield* read(near), "whole")
        assert.strictEqual(yield* kindOf(near.pull), "Done")
        yield* far.reset
        assert.strictEqual(yield* Fiber.join(writing), "write Reset")
      }).pipe(leavingNothing(hosts)))

    test("closed by its scope: this side says ClosedHere, the peer ClosedByPeer", (hosts) =>
      Effect.gen(function* () {
        const listener = yield* listen(hosts.server, family)
        const near = yield* Effect.scoped(dial(hosts.client, listener.local))
        assert.deepStrictEqual(yield* near.closed, { _tag: "ClosedHere" })
        const far = yield* listener.accept
        assert.strictEqual(yield* kindOf(far.pull), "Done")
        yield* far.end
        assert.deepStrictEqual(yield* far.closed, { _tag: "ClosedByPeer" })
        yield* near.close
      }).pipe(leavingNothing(hosts)))

    test("closing sends what is queued first", (hosts) =>
      Effect.gen(function* () {
        const listener = yield* listen(hosts.server, family)
        const reading = yield* Effect.forkChild(
          Effect.flatMap(listener.accept, (far) => read(far)),
          { startImmediately: true }
        )
        const text = "x".repeat(3_000_000)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const near = yield* dial(hosts.client, listener.local)
            // Not waited for: most of it still waits when the scope closes.
            yield* Effect.forkChild(near.write(bytes(text)), { startImmediately: true })
          })
        )
        assert.strictEqual((yield* Fiber.join(reading)).length, text.length)
      }).pipe(leavingNothing(hosts)))

    test("a writer waits while the reader does not read, and nothing is lost", (hosts) =>
      Effect.gen(function* () {
        const other = yield* connected(hosts, family)
        const beat = Effect.gen(function* () {
          yield* other.near.write(bytes("beat"))
          yield* other.far.write(bytes(yield* read(other.far, 4)))
          yield* read(other.near, 4)
        })
        const { far, near } = yield* connected(hosts, family)
        const pieces = 500
        let written = 0
        yield* Effect.gen(function* () {
          for (; written < pieces; written++) yield* near.write(new Uint8Array(65_536).fill(65 + (written % 26)))
          yield* near.end
        }).pipe(Effect.forkChild)
        assert.isBelow(yield* standstill(() => written, beat), pieces)
        const text = yield* read(far)
        assert.strictEqual(text.length, pieces * 65_536)
        for (let piece = 0; piece < pieces; piece++) {
          assert.strictEqual(text.charCodeAt(piece * 65_536 + 65_535), 65 + (piece % 26))
        }
      }).pipe(leavingNothing(hosts)))

    test("an interrupted pull takes nothing", (hosts) =>
      Effect.gen(function* () {
        const { far, near } = yield* connected(hosts, family)
        yield* Fiber.interrupt(yield* Effect.forkChild(near.pull, { startImmediately: true }))
        yield* far.write(bytes("still here"))
        assert.strictEqual(yield* read(near, 10), "still here")
      }).pipe(leavingNothing(hosts)))
  })
}

export const tcpSocketsTests = (world: World): void => {
  for (const family of world.families) connections(world, family)
  tcpListenersTests(world)
}
