/**
 * Pipes and connections as Node duplexes.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { Readable, type Writable } from "node:stream"
import { finished, pipeline } from "node:stream/promises"
import * as Duplex from "../../../src/layers/node/Duplex.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { pair } from "../../shared/pairs.ts"
import type { Case, Hosts } from "../../shared/World.ts"
import { testIn } from "../../shared/World.ts"
import { listen } from "../../shared/tcpHelpers.ts"
import { realWorld } from "../../support/realWorld.ts"

const test = testIn(realWorld)
const which: Case = { transport: "tcp", family: "IPv4" }
const raw = { client: { framing: "raw" }, server: { framing: "raw" } } as const
const bytes = Buffer.from(Uint8Array.from({ length: 2_000_000 }, (_, at) => (at * 31 + (at >> 9)) & 255))
const sha = (data: Uint8Array) => createHash("sha256").update(data).digest("hex")

const read = (duplex: Readable) => Effect.promise(async () => Buffer.concat(await duplex.toArray()))
const write = (duplex: Writable, data: Uint8Array) =>
  Effect.promise(() => new Promise<void>((done) => duplex.end(data, () => done())))

describe("a pipe as a duplex", () => {
  test("carries bytes both ways through Node's own pipeline", (hosts) =>
    Effect.gen(function* () {
      const { accepted, client } = yield* pair(hosts, which, raw)
      const near = yield* Duplex.toDuplex(client)
      const far = yield* Duplex.toDuplex(accepted)
      // The far side sends everything back as it comes.
      const echo = yield* Effect.forkChild(
        Effect.promise(() => pipeline(far, far)),
        { startImmediately: true }
      )
      const back = yield* Effect.forkChild(read(near), { startImmediately: true })
      yield* write(near, bytes)
      assert.strictEqual(sha(yield* Fiber.join(back)), sha(bytes))
      yield* Fiber.join(echo)
    }))

  test("ends where the peer ends, and half-closes when it is ended", (hosts) =>
    Effect.gen(function* () {
      const { accepted, client } = yield* pair(hosts, which, raw)
      const duplex = yield* Duplex.toDuplex(client)
      yield* write(duplex, Buffer.from("request"))
      const asked = yield* Stream.runCollect(accepted.toStream)
      assert.strictEqual(Buffer.concat(asked).toString(), "request")
      yield* accepted.send("response")
      yield* accepted.end
      assert.strictEqual((yield* read(duplex)).toString(), "response")
    }))

  test("a writer waits while nobody reads at the other end", (hosts) =>
    Effect.gen(function* () {
      const { accepted, client } = yield* pair(hosts, which, raw)
      const duplex = yield* Duplex.toDuplex(client)
      let taken = 0
      const piece = Buffer.alloc(65_536, 7)
      const total = 500
      const source = Readable.from(
        (function* () {
          for (; taken < total; taken++) yield piece
        })()
      )
      const sending = yield* Effect.forkChild(
        Effect.promise(() => pipeline(source, duplex)),
        { startImmediately: true }
      )
      // Held up: it asks for no more, however often the loop turns.
      let last = -1
      for (let quiet = 0; quiet < 200; quiet++) {
        if (taken !== last) quiet = 0
        last = taken
        yield* Effect.yieldNow
      }
      assert.isBelow(taken, total)
      let length = 0
      yield* accepted.toStream.pipe(
        Stream.runForEachWhile((chunk) => Effect.sync(() => (length += chunk.length) < total * piece.length))
      )
      assert.strictEqual(length, total * piece.length)
      yield* accepted.close
      yield* Effect.ignore(Fiber.join(sending))
    }))

  test("destroying it closes the pipe; closing its scope destroys it", (hosts) =>
    Effect.gen(function* () {
      const first = yield* pair(hosts, which, raw)
      const duplex = yield* Duplex.toDuplex(first.client)
      duplex.destroy()
      assert.deepStrictEqual(yield* first.client.closed, { _tag: "ClosedHere" })
      assert.deepStrictEqual(yield* first.accepted.closed, { _tag: "ClosedByPeer" })

      const second = yield* pair(hosts, which, raw)
      const scoped = yield* Effect.scoped(Duplex.toDuplex(second.client))
      assert.isTrue(scoped.destroyed)
      assert.deepStrictEqual(yield* second.accepted.closed, { _tag: "ClosedByPeer" })
    }))

  test("a reset is an error of the duplex, with the pipe's reason", (hosts) =>
    Effect.gen(function* () {
      const { accepted, client } = yield* pair(hosts, which, raw)
      const duplex = yield* Duplex.toDuplex(client)
      const outcome = yield* Effect.forkChild(
        Effect.promise(() =>
          finished(duplex.resume()).then(
            () => undefined,
            (error: unknown) => error
          )
        ),
        { startImmediately: true }
      )
      yield* accepted.reset
      const error = yield* Fiber.join(outcome)
      assert.strictEqual((error as { reason?: { kind?: string } } | undefined)?.reason?.kind, "Reset")
    }))

  test("works over UDP, where each write is a datagram", (hosts) =>
    Effect.gen(function* () {
      const { accepted, client } = yield* pair(hosts, { transport: "udp", family: "IPv4" })
      const duplex = yield* Duplex.toDuplex(client)
      duplex.write("one")
      duplex.write("two")
      assert.strictEqual((yield* accepted.receive()).text, "one")
      assert.strictEqual((yield* accepted.receive()).text, "two")
      yield* accepted.send("back")
      const chunk = yield* Effect.promise(() => new Promise<Uint8Array>((done) => duplex.once("data", done)))
      assert.strictEqual(chunk.toString(), "back")
    }))
})

describe("a connection as a duplex", () => {
  const connected = (hosts: Hosts) =>
    Effect.gen(function* () {
      const listener = yield* listen(hosts.server, "IPv4")
      const near = yield* hosts.client.on(Tcp.use((tcp) => tcp.dial({ remote: listener.local })))
      return { near, far: yield* listener.accept }
    })

  test("carries bytes both ways to the end", (hosts) =>
    Effect.gen(function* () {
      const { far, near } = yield* connected(hosts)
      const a = yield* Duplex.fromConnection(near)
      const b = yield* Duplex.fromConnection(far)
      const there = yield* Effect.forkChild(read(b), { startImmediately: true })
      const back = yield* Effect.forkChild(read(a), { startImmediately: true })
      yield* Effect.forkChild(write(a, bytes), { startImmediately: true })
      yield* write(b, bytes.subarray(0, 1_000_000))
      assert.strictEqual(sha(yield* Fiber.join(there)), sha(bytes))
      assert.strictEqual(sha(yield* Fiber.join(back)), sha(bytes.subarray(0, 1_000_000)))
    }))

  test("a reset is its error", (hosts) =>
    Effect.gen(function* () {
      const { far, near } = yield* connected(hosts)
      const duplex = yield* Duplex.fromConnection(near)
      const outcome = yield* Effect.forkChild(
        Effect.promise(() =>
          finished(duplex.resume()).then(
            () => undefined,
            (error: unknown) => error
          )
        ),
        { startImmediately: true }
      )
      yield* far.reset
      const error = yield* Fiber.join(outcome)
      assert.strictEqual((error as { reason?: { kind?: string } } | undefined)?.reason?.kind, "Reset")
    }))
})
