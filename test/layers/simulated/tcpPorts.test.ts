/** Who may use which local port, as measured on Linux with Node's sockets. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { Tcp, type TcpError } from "../../../src/services/Tcp.ts"
import { at, dial, inWorld, ip, kindOf } from "./kit.ts"

const BOB = "11.0.0.2"
const CAROL = "11.0.0.3"
const hosts = { link: { latency: 10 }, hosts: { alice: {}, bob: {}, carol: {} } } as const
const here = { address: ip("11.0.0.1"), port: 4000 } as const

/** Runs a program on alice while bob and carol accept whatever comes to port 80. */
const onAlice = <A, E>(program: Effect.Effect<A, E, Tcp | Scope.Scope>) => {
  const server = Effect.gen(function* () {
    const listener = yield* (yield* Tcp).listen({ port: 80 })
    yield* Effect.forever(listener.accept)
  }).pipe(Effect.scoped, Effect.exit, Effect.timeoutOption("1 minute"))
  return Effect.map(
    inWorld(hosts, { alice: Effect.scoped(program), bob: server, carol: server }),
    ({ outcomes, world }) => ({ given: outcomes.alice, world })
  )
}

const listen = (port: number, options: { readonly address?: ReturnType<typeof ip> } = {}) =>
  Effect.flatMap(Tcp, (tcp) => tcp.listen({ port, ...options }))

