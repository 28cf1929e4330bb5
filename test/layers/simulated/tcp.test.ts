import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import { Tcp } from "../../../src/services/Tcp.ts"
import { bytes, dial, echo, inWorld, kindOf, pattern, readAll, serve, tcpLines, text } from "./kit.ts"

// One way between two hosts: 20 ms.
const two = { link: { latency: 10 }, hosts: { alice: {}, bob: {} } } as const
const BOB = "11.0.0.2"

describe("TCP of a simulated host", () => {
  it.effect("dials, talks and ends as the contract says", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(two, {
        alice: Effect.gen(function* () {
          const connection = yield* dial(`${BOB}:80`)
          yield* connection.write(bytes("hello"))
          yield* connection.end
          const answer = text(yield* readAll(connection))
          return { answer, closed: yield* connection.closed, remote: NetAddress.formatInet(connection.remote) }
        }).pipe(Effect.scoped),
        bob: echo(80)
      })
      assert.deepStrictEqual(outcomes.alice, { answer: "hello", closed: { _tag: "ClosedByPeer" }, remote: `${BOB}:80` })
      assert.deepStrictEqual(outcomes.bob, { _tag: "ClosedByPeer" })
      assert.strictEqual(world.openSockets("alice") + world.openSockets("bob"), 0)
    })
  )

  it.effect("takes one round trip to open and another to answer", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(two, {
        alice: Effect.gen(function* () {
          const connection = yield* dial(`${BOB}:80`)
          const opened = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
          yield* connection.write(bytes("hello"))
          yield* connection.pull
          return (yield* Effect.clockWith((clock) => clock.currentTimeMillis)) - opened
        }).pipe(Effect.scoped),
        bob: Effect.asVoid(echo(80))
      })
      assert.strictEqual(outcomes.alice, 40)
    })
  )

  it.effect("is refused by a closed port, at once", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(
        two,
        { alice: Effect.scoped(kindOf(dial(`${BOB}:80`))) },
        { trace: true }
      )
      assert.strictEqual(outcomes.alice, "Refused")
      assert.deepStrictEqual(tcpLines(world.trace), ["0 alice>bob SYN 0 Dropped", "20 bob>alice RST,ACK 0 Delivered"])
      assert.strictEqual(world.now, 40)
    })
  )

  it.effect("repeats its SYN after 1, 3, 7 and 15 seconds, and gives up when told", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(
        two,
        { alice: Effect.scoped(kindOf(dial("11.9.9.9:80", { timeout: "20 seconds" }))) },
        { trace: true }
      )
      assert.strictEqual(outcomes.alice, "TimedOut")
      assert.deepStrictEqual(
        world.trace.map((event) => event.time),
        [0, 1000, 3000, 7000, 15_000]
      )
      assert.strictEqual(world.now, 20_000)
      assert.strictEqual(world.kernelConnections("alice"), 0)
    })
  )

  it.effect("gives up by itself after 127 seconds, as Linux does", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(two, {
        alice: Effect.scoped(kindOf(dial("11.9.9.9:80", { timeout: "1 hour" })))
      })
      assert.strictEqual(outcomes.alice, "TimedOut")
      assert.strictEqual(world.now, 127_000)
    })
  )

  it.effect("half-closes: data flows on the other way", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(two, {
        alice: Effect.gen(function* () {
          const connection = yield* dial(`${BOB}:80`)
          yield* connection.end
          return text(yield* readAll(connection))
        }).pipe(Effect.scoped),
        bob: serve(80, (connection) =>
          Effect.gen(function* () {
            yield* readAll(connection)
            yield* Effect.sleep("1 second")
            yield* connection.write(bytes("still here"))
            yield* connection.end
          })
        )
      })
      assert.strictEqual(outcomes.alice, "still here")
    })
  )

  it.effect("shows a reset as Reset, a close as the end", () =>
    Effect.gen(function* () {
      const read = (port: number) =>
        Effect.gen(function* () {
          const connection = yield* dial(`${BOB}:${port}`)
          const end = yield* Effect.match(connection.pull, {
            onFailure: (error) => (error._tag === "Done" ? "Done" : error.reason.kind),
            onSuccess: () => "data"
          })
          return end
        }).pipe(Effect.scoped)
      const { outcomes } = yield* inWorld(two, {
        alice: Effect.all([read(80), read(81)]),
        bob: Effect.all([serve(80, (connection) => connection.reset), serve(81, (connection) => connection.close)], {
          concurrency: 2
        })
      })
      assert.deepStrictEqual(outcomes.alice, ["Reset", "Done"])
    })
  )

  it.effect("resets what comes for a program that is gone", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(two, {
        alice: Effect.gen(function* () {
          const connection = yield* dial(`${BOB}:80`)
          yield* Effect.sleep("1 second")
          yield* connection.write(bytes("anybody?"))
          return (yield* connection.closed)._tag
        }).pipe(Effect.scoped),
        bob: serve(80, (connection) => connection.close)
      })
      assert.strictEqual(outcomes.alice, "ResetByPeer")
    })
  )

  it.effect("slows the sender down when nobody reads", () =>
    Effect.gen(function* () {
      const slow = {
        link: { latency: 10 },
        hosts: { alice: { link: { latency: 10, bandwidth: 20e6 } }, bob: {} }
      } as const
      const { outcomes } = yield* inWorld(slow, {
        alice: Effect.gen(function* () {
          const connection = yield* dial(`${BOB}:80`)
          const chunk = new Uint8Array(64 * 1024)
          let written = 0
          const writer = yield* Effect.forkChild(
            Effect.forever(Effect.tap(connection.write(chunk), () => Effect.sync(() => (written += chunk.length))))
          )
          yield* Effect.sleep("10 seconds")
          const blocked = written
          yield* Effect.sleep("10 seconds")
          const still = written
          yield* Effect.sleep("20 seconds")
          yield* Fiber.interrupt(writer)
          return { blocked, still, later: written }
        }).pipe(Effect.scoped),
        bob: serve(80, (connection) =>
          Effect.gen(function* () {
            yield* Effect.sleep("25 seconds")
            yield* Effect.exit(readAll(connection))
          })
        )
      })
      const { blocked, later, still } = outcomes.alice
      assert.strictEqual(blocked, still)
      assert.isBelow(blocked, 16 * 1024 * 1024)
      assert.isAbove(later, 2 * blocked)
    })
  )

  it.effect("fills a link of limited bandwidth", () =>
    Effect.gen(function* () {
      const size = 5_000_000
      const { outcomes, world } = yield* inWorld(
        { link: { latency: 10 }, hosts: { alice: { link: { latency: 10, bandwidth: 10e6 } }, bob: {} } },
        {
          alice: Effect.gen(function* () {
            const connection = yield* dial(`${BOB}:80`)
            yield* connection.write(pattern(size))
            yield* connection.end
            yield* readAll(connection)
          }).pipe(Effect.scoped),
          bob: serve(80, (connection) => Effect.tap(readAll(connection), () => connection.end))
        }
      )
      assert.deepStrictEqual(outcomes.bob, pattern(size))
      // 4 s at the very best; headers, slow start and a full queue's losses take some.
      assert.isAbove(world.now, 4000)
      assert.isBelow(world.now, 5000)
    })
  )

  it.effect("passes a network that takes smaller packets only", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(
        {
          hosts: { alice: { behind: "home" }, bob: {} },
          gateways: { home: { device: "linux-router", outside: "internet", link: { latency: 10, mtu: 1280 } } }
        },
        {
          alice: Effect.gen(function* () {
            const connection = yield* dial("11.0.0.2:80")
            yield* connection.write(pattern(100_000))
            yield* connection.end
            yield* readAll(connection)
          }).pipe(Effect.scoped),
          bob: serve(80, (connection) => Effect.tap(readAll(connection), () => connection.end))
        },
        { trace: true }
      )
      assert.deepStrictEqual(outcomes.bob, pattern(100_000))
      assert.isTrue(world.trace.some(({ packet }) => packet._tag === "IcmpError" && packet.kind === "packetTooBig"))
    })
  )

  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it.effect(`keeps every byte over a link that loses, reorders and doubles packets (seed ${seed})`, () =>
      Effect.gen(function* () {
        const link = { latency: 15, jitter: 5, loss: 0.03, reorder: 0.03, duplicate: 0.03 }
        const sent = pattern(300_000)
        const { outcomes } = yield* inWorld(
          { seed, link, hosts: { alice: { behind: "linux-router" }, bob: {} } },
          {
            alice: Effect.gen(function* () {
              const connection = yield* dial(`${BOB}:80`, { timeout: "2 minutes" })
              const reader = yield* Effect.forkChild(readAll(connection))
              yield* connection.write(sent)
              yield* connection.end
              return yield* Fiber.join(reader)
            }).pipe(Effect.scoped),
            bob: echo(80)
          }
        )
        assert.deepStrictEqual(outcomes.alice, sent)
      })
    )
  }

  it.effect("notices by keep-alive that the other side is gone", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(
        { ...two, changes: [{ at: "1 second", node: "bob", up: false }] },
        {
          alice: Effect.gen(function* () {
            const connection = yield* dial(`${BOB}:80`, { keepAlive: "30 seconds" })
            return yield* connection.closed
          }).pipe(Effect.scoped),
          bob: serve(80, (connection) => Effect.andThen(Effect.sleep("2 minutes"), connection.reset))
        }
      )
      const closed = outcomes.alice
      assert.strictEqual(closed._tag, "Failed")
      if (closed._tag === "Failed") assert.strictEqual(closed.error.reason.kind, "TimedOut")
      assert.isAbove(world.now, 40_000)
    })
  )

  it.effect("frees everything when a scope closes or a dial is interrupted", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(two, {
        alice: Effect.gen(function* () {
          const tcp = yield* Tcp
          const pending = yield* Effect.forkChild(Effect.scoped(dial("11.9.9.9:80")))
          const accepting = yield* Effect.forkChild(
            Effect.scoped(Effect.flatMap(tcp.listen({ port: 90 }), (listener) => listener.accept))
          )
          yield* Effect.sleep(500)
          yield* Fiber.interrupt(pending)
          yield* Fiber.interrupt(accepting)
          // The port is free again.
          return yield* Effect.scoped(Effect.exit(tcp.listen({ port: 90 })))
        }),
        bob: Effect.void
      })
      assert.isTrue(Exit.isSuccess(outcomes.alice))
      assert.strictEqual(world.openSockets("alice"), 0)
      assert.strictEqual(world.kernelConnections("alice"), 0)
      assert.isBelow(world.now, 1000)
    })
  )
})
