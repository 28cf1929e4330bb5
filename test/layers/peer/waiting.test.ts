/** Policy that says no or takes its time, and links that are dead without a word: who waits for whom, and for how long. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as IdentityLayer from "../../../src/layers/Identity.ts"
import type * as SimulatedPeer from "../../../src/layers/simulated/SimulatedPeer.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { encode } from "../../../src/protocols/connect/frames.ts"
import type { PeerId } from "../../../src/schemas/PeerId.ts"
import type { World } from "../../../src/schemas/World.ts"
import { Peer, type Request } from "../../../src/services/Peer.ts"
import { Tcp, type TcpConnection } from "../../../src/services/Tcp.ts"
import { aliceCallsBob, mallory, mouth, oneBroker, withPeer } from "./kit.ts"

const open: World = { link: { latency: 10 }, hosts: { alice: {}, bob: {} } }

const nobodyIn: SimulatedPeer.Options["allow"] = (_, { kind }) => Effect.succeed(kind !== "pipe")

interface Side {
  readonly options?: SimulatedPeer.Options
  readonly wait?: number
  readonly connects?: number
  readonly sockets?: (tcp: Tcp["Service"]) => Tcp["Service"]
}

/** Both call each other; what each call came to, how long it took, and what came besides. */
const both = (world: World, alice: Side, bob: Side, seed = 0) =>
  Effect.gen(function* () {
    const made = yield* SimulatedWorld.make(world, { seed })
    const words = { alice: mouth<string>(), bob: mouth<string>() }
    const done = { alice: mouth<void>(), bob: mouth<void>() }
    const side = (name: "alice" | "bob", { connects = 1, options = {}, sockets = (tcp) => tcp, wait = 0 }: Side) => {
      const other = name === "alice" ? "bob" : "alice"
      return withPeer(
        options,
        Effect.gen(function* () {
          const peer = yield* Peer
          let arrived = 0
          yield* peer.onPipe(() => Effect.sync(() => arrived++))
          yield* words[name].say(yield* peer.addressText)
          const to = yield* words[other].hear
          yield* Effect.sleep(wait)
          const began = yield* Clock.currentTimeMillis
          const calls = yield* Effect.forEach(
            Array.from({ length: connects }),
            () =>
              Effect.map(Effect.result(peer.connect(to)), (result) =>
                Result.match(result, {
                  onFailure: ({ attempts }) => attempts.flatMap(({ reason }) => reason ?? []).join(),
                  onSuccess: () => "pipe"
                })
              ),
            { concurrency: "unbounded" }
          )
          const took = (yield* Clock.currentTimeMillis) - began
          yield* done[name].say(undefined)
          yield* done[other].hear
          yield* Effect.sleep("20 seconds")
          return { calls, took, arrived }
        })
      ).pipe(Effect.updateService(Tcp, sockets))
    }
    const ran = yield* made.run({ alice: side("alice", alice), bob: side("bob", bob) })
    assert.deepStrictEqual([made.openSockets("alice"), made.openSockets("bob")], [0, 0])
    return ran
  })

describe("a peer that lets nobody in", () => {
  const strict = { options: { allow: nobodyIn } }

  it.effect("connects to who connects to it at the same time, whichever link is first", () =>
    Effect.gen(function* () {
      for (let wait = -100; wait <= 100; wait += 20) {
        const { alice, bob } = yield* both(open, { wait: Math.max(0, wait) }, { ...strict, wait: Math.max(0, -wait) })
        assert.deepStrictEqual([bob.calls, bob.arrived], [["pipe"], 0], `${wait} ms`)
        // Who calls long before is refused long before.
        if (Math.abs(wait) < 60) assert.deepStrictEqual(alice.calls, ["pipe"], `${wait} ms`)
      }
    })
  )

  it.effect("and is dialled back by who connects to it as well", () =>
    Effect.gen(function* () {
      for (let seed = 0; seed < 10; seed++) {
        // Bob cannot get through to Alice, and asks her to dial back.
        const world: World = {
          link: { latency: 10, jitter: 5 },
          hosts: { alice: { behind: "symmetric-random" }, bob: {} }
        }
        const brokers = oneBroker({ latency: 5 * seed })
        const { alice, bob } = yield* both(
          world,
          { options: brokers, wait: seed },
          { options: { ...brokers, allow: nobodyIn } },
          seed
        )
        assert.deepStrictEqual([alice.calls, bob.calls, bob.arrived], [["pipe"], ["pipe"], 0], `seed ${seed}`)
      }
    })
  )

  it.effect("has no pipe but those of its own connects", () =>
    Effect.gen(function* () {
      for (let seed = 0; seed < 6; seed++) {
        const { alice, bob } = yield* both(open, { connects: 4 }, { ...strict, connects: 2 }, seed)
        assert.deepStrictEqual([bob.calls, bob.arrived], [["pipe", "pipe"], 0])
        assert.deepStrictEqual(alice.calls.toSorted(), ["not-allowed", "not-allowed", "pipe", "pipe"])
      }
    })
  )
})