describe("TCP ports of a simulated host", () => {
  it.effect("lets several dials share a port that was asked for", () =>
    Effect.gen(function* () {
      const { given } = yield* onAlice(
        Effect.gen(function* () {
          const first = yield* dial(`${BOB}:80`, { local: here })
          const second = yield* dial(`${CAROL}:80`, { local: here })
          return [first.local.port, second.local.port]
        })
      )
      assert.deepStrictEqual(given, [4000, 4000])
    })
  )

  it.effect("refuses a port the kernel gave to a dial", () =>
    Effect.gen(function* () {
      const { given } = yield* onAlice(
        Effect.gen(function* () {
          const { port } = (yield* dial(`${BOB}:80`)).local
          return [
            yield* kindOf(listen(port)),
            yield* kindOf(dial(`${CAROL}:80`, { local: { ...here, port } })),
            port >= 32_768
          ]
        })
      )
      assert.deepStrictEqual(given, ["AddressInUse", "AddressInUse", true])
    })
  )

  it.effect("allows dial, dial, then listen on one port; not listen, then dial", () =>
    Effect.gen(function* () {
      const { given } = yield* onAlice(
        Effect.gen(function* () {
          yield* dial(`${BOB}:80`, { local: here })
          yield* listen(4000, { address: here.address })
          return yield* kindOf(dial(`${CAROL}:80`, { local: here }))
        })
      )
      assert.strictEqual(given, "AddressInUse")
    })
  )

  it.effect("shares a reserved port between a listener and dials, in any order", () =>
    Effect.gen(function* () {
      const { given, world } = yield* onAlice(
        Effect.gen(function* () {
          const reservation = yield* (yield* Tcp).reserve(here)
          const listener = yield* reservation.listen()
          const first = yield* reservation.dial({ remote: at(`${BOB}:80`) })
          const second = yield* reservation.dial({ remote: at(`${CAROL}:80`) })
          const stranger = yield* kindOf(listen(4000))
          return [reservation.listenFirst, listener.local.port, first.local.port, second.local.port, stranger]
        })
      )
      assert.deepStrictEqual(given, [true, 4000, 4000, 4000, "AddressInUse"])
      assert.strictEqual(world.openSockets("alice"), 0)
    })
  )

  it.effect("gives a port to listeners of different addresses, and of one family each", () =>
    Effect.gen(function* () {
      const { given } = yield* onAlice(
        Effect.gen(function* () {
          const tcp = yield* Tcp
          yield* listen(4000, { address: here.address })
          const loopback = yield* kindOf(listen(4000, { address: ip("127.0.0.1") }))
          const again = yield* kindOf(listen(4000, { address: here.address }))
          const every = yield* kindOf(listen(4000))
          const only6 = yield* kindOf(tcp.listen({ port: 4000, address: ip("::"), ipv6Only: true }))
          return [loopback, again, every, only6]
        })
      )
      assert.deepStrictEqual(given, [undefined, "AddressInUse", "AddressInUse", undefined])
    })
  )

  it.effect("refuses what cannot be bound: foreign addresses, unknown interfaces, other families, bad ports", () =>
    Effect.gen(function* () {
      const { given } = yield* onAlice(
        Effect.gen(function* () {
          const tcp = yield* Tcp
          return [
            yield* kindOf(listen(80, { address: ip("11.0.0.99") })),
            yield* kindOf(dial(`${BOB}:80`, { local: { address: ip("11.0.0.99") } })),
            yield* kindOf(dial(`${BOB}:80`, { local: { interface: "eth7" } })),
            yield* kindOf(dial(`${BOB}:80`, { local: { address: ip("::1") } })),
            yield* kindOf(dial(`${BOB}:80`, { local: { port: 70_000 } })),
            yield* kindOf(tcp.dial({ remote: at(`${BOB}:0`) })),
            yield* kindOf(dial("[2001:db8::1]:80"))
          ]
        })
      )
      assert.deepStrictEqual(given, [
        "AddressNotAvailable",
        "AddressNotAvailable",
        "UnknownInterface",
        "FamilyMismatch",
        "InvalidInput",
        "InvalidInput",
        "Unreachable"
      ])
    })
  )

  it.effect("refuses the same pair of endpoints twice, and takes it again after a reset or a refusal", () =>
    Effect.gen(function* () {
      const { given } = yield* onAlice(
        Effect.gen(function* () {
          const first = yield* dial(`${BOB}:80`, { local: here })
          const twice = yield* kindOf(dial(`${BOB}:80`, { local: here }))
          yield* first.reset
          const again = yield* kindOf(Effect.scoped(dial(`${BOB}:80`, { local: here })))
          const refused = yield* kindOf(dial(`${BOB}:81`, { local: here }))
          const refusedAgain = yield* kindOf(dial(`${BOB}:81`, { local: here }))
          return [twice, again, refused, refusedAgain]
        })
      )
      assert.deepStrictEqual(given, ["AddressNotAvailable", undefined, "Refused", "Refused"])
    })
  )

  it.effect("takes a pair of endpoints again that it closed first, and the port for others meanwhile", () =>
    Effect.gen(function* () {
      const { given, world } = yield* onAlice(
        Effect.gen(function* () {
          yield* Effect.scoped(dial(`${BOB}:80`, { local: here }))
          yield* Effect.sleep(500)
          const other = yield* kindOf(Effect.scoped(dial(`${CAROL}:80`, { local: here })))
          const listener = yield* kindOf(Effect.scoped(listen(4000)))
          const same = yield* kindOf(Effect.scoped(dial(`${BOB}:80`, { local: here })))
          return [other, listener, same]
        })
      )
      assert.deepStrictEqual(given, [undefined, undefined, undefined])
      assert.isAbove(world.kernelConnections("alice"), 0)
    })
  )

  it.effect("keeps a port the kernel gave as long as something of its connection is left", () =>
    Effect.gen(function* () {
      const { given } = yield* onAlice(
        Effect.gen(function* () {
          const { port } = (yield* Effect.scoped(dial(`${BOB}:80`))).local
          yield* Effect.sleep(500)
          const soon = yield* kindOf(Effect.scoped(listen(port)))
          yield* Effect.sleep("2 minutes")
          return [soon, yield* kindOf(Effect.scoped(listen(port)))]
        })
      )
      assert.deepStrictEqual(given, ["AddressInUse", undefined])
    })
  )

  it.effect("has 64 dials from one port refused at once, and the port free afterwards", () =>
    Effect.gen(function* () {
      const { given } = yield* onAlice(
        Effect.gen(function* () {
          const ports = Array.from({ length: 64 }, (_, index) => 1000 + index)
          const kinds = yield* Effect.forEach(
            ports,
            (port) => kindOf(Effect.scoped(dial(`${BOB}:${port}`, { local: here }))),
            { concurrency: "unbounded" }
          )
          const after = yield* Effect.exit(listen(4000))
          return { kinds: [...new Set(kinds)], after: Exit.isSuccess(after) }
        })
      )
      assert.deepStrictEqual(given, { kinds: ["Refused"], after: true })
    })
  )

  it.effect("meets itself when it dials its own port, and says so", () =>
    Effect.gen(function* () {
      const { given, world } = yield* onAlice(
        Effect.match(dial("11.0.0.1:4000", { local: here }), {
          onFailure: (error: TcpError) => [error.reason.kind, error.message],
          onSuccess: () => ["connected"]
        })
      )
      assert.strictEqual(given[0], "Refused")
      assert.include(given[1], "met itself")
      assert.strictEqual(world.openSockets("alice"), 0)
    })
  )

  it.effect("gives a peer's SYN to the listener, after which the own dial finds the pair taken", () =>
    Effect.gen(function* () {
      const there = { address: ip(BOB), port: 5000 } as const
      const { outcomes } = yield* inWorld(hosts, {
        alice: Effect.gen(function* () {
          const reservation = yield* (yield* Tcp).reserve(here)
          const listener = yield* reservation.listen()
          const accepted = yield* listener.accept
          return [accepted.remote.port, yield* kindOf(reservation.dial({ remote: at(`${BOB}:5000`) }))]
        }).pipe(Effect.scoped),
        bob: Effect.scoped(Effect.andThen(dial("11.0.0.1:4000", { local: there }), Effect.sleep("1 second")))
      })
      assert.deepStrictEqual(outcomes.alice, [5000, "AddressNotAvailable"])
    })
  )

  it.effect("connects two dials that meet, with no listener anywhere", () =>
    Effect.gen(function* () {
      const side = (local: typeof here, remote: string) =>
        Effect.gen(function* () {
          const connection = yield* dial(remote, { local })
          yield* connection.write(new Uint8Array([local.port & 0xff]))
          return Array.from((yield* connection.pull)[0]!)
        }).pipe(Effect.scoped)
      const bob = { address: ip(BOB), port: 4001 as 4000 }
      const { outcomes, world } = yield* inWorld(
        hosts,
        { alice: side(here, `${BOB}:4001`), bob: side(bob, "11.0.0.1:4000") },
        { trace: true }
      )
      assert.deepStrictEqual(outcomes, { alice: [4001 & 0xff], bob: [4000 & 0xff] })
      assert.isFalse(world.trace.some(({ packet }) => packet._tag === "Tcp" && packet.flags === 4))
    })
  )

  it.effect("drops SYNs while the backlog is full of half-open connections", () =>
    Effect.gen(function* () {
      const description = {
        ...hosts,
        // Alice's answers never arrive, so her handshake stays half-open.
        changes: [{ at: 5, node: "alice", up: false }]
      } as const
      const { outcomes, world } = yield* inWorld(
        description,
        {
          alice: Effect.scoped(kindOf(dial(`${BOB}:80`, { timeout: "2 seconds" }))),
          bob: Effect.gen(function* () {
            const listener = yield* (yield* Tcp).listen({ port: 80, backlog: 1 })
            const accepting = yield* Effect.forkChild(listener.accept)
            yield* Effect.sleep("3 seconds")
            yield* Fiber.interrupt(accepting)
          }).pipe(Effect.scoped),
          carol: Effect.andThen(Effect.sleep(500), Effect.scoped(kindOf(dial(`${BOB}:80`, { timeout: "2 seconds" }))))
        },
        { trace: true }
      )
      assert.deepStrictEqual([outcomes.alice, outcomes.carol], ["TimedOut", "TimedOut"])
      assert.isTrue(world.trace.some(({ fate }) => fate._tag === "Dropped" && fate.reason === "backlog full"))
    })
  )

  it.effect("closes connections beyond maxConnections and counts them", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(hosts, {
        alice: Effect.gen(function* () {
          const first = yield* dial(`${BOB}:80`)
          const second = yield* dial(`${BOB}:80`)
          const end = yield* Effect.match(second.pull, { onFailure: (error) => error._tag, onSuccess: () => "data" })
          yield* first.end
          return end
        }).pipe(Effect.scoped),
        bob: Effect.gen(function* () {
          const listener = yield* (yield* Tcp).listen({ port: 80, maxConnections: 1 })
          const connection = yield* listener.accept
          yield* Effect.exit(connection.pull)
          return listener.refused()
        }).pipe(Effect.scoped)
      })
      assert.deepStrictEqual([outcomes.alice, outcomes.bob], ["Done", 1])
    })
  )
})
