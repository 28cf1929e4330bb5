/**
 * TCP simultaneous open through two NATs, against what was measured on real kernels: where the NATs drop unsolicited SYNs, the
 * difference in time of the two dials does not matter; where they answer with a reset, one attempt only works while that
 * difference is less than the time from one NAT to the other.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { at, bind, bytes, dial, inWorld, ip, text } from "./kit.ts"

// 20 ms from NAT to NAT.
const between = (device: string, other = device) =>
  ({ link: { latency: 10 }, hosts: { alice: { behind: device }, bob: { behind: other } } }) as const

const local = { address: ip("192.168.1.2"), port: 4000 } as const

const punch = (remote: string, delay: number) =>
  Effect.gen(function* () {
    yield* Effect.sleep(delay)
    const connection = yield* dial(remote, { local, timeout: "5 seconds" })
    yield* connection.write(bytes("through"))
    return text((yield* connection.pull)[0]!)
  }).pipe(Effect.scoped, Effect.exit)

const attempt = (device: string, skew: number) =>
  Effect.map(
    inWorld(between(device), { alice: punch("11.0.0.2:4000", 0), bob: punch("11.0.0.1:4000", skew) }),
    ({ outcomes, world }) => ({
      opened: Exit.isSuccess(outcomes.alice) && Exit.isSuccess(outcomes.bob),
      took: world.now
    })
  )

describe("punching TCP through two NATs", () => {
  for (const skew of [0, 19, 25, 40, 100]) {
    it.effect(`opens whatever the skew where NATs drop (${skew} ms)`, () =>
      Effect.gen(function* () {
        assert.isTrue((yield* attempt("linux-router", skew)).opened)
      })
    )
    it.effect(`opens only within one way's time where NATs reset (${skew} ms)`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* attempt("router-answers-rst", skew)).opened, skew < 20)
      })
    )
  }

  it.effect("opens for UDP once both have sent", () =>
    Effect.gen(function* () {
      const side = (remote: string) =>
        Effect.gen(function* () {
          const socket = yield* bind(local)
          yield* socket.send(bytes("first"), at(remote))
          yield* Effect.sleep(100)
          yield* socket.send(bytes("second"), at(remote))
          yield* Effect.sleep(100)
          return (yield* socket.pull).map((datagram) => text(datagram.bytes))
        }).pipe(Effect.scoped)
      const { outcomes } = yield* inWorld(between("port-restricted-cone-equal"), {
        alice: side("11.0.0.2:4000"),
        bob: Effect.andThen(Effect.sleep(50), side("11.0.0.1:4000"))
      })
      // Alice's first datagram came before Bob had opened his NAT.
      assert.deepStrictEqual(outcomes, { alice: ["first", "second"], bob: ["second"] })
    })
  )

  it.effect("passes a NAT behind a NAT", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(
        {
          link: { latency: 5 },
          hosts: { alice: { behind: ["linux-router", "carrier-nat"] }, server: {} }
        },
        {
          alice: Effect.gen(function* () {
            const socket = yield* bind(local)
            yield* socket.send(bytes("?"), at("11.0.0.2:9000"))
            return text((yield* socket.pull)[0]!.bytes)
          }).pipe(Effect.scoped),
          server: Effect.gen(function* () {
            const socket = yield* bind({ port: 9000 })
            const [datagram] = yield* socket.pull
            yield* socket.send(bytes("!"), datagram!.from)
          }).pipe(Effect.scoped)
        },
        { trace: true }
      )
      assert.strictEqual(outcomes.alice, "!")
      const nodes = world.trace.map(({ from, to }) => `${from}>${to}`)
      assert.deepStrictEqual(nodes, [
        "alice>alice-nat2",
        "alice-nat2>alice-nat",
        "alice-nat>server",
        "server>alice-nat",
        "alice-nat>alice-nat2",
        "alice-nat2>alice"
      ])
    })
  )
})