describe("policy that takes its time", () => {
  const allowing = (
    allow: (peer: PeerId, request: Request) => Effect.Effect<boolean>,
    bob: SimulatedPeer.Options = {}
  ) => aliceCallsBob(open, { bob: { ...bob, allow } })

  it.effect("is waited for", () =>
    Effect.gen(function* () {
      const { left, result } = yield* allowing(() => Effect.as(Effect.sleep("7 seconds"), true))
      assert.strictEqual(Result.getOrThrow(result).took, 3 * 40 + 7000)
      assert.strictEqual(left, 0)
    })
  )

  it.effect("and does not end says no in the end", () =>
    Effect.gen(function* () {
      const { left, result } = yield* allowing(() => Effect.never)
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result) && result.failure._tag === "ConnectError") {
        const [attempt] = result.failure.attempts
        assert.deepInclude(attempt, { outcome: "failed", step: "open", reason: "not-allowed" })
      }
      assert.strictEqual(left, 0)
    })
  )

  it.effect("holds a bounded number of links of one peer, and no more than may arrive", () =>
    Effect.gen(function* () {
      const opened = (limits: SimulatedPeer.Options["limits"]) =>
        mallory({ limits, allow: () => Effect.never }, (dial, bobsSockets) =>
          Effect.gen(function* () {
            for (let count = 0; count < 6; count++) {
              const secured = yield* Effect.result(dial)
              if (Result.isFailure(secured)) continue
              const attempt = new Uint8Array(16).fill(count)
              yield* Effect.ignore(secured.success.connection.write(encode({ _tag: "Open", kind: "direct", attempt })))
            }
            yield* Effect.sleep(100)
            return bobsSockets()
          })
        )
      assert.strictEqual(yield* opened({ linksPerPeer: 3 }), 1 + 3)
      // Those who wait for policy have not arrived.
      assert.strictEqual(yield* opened({ handshakesPerSource: 2 }), 1 + 2)
    })
  )
})

/** Of the first dial, what is written is lost from the frame OPEN on, and nothing comes any more. */
const deadAfterOpen = (tcp: Tcp["Service"]): Tcp["Service"] => {
  let isFirst = true
  const dying = (connection: TcpConnection): TcpConnection => {
    let isDead = false
    return {
      local: connection.local,
      remote: connection.remote,
      binding: connection.binding,
      writeAll: (chunks) => connection.writeAll(chunks),
      end: connection.end,
      reset: connection.reset,
      close: connection.close,
      closed: connection.closed,
      pull: Effect.suspend(() => (isDead ? Effect.never : connection.pull)),
      write: (bytes) => {
        isDead ||= bytes.length === 19 && bytes[0] === 1
        return isDead ? Effect.void : connection.write(bytes)
      }
    }
  }
  return Tcp.of({
    ...tcp,
    dial: (options) => {
      const dialled = tcp.dial(options)
      const isDying = isFirst
      isFirst = false
      return isDying ? Effect.map(dialled, dying) : dialled
    }
  })
}

describe("a link that is dead and tells nobody", () => {
  const seeded = (seed: number) => IdentityLayer.layerFromSeed(Redacted.make(new Uint8Array(32).fill(seed)))

  it.effect("does not hold up another one, whoever dialled it and is the senior", () =>
    Effect.gen(function* () {
      const times: Array<number> = []
      for (const [a, b] of [
        [1, 2],
        [2, 1]
      ] as const) {
        const { alice, bob } = yield* both(
          open,
          { options: { identity: seeded(a) }, sockets: deadAfterOpen },
          { options: { identity: seeded(b) } }
        )
        assert.deepStrictEqual([alice.calls, bob.calls], [["pipe"], ["pipe"]])
        times.push(alice.took, bob.took)
      }
      // One of the two orders has nobody waiting.
      assert.isBelow(Math.max(...times), 5000)
      assert.isBelow(Math.min(...times), 500)
      assert.isAbove(Math.max(...times), 2000)
    })
  )
})

describe("the report of a pipe that was accepted", () => {
  it.effect("tells how long its handshakes took", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(open)
      const address = mouth<string>()
      const { bob } = yield* world.run({
        alice: withPeer(
          {},
          Effect.gen(function* () {
            const pipe = yield* (yield* Peer).connect(yield* address.hear)
            yield* pipe.closed
          })
        ),
        bob: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            yield* address.say(yield* peer.addressText)
            const pipe = yield* peer.accept()
            return pipe.report
          })
        )
      })
      // From the end of TCP's: hello, hello and TAKE.
      assert.deepStrictEqual(bob, { attempts: [], milliseconds: 40 })
    })
  )
})

describe("a deadline that ends with the last thing tried", () => {
  it.effect("is what the error names, always", () =>
    Effect.gen(function* () {
      const brokers = oneBroker()
      // A dial is given ten seconds, and so is all of it.
      const world: World = { hosts: { alice: {}, bob: { behind: "blocked" } } }
      for (const options of [{}, brokers]) {
        const { result } = yield* aliceCallsBob(world, {
          alice: options,
          bob: options,
          options: { deadline: "10 seconds" }
        })
        assert.isTrue(Result.isFailure(result))
        if (Result.isFailure(result)) assert.deepInclude(result.failure, { reason: "TimedOut", milliseconds: 10_000 })
      }
    })
  )
})
