/** Both peers connect to each other at once: both calls give the same pipe, and there is no other. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import type * as SimulatedPeer from "../../../src/layers/simulated/SimulatedPeer.ts"
import type { World } from "../../../src/schemas/World.ts"
import { Peer } from "../../../src/services/Peer.ts"
import { mouth, oneBroker, withPeer } from "./kit.ts"

interface Side {
  readonly ends: readonly [string, string]
  readonly initiator: "here" | "there"
  readonly heard: string
  readonly arrived: number
}

/** Each waits so long after both have told their addresses. */
const both = (description: World, waits: readonly [number, number], options: SimulatedPeer.Options = {}, seed = 0) =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make(description, { seed })
    const words = { alice: mouth<string>(), bob: mouth<string>() }
    const done = { alice: mouth<void>(), bob: mouth<void>() }
    const side = (name: "alice" | "bob", wait: number) => {
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
          const pipe = yield* peer.connect(to)
          yield* pipe.send(name)
          const { text } = yield* pipe.receive({ timeout: "5 seconds" })
          yield* done[name].say(undefined)
          yield* done[other].hear
          // What is still on its way would arrive by then.
          yield* Effect.sleep("20 seconds")
          const ends = [NetAddress.formatInet(pipe.local), NetAddress.formatInet(pipe.remote!)] as const
          return { ends, initiator: pipe.initiator, heard: text, arrived } satisfies Side
        })
      )
    }
    const { alice, bob } = yield* world.run({ alice: side("alice", waits[0]), bob: side("bob", waits[1]) })
    const left = world.openSockets("alice") + world.openSockets("bob")
    return { alice: alice as Side, bob: bob as Side, left }
  })

const check = ({ alice, bob, left }: { alice: Side; bob: Side; left: number }, what: string, translated = false) => {
  assert.deepStrictEqual([alice.heard, bob.heard], ["bob", "alice"], what)
  assert.deepStrictEqual([alice.arrived, bob.arrived], [0, 0], what)
  if (!translated) assert.deepStrictEqual(alice.ends.toReversed(), [...bob.ends], what)
  assert.notStrictEqual(alice.initiator, bob.initiator, what)
  assert.strictEqual(left, 0, what)
}

describe("two connects at once", () => {
  it.effect("give one pipe, whoever begins when", () =>
    Effect.gen(function* () {
      const began = { here: 0, there: 0 }
      for (let seed = 0; seed < 10; seed++) {
        // Before it has heard of the other's, which takes 100 ms.
        for (let wait = 0; wait <= 100; wait += 10) {
          const world: World = { link: { latency: 10 }, hosts: { alice: {}, bob: {} } }
          const waits = seed % 2 === 0 ? ([0, wait] as const) : ([wait, 0] as const)
          const result = yield* both(world, waits, {}, seed)
          check(result, `seed ${seed}, ${wait} ms apart`)
          began[result.alice.initiator]++
        }
      }
      // Neither side always wins.
      assert.isAbove(Math.min(began.here, began.there), 10)
    })
  )

  it.effect("give one pipe on links that jitter, lose and reorder", () =>
    Effect.gen(function* () {
      for (let seed = 0; seed < 30; seed++) {
        const link = { latency: 5 + (seed % 7) * 10, jitter: 20, loss: 0.03, reorder: 0.05, duplicate: 0.02 }
        const world: World = { link, hosts: { alice: {}, bob: {} } }
        check(yield* both(world, [0, seed % 5], {}, seed), `seed ${seed}`)
      }
    })
  )

  it.effect("give one pipe as long as the second begins before it can have heard of the first", () =>
    Effect.gen(function* () {
      const began = { here: 0, there: 0 }
      for (let seed = 0; seed < 60; seed++) {
        // On the way at least 10 ms a link: a pipe that is taken is there after 100 ms.
        const link = { latency: 10, jitter: 30, loss: 0.05, reorder: 0.1, duplicate: 0.02 }
        const wait = (seed * 7) % 100
        const waits = seed % 2 === 0 ? ([0, wait] as const) : ([wait, 0] as const)
        const result = yield* both({ link, hosts: { alice: {}, bob: {} } }, waits, {}, seed)
        check(result, `seed ${seed}, ${wait} ms apart`)
        began[result.alice.initiator]++
      }
      assert.isAbove(Math.min(began.here, began.there), 10)
    })
  )

  it.effect("give one pipe where each has two interfaces, and signalling as well", () =>
    Effect.gen(function* () {
      const two = { interfaces: { eth0: {}, eth1: { behind: "open-internet" } } }
      for (let seed = 0; seed < 30; seed++) {
        const world: World = { link: { latency: 5, jitter: 10 }, hosts: { alice: two, bob: two } }
        check(yield* both(world, [0, seed % 3], oneBroker({ latency: seed }), seed), `seed ${seed}`)
      }
    })
  )

  it.effect("give one pipe where one is behind a NAT", () =>
    Effect.gen(function* () {
      for (let seed = 0; seed < 30; seed++) {
        const world: World = {
          link: { latency: 10, jitter: 5 },
          hosts: { alice: { behind: "symmetric-random" }, bob: {} }
        }
        check(yield* both(world, [0, seed], oneBroker({ latency: 5 * (seed % 9) }), seed), `seed ${seed}`, true)
      }
    })
  )
})
