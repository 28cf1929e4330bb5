/** A user's test of a program of their own: a small chat behind two NATs, over links that lose one packet in twenty. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { Udp } from "../../../src/services/Udp.ts"

const encode = (text: string) => new TextEncoder().encode(text)

/** Says hello until somebody answers, and answers who says hello. */
const chat = (name: string, friend: string) =>
  Effect.gen(function* () {
    const socket = yield* (yield* Udp).bind({ address: NetAddress.ipv4Unspecified, port: 5000 })
    const say = (text: string) => socket.send(encode(text), NetAddress.inetAddressFromStringUnsafe(friend))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(say(`hello from ${name}`), Effect.sleep("200 millis"))))
    const heard = new TextDecoder().decode((yield* socket.pull)[0]!.bytes)
    yield* Effect.sleep("2 seconds")
    return heard
  }).pipe(Effect.scoped)

it.effect("friends hear each other through their NATs", () =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make({
      seed: 7,
      link: { latency: "20 millis", loss: 0.05 },
      hosts: { alice: { behind: "linux-router" }, bob: { behind: "port-restricted-cone-equal" } }
    })
    const heard = yield* world.run({ alice: chat("alice", "11.0.0.2:5000"), bob: chat("bob", "11.0.0.1:5000") })
    assert.deepStrictEqual(heard, { alice: "hello from bob", bob: "hello from alice" })
  })
)
