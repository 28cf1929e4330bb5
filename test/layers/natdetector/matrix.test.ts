/**
 * The profiles of the pure matrix through everything: real plans on simulated sockets, packets through the NAT model, our own
 * STUN server. Here a part of them, spread over all kinds; all of them with `P2P_FULL=1`, as CI does.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { Udp } from "../../../src/services/Udp.ts"
import { profiles } from "../../protocols/natprofile/lab/profiles.ts"
import { FIELDS, Tally } from "../../protocols/natprofile/lab/truth.ts"
import { at } from "../simulated/kit.ts"
import { deviceOf, truthOf } from "./devices.ts"
import { background, CLEAN, detect, type Surroundings, worldOf } from "./kit.ts"

const isFull = process.env["P2P_FULL"] === "1"
const SEEDS = isFull ? [1, 2, 3] : [1]
/** A prime, so that types, ranges and deltas all take their turn. */
const EVERY = isFull ? 1 : 23
const chosen = profiles.flatMap((rules, index) =>
  index % EVERY === 0 || index >= profiles.length - 5 ? [{ rules, index }] : []
)

/** 2.5 % before the box and 2.5 % behind it, in each direction. */
const ROUGH = {
  link: { latency: 25, jitter: 20, loss: 0.025 },
  lan: { latency: 0.1, loss: 0.025 }
}

const MAPPINGS_PER_SECOND = 3

/** Another program behind the same box, which makes new mappings of both transports. */
const noise = Effect.gen(function* () {
  const udp = yield* Udp
  const tcp = yield* Tcp
  const elsewhere = at("198.18.0.1:443")
  const pause = Effect.flatMap(Random.next, (luck) => Effect.sleep((-Math.log(1 - luck) * 1000) / MAPPINGS_PER_SECOND))
  const datagram = Effect.flatMap(udp.bind(), (socket) => socket.send(new Uint8Array(1), elsewhere))
  const dial = Effect.asVoid(tcp.dial({ remote: elsewhere, timeout: 500 }))
  const forever = <E>(once: Effect.Effect<void, E, Scope.Scope>) =>
    Effect.forever(Effect.andThen(pause, Effect.ignore(Effect.scoped(once))))
  yield* Effect.all([forever(datagram), forever(dial)], { concurrency: 2 })
})

const score = Effect.fnUntraced(function* (surroundings: Surroundings, noisy: boolean) {
  const tally = new Tally()
  const durations: Array<number> = []
  for (const seed of SEEDS) {
    for (const { index, rules } of chosen) {
      const description = worldOf({ ...surroundings, device: deviceOf(rules), seed: seed * 10_007 + index })
      const world = yield* SimulatedWorld.make(description)
      const { client } = yield* world.run(
        { client: detect() },
        { background: noisy ? { ...background, neighbour: noise } : background }
      )
      assert.strictEqual(world.openSockets("client"), 0)
      if (!rules.udp.blocked && !rules.tcp.blocked) durations.push(world.now)
      for (const profile of client.profiles) {
        const truth = truthOf(rules)[profile.transport]
        tally.add(profile, truth, `seed ${seed}, profile ${index}, ${profile.transport} ${JSON.stringify(truth)}`)
      }
    }
  }
  return { tally, durations: durations.toSorted((a, b) => a - b) }
})

const limit = { timeout: isFull ? 600_000 : 20_000 }

describe(`${chosen.length} profiles, ${SEEDS.length} seeds, UDP and TCP, through the simulated internet`, () => {
  it.live(
    "a clean network: all right, within a second",
    () =>
      Effect.gen(function* () {
        const { durations, tally } = yield* score({ link: CLEAN }, false)
        console.log(tally.table("50 ms round trip, nothing lost"))
        console.log(`both transports take ${durations.at(-1)!.toFixed(0)} ms at most`)
        assert.deepStrictEqual(tally.faults, [])
        assert.isAtMost(durations.at(-1)!, 1000)
        if (isFull) assert.isAtLeast(chosen.length, 500)
      }),
    limit
  )

  it.live(
    "5 % loss, 20 ms jitter, 3 mappings a second by others",
    () =>
      Effect.gen(function* () {
        const { durations, tally } = yield* score(ROUGH, true)
        console.log(tally.table("50 to 90 ms round trip, 5 % loss each way, 3 mappings/s by others"))
        console.log(`both transports take ${durations[durations.length >> 1]!.toFixed(0)} ms, half of the time`)
        for (const field of FIELDS) {
          const { asked, confidentlyWrong, right } = tally.scores[field]
          assert.isAtLeast(right / asked, isFull ? 0.99 : 0.95, `${field}:\n${tally.faults.slice(0, 20).join("\n")}`)
          assert.strictEqual(confidentlyWrong, 0, `${field}:\n${tally.faults.join("\n")}`)
        }
      }),
    limit
  )
})
