/** Many connects at once, and the ways to take what comes. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { Peer } from "../../../src/services/Peer.ts"
import { echoing, mouth, withPeer } from "./kit.ts"

const world = SimulatedWorld.make({ link: { latency: 10 }, hosts: { alice: {}, bob: {} } })

describe("many connects at once", () => {
  it.effect("to one peer: each has a pipe of its own, in the time of one", () =>
    Effect.gen(function* () {
      const made = yield* world
      const address = mouth<string>()
      const done = mouth<void>()
      const { alice } = yield* made.run({
        alice: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            const to = yield* address.hear
            const before = yield* Clock.currentTimeMillis
            const pipes = yield* Effect.forEach(Array.from({ length: 100 }), () => peer.connect(to), {
              concurrency: "unbounded"
            })
            const took = (yield* Clock.currentTimeMillis) - before
            const heard = yield* Effect.forEach(pipes, (pipe, at) =>
              Effect.andThen(
                pipe.send(`${at}`),
                Effect.map(pipe.receive(), ({ text }) => text)
              )
            )
            return { took, heard }
          })
        ).pipe(Effect.ensuring(done.say(undefined))),
        bob: echoing({}, address, done)
      })
      assert.strictEqual(alice.took, 2 * 40)
      assert.deepStrictEqual(
        alice.heard,
        Array.from({ length: 100 }, (_, at) => `${at}`)
      )
      assert.deepStrictEqual([made.openSockets("alice"), made.openSockets("bob")], [0, 0])
    })
  )

  it.effect("of both peers: every call has a live pipe, and each pipe is known to both", () =>
    Effect.gen(function* () {
      for (let seed = 0; seed < 6; seed++) {
        const made = yield* SimulatedWorld.make(
          { link: { latency: 10, jitter: 5 }, hosts: { alice: {}, bob: {} } },
          { seed }
        )
        const words = { alice: mouth<string>(), bob: mouth<string>() }
        const done = { alice: mouth<void>(), bob: mouth<void>() }
        const side = (name: "alice" | "bob", count: number) => {
          const other = name === "alice" ? "bob" : "alice"
          return withPeer(
            {},
            Effect.gen(function* () {
              const peer = yield* Peer
              // What was not merged comes here, and is answered as well.
              yield* peer.onPipe((pipe) => Effect.andThen(pipe.send("from accept"), pipe.closed))
              yield* words[name].say(yield* peer.addressText)
              const to = yield* words[other].hear
              const one = Effect.gen(function* () {
                const pipe = yield* peer.connect(to)
                yield* pipe.send("from connect")
                const { text } = yield* pipe.receive({ timeout: "10 seconds" })
                return text
              })
              const heard = yield* Effect.forEach(Array.from({ length: count }), () => one, {
                concurrency: "unbounded"
              })
              yield* done[name].say(undefined)
              yield* done[other].hear
              return heard
            })
          )
        }
        const { alice, bob } = yield* made.run({ alice: side("alice", 20), bob: side("bob", 7) })
        const merged = (heard: ReadonlyArray<string>) => heard.filter((text) => text === "from connect").length
        assert.deepStrictEqual([alice.length, bob.length], [20, 7])
        // A pipe both connects gave counts once on each side.
        assert.strictEqual(merged(alice), merged(bob), `seed ${seed}`)
        assert.isAbove(merged(alice), 0)
        assert.deepStrictEqual([made.openSockets("alice"), made.openSockets("bob")], [0, 0])
      }
    })
  )
})

describe("pipes that come", () => {
  const connecting = (to: Effect.Effect<string>, count: number) =>
    withPeer(
      {},
      Effect.gen(function* () {
        const peer = yield* Peer
        const address = yield* to
        for (let at = 0; at < count; at++) {
          const pipe = yield* peer.connect(address)
          yield* pipe.send(`${at}`)
        }
        yield* Effect.sleep("1 second")
      })
    )

  it.effect("are taken one by one, none lost to who stopped waiting", () =>
    Effect.gen(function* () {
      const made = yield* world
      const address = mouth<string>()
      const { bob } = yield* made.run({
        alice: connecting(address.hear, 3),
        bob: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            const impatient = yield* Effect.forkChild(Effect.scoped(peer.accept()), { startImmediately: true })
            yield* Fiber.interrupt(impatient)
            yield* address.say(yield* peer.addressText)
            const heard: Array<string> = []
            for (let at = 0; at < 3; at++) {
              const pipe = yield* peer.accept({ framing: "raw" })
              assert.deepInclude(pipe, { initiator: "there", strategy: "direct" })
              heard.push((yield* pipe.receive()).text)
            }
            return heard
          })
        )
      })
      assert.deepStrictEqual(bob, ["0", "1", "2"])
      assert.strictEqual(made.openSockets("bob"), 0)
    })
  )

  it.effect("are a stream, and each of them is open until it ends", () =>
    Effect.gen(function* () {
      const made = yield* world
      const address = mouth<string>()
      const open: Array<number> = []
      const { bob } = yield* made.run({
        alice: connecting(address.hear, 3),
        bob: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            yield* address.say(yield* peer.addressText)
            const heard = yield* peer.connections().pipe(
              Stream.take(3),
              Stream.mapEffect((pipe) => Effect.map(pipe.receive(), ({ text }) => text)),
              Stream.tap(() => Effect.sync(() => open.push(made.openSockets("bob")))),
              Stream.runCollect
            )
            open.push(made.openSockets("bob"))
            return heard
          })
        )
      })
      assert.deepStrictEqual(bob, ["0", "1", "2"])
      assert.deepStrictEqual(open, [2, 3, 4, 1])
    })
  )

  it.effect("are closed when their handler is done, whatever it does", () =>
    Effect.gen(function* () {
      const made = yield* world
      const address = mouth<string>()
      const handled: Array<string> = []
      yield* made.run({
        alice: connecting(address.hear, 3),
        bob: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            yield* peer.onPipe((pipe) =>
              Effect.flatMap(pipe.receive(), ({ text }) => {
                handled.push(text)
                return text === "1" ? Effect.fail("no") : text === "2" ? Effect.die(new Error("no")) : Effect.void
              })
            )
            yield* address.say(yield* peer.addressText)
            yield* Effect.sleep("500 millis")
            assert.strictEqual(made.openSockets("bob"), 1)
          })
        )
      })
      assert.deepStrictEqual(handled, ["0", "1", "2"])
    })
  )
})
