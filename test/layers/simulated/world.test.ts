import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { deviceNamed } from "../../../src/protocols/nat/devices/devices.ts"
import { World } from "../../../src/schemas/World.ts"
import { Interfaces } from "../../../src/services/Interfaces.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { at, bind, bytes, dial, echo, inWorld, kindOf, lines, readAll, serve, text } from "./kit.ts"

describe("worlds", () => {
  it("are JSON", () => {
    const json = JSON.stringify({
      seed: 1,
      hosts: { alice: { behind: ["linux-router"], link: { latency: "20 millis", up: { loss: 0.5 } } } },
      changes: [{ at: "1 second", node: "alice", up: false }]
    })
    const world = Schema.decodeUnknownSync(World)(JSON.parse(json))
    assert.deepStrictEqual(JSON.stringify(Schema.encodeSync(World)(world)), json)
  })

  it.effect("take a device in place of its name", () =>
    Effect.gen(function* () {
      const found = deviceNamed("symmetric-random")
      assert.strictEqual(found._tag, "Success")
      if (found._tag !== "Success") return
      const world = yield* SimulatedWorld.make({ hosts: { alice: { behind: found.success } } })
      assert.deepStrictEqual(world.gatewayNames, ["alice-nat"])
      assert.strictEqual(world.nat("alice-nat")?.device.name, "symmetric-random")
    })
  )

  const busy = {
    seed: 9,
    link: { latency: 12, jitter: 6, loss: 0.05, reorder: 0.05, duplicate: 0.02 },
    hosts: { alice: { behind: "symmetric-random" }, bob: { behind: "linux-router" }, server: {} }
  } as const
  const programs = {
    alice: Effect.gen(function* () {
      const connection = yield* dial("11.0.0.3:80", { timeout: "1 minute" })
      yield* connection.write(new Uint8Array(50_000).fill(7))
      yield* connection.end
      return (yield* readAll(connection)).length
    }).pipe(Effect.scoped),
    bob: Effect.gen(function* () {
      const socket = yield* bind()
      for (let index = 0; index < 50; index++) {
        yield* socket.send(bytes(`number ${index}`), at("11.0.0.3:9000"))
        yield* Effect.sleep(3)
      }
    }).pipe(Effect.scoped),
    server: Effect.asVoid(echo(80))
  }

  it.effect("give the same trace, byte for byte, for the same seed, and another for another", () =>
    Effect.gen(function* () {
      const of = (seed: number, description: typeof busy = busy) =>
        Effect.map(inWorld(description, programs, { seed, trace: true }), ({ world }) => lines(world.trace))
      const first = yield* of(9)
      assert.isAbove(first.length, 100_000)
      assert.strictEqual(yield* of(9), first)
      assert.strictEqual(yield* of(9, JSON.parse(JSON.stringify(busy))), first)
      assert.notStrictEqual(yield* of(10), first)
    })
  )

  it.effect("do not change for one host because another is added", () =>
    Effect.gen(function* () {
      const of = (description: object) =>
        Effect.map(inWorld(description as typeof busy, programs, { trace: true }), ({ world }) =>
          lines(world.trace.filter(({ from, to }) => from.startsWith("bob") || to?.startsWith("bob") === true))
        )
      const { alice, bob, server } = busy.hosts
      assert.strictEqual(
        yield* of({ ...busy, hosts: { alice, bob, server, zoe: {}, yan: { behind: "linux-router" } } }),
        yield* of(busy)
      )
    })
  )

  it.effect("route IPv6 through firewalls, both ways once opened", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(
        { ipv6: true, hosts: { alice: { behind: "linux-router" }, bob: {} } },
        {
          alice: Effect.gen(function* () {
            const address = (yield* (yield* Interfaces).byName("eth0")).addresses.map((own) =>
              NetAddress.formatIp(own.address)
            )
            const connection = yield* dial("[2a10::2]:80")
            return { address, local: NetAddress.formatInet(connection.local) }
          }).pipe(Effect.scoped),
          bob: Effect.asVoid(echo(80))
        },
        { trace: true }
      )
      assert.deepStrictEqual(outcomes.alice.address, ["192.168.1.2", "2a11:0:1::2"])
      assert.isTrue(outcomes.alice.local.startsWith("[2a11:0:1::2]:"))
      assert.isTrue(world.trace.some(({ from, packet }) => from === "alice-nat" && packet.src === "2a11:0:1::2"))
    })
  )

  it.effect("route between networks that no NAT divides, near and far", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(
        {
          hosts: { alice: { network: "deep" }, bob: {}, carol: { network: "middle" } },
          networks: { deep: { prefixes: ["20.0.1.0/24"] }, middle: { prefixes: ["20.0.0.0/24"] } },
          gateways: {
            inner: { inside: ["deep"], outside: "middle" },
            outer: { inside: ["middle"], outside: "internet" }
          }
        },
        {
          alice: Effect.asVoid(echo(80)),
          bob: Effect.gen(function* () {
            const connection = yield* dial("20.0.1.2:80")
            yield* connection.end
            return (yield* connection.closed)._tag
          }).pipe(Effect.scoped),
          carol: Effect.scoped(kindOf(dial("20.0.1.2:81")))
        }
      )
      assert.deepStrictEqual([outcomes.bob, outcomes.carol], ["ClosedByPeer", "Refused"])
    })
  )

  it.effect("reach link-local addresses by their zone", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(
        {
          networks: { lan: { prefixes: ["10.1.0.0/24"] } },
          hosts: {
            alice: { network: "lan", addresses: ["10.1.0.2", "fe80::a"] },
            bob: { network: "lan", addresses: ["10.1.0.3", "fe80::b"] }
          }
        },
        {
          alice: Effect.gen(function* () {
            const entry = (yield* (yield* Interfaces).byName("eth0")).addresses[1]!
            const zone = (port: number) =>
              Result.getOrThrow(
                NetAddress.inetAddressV6(NetAddress.ipFromStringUnsafe("fe80::b") as NetAddress.Ipv6Address, port, {
                  scopeId: entry.scopeId!
                })
              )
            const socket = yield* bind()
            yield* socket.send(bytes("?"), zone(9000))
            const answer = (yield* socket.pull)[0]!
            const connection = yield* (yield* Tcp).dial({ remote: zone(80) })
            yield* connection.end
            yield* connection.closed
            const refused = yield* kindOf((yield* Tcp).dial({ remote: zone(81) }))
            return [text(answer.bytes), answer.from, connection.local.address, refused] as const
          }).pipe(Effect.scoped),
          bob: Effect.all(
            [
              echo(80),
              Effect.gen(function* () {
                const socket = yield* bind({ port: 9000 })
                const [asked] = yield* socket.pull
                yield* socket.send(bytes("!"), asked!.from)
              }).pipe(Effect.scoped)
            ],
            { concurrency: 2, discard: true }
          )
        }
      )
      const [answer, from, local, refused] = outcomes.alice
      assert.strictEqual(answer, "!")
      assert.strictEqual(from._tag === "InetAddressV6" ? from.scopeId : 0, 2)
      assert.strictEqual(NetAddress.formatIp(local), "fe80::a")
      assert.strictEqual(refused, "Refused")
    })
  )

  it.effect("let a gateway serve several networks, and a host choose among gateways", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(
        {
          networks: { office: { prefixes: ["10.1.0.0/24"] }, lab: { prefixes: ["10.2.0.0/24"] } },
          hosts: {
            alice: { network: "office" },
            bob: { network: "lab" },
            carol: { interfaces: { eth0: { network: "office", gateway: "second" } } },
            server: {}
          },
          gateways: {
            first: { device: "linux-router", inside: ["office", "lab"], outside: "internet", addresses: ["5.0.0.1"] },
            second: { device: "linux-router", inside: ["office"], outside: "internet", addresses: ["5.0.0.2"] }
          }
        },
        {
          alice: Effect.gen(function* () {
            const near = yield* dial("10.2.0.2:80")
            yield* near.end
            yield* near.closed
          }).pipe(Effect.scoped),
          bob: serve(80, (connection) =>
            Effect.gen(function* () {
              yield* readAll(connection)
              yield* connection.end
              return NetAddress.formatIp(connection.remote.address)
            })
          ),
          carol: Effect.asVoid(Effect.scoped(dial("11.0.0.1:80"))),
          server: serve(80, (connection) => Effect.succeed(NetAddress.formatIp(connection.remote.address)))
        }
      )
      // Between inside networks nothing is translated.
      assert.deepStrictEqual([outcomes.bob, outcomes.server], ["10.1.0.3", "5.0.0.2"])
      assert.strictEqual(world.nat("second")?.mappings(world.now).length, 1)
    })
  )

  it.effect("answer names from their zone", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(
        { hosts: { alice: {}, chat: {} }, dns: { "chat.example": ["chat", "2001:db8::1"] } },
        {
          alice: Effect.gen(function* () {
            const dns = yield* Dns.Dns
            const found = yield* dns.lookup("chat.example")
            const missing = yield* Effect.flip(dns.lookup("no.example"))
            return [...found.map(NetAddress.formatIp), missing.reason]
          })
        }
      )
      assert.deepStrictEqual(outcomes.alice, ["11.0.0.2", "2001:db8::1", "NotFound"])
    })
  )

  it.effect("run programs on a gateway, for the hosts inside it", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(
        { hosts: { alice: { behind: "home" } }, gateways: { home: { device: "linux-router", outside: "internet" } } },
        {
          home: Effect.gen(function* () {
            const socket = yield* bind({ port: 5351 })
            const [asked] = yield* socket.pull
            yield* socket.send(bytes("here"), asked!.from)
          }).pipe(Effect.scoped),
          alice: Effect.gen(function* () {
            const gateway = (yield* (yield* Interfaces).default("IPv4")).gateways[0]!.address
            const socket = yield* bind()
            yield* socket.send(bytes("?"), NetAddress.inetAddressUnsafe(gateway, 5351))
            return text((yield* socket.pull)[0]!.bytes)
          }).pipe(Effect.scoped)
        }
      )
      assert.strictEqual(outcomes.alice, "here")
    })
  )
})
