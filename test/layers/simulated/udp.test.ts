import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as NetAddress from "effect/net/NetAddress"
import type { UdpEvent } from "../../../src/services/Udp.ts"
import { at, bind, bytes, inWorld, ip, kindOf, text } from "./kit.ts"

const two = { link: { latency: 10 }, hosts: { alice: {}, bob: {} } } as const
const BOB = at("11.0.0.2:9000")

const firstEvent = (events: Stream.Stream<UdpEvent>) =>
  Effect.map(Stream.runHead(events), (head) => (head._tag === "Some" ? head.value : undefined))

/** Counts what arrives within a time. */
const count = (port: number, time: number) =>
  Effect.gen(function* () {
    const socket = yield* bind({ port, queue: 100_000 })
    yield* Effect.sleep(time)
    const got = yield* Effect.timeoutOption(socket.pull, 1)
    return got._tag === "Some" ? got.value.map((datagram) => text(datagram.bytes)) : []
  }).pipe(Effect.scoped)

const burst = (many: number) =>
  Effect.gen(function* () {
    const socket = yield* bind({ address: ip("0.0.0.0") })
    for (let index = 0; index < many; index++) {
      yield* socket.send(bytes(String(index)), BOB)
      yield* Effect.sleep(1)
    }
  }).pipe(Effect.scoped)

describe("UDP of a simulated host", () => {
  it.effect("carries datagrams both ways, with the sender's endpoint", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(two, {
        alice: Effect.gen(function* () {
          const socket = yield* bind({ address: ip("11.0.0.1"), port: 9000 })
          yield* socket.send(bytes("hello"), BOB)
          const [answer] = yield* socket.pull
          return [text(answer!.bytes), NetAddress.formatInet(answer!.from)]
        }).pipe(Effect.scoped),
        bob: Effect.gen(function* () {
          const socket = yield* bind({ port: 9000 })
          const [datagram] = yield* socket.pull
          yield* socket.send(bytes(`re: ${text(datagram!.bytes)}`), datagram!.from)
          return [NetAddress.formatInet(socket.local), NetAddress.formatInet(datagram!.from)]
        }).pipe(Effect.scoped)
      })
      assert.deepStrictEqual(outcomes, {
        alice: ["re: hello", "11.0.0.2:9000"],
        bob: ["[::]:9000", "11.0.0.1:9000"]
      })
    })
  )

  it.effect("sends what the bytes were, not what they become", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(two, {
        alice: Effect.gen(function* () {
          const socket = yield* bind()
          const buffer = bytes("before")
          yield* socket.send(buffer, BOB)
          buffer.fill(0)
        }).pipe(Effect.scoped),
        bob: count(9000, 100)
      })
      assert.deepStrictEqual(outcomes.bob, ["before"])
    })
  )

  it.effect("loses about as many as the link says, and more of those that go in pieces", () =>
    Effect.gen(function* () {
      const lossy = {
        seed: 3,
        link: { latency: 5 },
        hosts: { alice: { link: { latency: 5, loss: 0.1 } }, bob: {} }
      } as const
      const { outcomes } = yield* inWorld(lossy, { alice: burst(2000), bob: count(9000, 4000) })
      assert.approximately(outcomes.bob.length, 1800, 60)
      const large = yield* inWorld(lossy, {
        alice: Effect.gen(function* () {
          const socket = yield* bind()
          for (let index = 0; index < 500; index++) yield* socket.send(new Uint8Array(14_000), BOB)
        }).pipe(Effect.scoped),
        bob: count(9000, 4000)
      })
      // Ten pieces: 0.9 to the power of ten.
      assert.approximately(large.outcomes.bob.length, 174, 40)
    })
  )

  it.effect("reorders and doubles datagrams where the link says so, and keeps order where it does not", () =>
    Effect.gen(function* () {
      const quality = (link: object) => ({ seed: 5, hosts: { alice: { link: { latency: 10, ...link } }, bob: {} } })
      const inOrder = (got: ReadonlyArray<string>) => got.every((value, index) => Number(value) === index)
      const jitter = yield* inWorld(quality({ jitter: 30 }), { alice: burst(200), bob: count(9000, 1000) })
      assert.isTrue(inOrder(jitter.outcomes.bob))
      assert.strictEqual(jitter.outcomes.bob.length, 200)
      const reorder = yield* inWorld(quality({ reorder: 0.2 }), { alice: burst(200), bob: count(9000, 1000) })
      assert.isFalse(inOrder(reorder.outcomes.bob))
      assert.strictEqual(new Set(reorder.outcomes.bob).size, 200)
      const double = yield* inWorld(quality({ duplicate: 0.2 }), { alice: burst(200), bob: count(9000, 1000) })
      assert.approximately(double.outcomes.bob.length, 240, 25)
      assert.strictEqual(new Set(double.outcomes.bob).size, 200)
    })
  )

  for (const connected of [true, false]) {
    it.effect(`tells a ${connected ? "connected" : "plain"} socket of a closed port, with the remote end`, () =>
      Effect.gen(function* () {
        const { outcomes } = yield* inWorld(two, {
          alice: Effect.gen(function* () {
            const socket = yield* bind(connected ? { remote: BOB } : {})
            yield* socket.send(bytes("anybody?"), BOB)
            const event = yield* firstEvent(socket.events)
            return event === undefined ? undefined : [event.kind, event.remote && NetAddress.formatInet(event.remote)]
          }).pipe(Effect.scoped)
        })
        assert.deepStrictEqual(outcomes.alice, ["Refused", "11.0.0.2:9000"])
      })
    )
  }

  it.effect("hears from a router where a short-lived packet died", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(
        { link: { latency: 10 }, hosts: { alice: { behind: ["linux-router", "linux-router"] }, bob: {} } },
        {
          alice: Effect.gen(function* () {
            const socket = yield* bind({ ttl: 2 })
            yield* socket.send(bytes("short"), at("11.0.0.2:9000"))
            const event = yield* firstEvent(socket.events)
            yield* socket.setTtl(64)
            yield* socket.send(bytes("long"), at("11.0.0.2:9000"))
            return event?.kind
          }).pipe(Effect.scoped),
          bob: count(9000, 1000)
        },
        { trace: true }
      )
      assert.strictEqual(outcomes.alice, "Unreachable")
      assert.deepStrictEqual(outcomes.bob, ["long"])
      assert.isTrue(world.trace.some(({ fate }) => fate._tag === "Dropped" && fate.reason === "ttl exceeded"))
    })
  )

  it.effect("hears only its peer on a connected socket", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(
        { link: { latency: 10 }, hosts: { alice: {}, bob: {}, eve: {} } },
        {
          alice: Effect.gen(function* () {
            const socket = yield* bind({ address: ip("11.0.0.1"), port: 7000, remote: BOB })
            yield* Effect.sleep(100)
            const other = yield* kindOf(socket.send(bytes("x"), at("11.0.0.3:9000")))
            return [(yield* socket.pull).map((datagram) => text(datagram.bytes)), other] as const
          }).pipe(Effect.scoped),
          bob: Effect.scoped(
            Effect.flatMap(bind({ port: 9000 }), (socket) => socket.send(bytes("bob"), at("11.0.0.1:7000")))
          ),
          eve: Effect.scoped(
            Effect.flatMap(bind({ port: 9000 }), (socket) => socket.send(bytes("eve"), at("11.0.0.1:7000")))
          )
        }
      )
      assert.deepStrictEqual(outcomes.alice, [["bob"], "InvalidInput"])
    })
  )

  it.effect("drops what a slow reader has no room for, and counts it", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(two, {
        alice: burst(50),
        bob: Effect.gen(function* () {
          const socket = yield* bind({ port: 9000, queue: 10 })
          yield* Effect.sleep(1000)
          return [(yield* socket.pull).length, socket.dropped()]
        }).pipe(Effect.scoped)
      })
      assert.deepStrictEqual(outcomes.bob, [10, 40])
    })
  )

  it.effect("refuses what cannot be sent or bound, with the kinds of a real socket", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(two, {
        alice: Effect.gen(function* () {
          const socket = yield* bind({ address: ip("11.0.0.1"), port: 7000 })
          return [
            yield* kindOf(socket.send(bytes("x"))),
            yield* kindOf(socket.send(bytes("x"), at("11.0.0.2:0"))),
            yield* kindOf(socket.send(new Uint8Array(65_508), BOB)),
            yield* kindOf(socket.send(new Uint8Array(65_507), BOB)),
            yield* kindOf(socket.send(bytes("x"), at("[::1]:9000"))),
            yield* kindOf(socket.send(bytes("x"), at("255.255.255.255:9000"))),
            yield* kindOf(bind({ port: 7000 })),
            yield* kindOf(bind({ address: ip("11.0.0.9") })),
            yield* kindOf(bind({ port: 70_000 })),
            yield* kindOf(bind({ interface: "wlan0" })),
            yield* kindOf(bind({ remote: at("[2001:db8::1]:53") })),
            yield* kindOf(Effect.andThen(socket.close, socket.send(bytes("x"), BOB)))
          ]
        }).pipe(Effect.scoped)
      })
      assert.deepStrictEqual(outcomes.alice, [
        "InvalidInput",
        "InvalidInput",
        "TooLarge",
        undefined,
        "FamilyMismatch",
        "Permission",
        "AddressInUse",
        "AddressNotAvailable",
        "InvalidInput",
        "UnknownInterface",
        "Unreachable",
        "Closed"
      ])
    })
  )

  it.effect("shares a port where both sockets say so; the one bound last is heard", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(two, {
        alice: burst(3),
        bob: Effect.gen(function* () {
          const first = yield* bind({ port: 9000, reuse: true })
          const second = yield* bind({ port: 9000, reuse: true })
          yield* Effect.sleep(500)
          const heard = (yield* second.pull).length
          yield* second.close
          return [heard, yield* Effect.timeoutOption(first.pull, 10)]
        }).pipe(Effect.scoped)
      })
      assert.strictEqual(outcomes.bob[0], 3)
    })
  )

  it.effect("reaches everybody on a local network by broadcast, and a group by multicast", () =>
    Effect.gen(function* () {
      const lan = {
        networks: { lan: { prefixes: ["10.1.0.0/24"] } },
        hosts: { alice: { network: "lan" }, bob: { network: "lan" }, carol: { network: "lan" } }
      } as const
      const group = ip("239.1.2.3")
      const member = Effect.gen(function* () {
        const socket = yield* bind({ address: ip("0.0.0.0"), port: 9000, multicast: { groups: [group] } })
        yield* Effect.sleep(100)
        return (yield* socket.pull).map((datagram) => text(datagram.bytes))
      }).pipe(Effect.scoped)
      const { outcomes } = yield* inWorld(lan, {
        alice: Effect.gen(function* () {
          const socket = yield* bind({ address: ip("0.0.0.0"), broadcast: true })
          yield* socket.send(bytes("all"), at("255.255.255.255:9000"))
          yield* socket.send(bytes("subnet"), at("10.1.0.255:9000"))
          yield* socket.send(bytes("group"), at("239.1.2.3:9000"))
        }).pipe(Effect.scoped),
        bob: member,
        carol: count(9000, 100)
      })
      assert.deepStrictEqual(outcomes.bob, ["all", "subnet", "group"])
      assert.deepStrictEqual(outcomes.carol, ["all", "subnet"])
    })
  )

  it.effect("talks to itself over loopback and its own address", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(two, {
        alice: Effect.gen(function* () {
          const socket = yield* bind({ port: 9000 })
          yield* socket.send(bytes("a"), at("127.0.0.1:9000"))
          yield* socket.send(bytes("b"), at("[::1]:9000"))
          yield* socket.send(bytes("c"), at("11.0.0.1:9000"))
          yield* Effect.sleep(1)
          return (yield* socket.pull).map(
            (datagram) => `${text(datagram.bytes)} ${NetAddress.formatInet(datagram.from)}`
          )
        }).pipe(Effect.scoped)
      })
      assert.deepStrictEqual(outcomes.alice, ["a 127.0.0.1:9000", "b [::1]:9000", "c 11.0.0.1:9000"])
    })
  )

  it.effect("ends its reader with Done when it is closed", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(two, {
        alice: Effect.gen(function* () {
          const socket = yield* bind()
          yield* Effect.forkChild(Effect.andThen(Effect.sleep(5), socket.close))
          return yield* Effect.match(socket.pull, { onFailure: (error) => error._tag, onSuccess: () => "data" })
        }).pipe(Effect.scoped)
      })
      assert.strictEqual(outcomes.alice, "Done")
      assert.strictEqual(world.openSockets("alice"), 0)
    })
  )
})
