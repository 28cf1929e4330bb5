import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import { Interfaces } from "../../../src/services/Interfaces.ts"
import { at, bind, bytes, dial, echo, inWorld, ip, kindOf, text } from "./kit.ts"

describe("changes", () => {
  it.effect("take a link down and up: packets are lost meanwhile, connections survive", () =>
    Effect.gen(function* () {
      const { outcomes, world } = yield* inWorld(
        {
          link: { latency: 10 },
          hosts: { alice: { behind: "home" }, bob: {} },
          gateways: { home: { device: "linux-router", outside: "internet" } },
          changes: [
            { at: "1 second", node: "home", up: false },
            { at: "5 seconds", node: "home", up: true }
          ]
        },
        {
          alice: Effect.gen(function* () {
            const connection = yield* dial("11.0.0.2:80")
            yield* Effect.sleep("2 seconds")
            yield* connection.write(bytes("still there?"))
            return text((yield* connection.pull)[0]!)
          }).pipe(Effect.scoped),
          bob: Effect.asVoid(echo(80))
        },
        { trace: true }
      )
      assert.strictEqual(outcomes.alice, "still there?")
      assert.isAbove(world.now, 5000)
      const meanwhile = world.trace.filter(({ network, time }) => network === "internet" && time > 1000 && time < 5000)
      assert.isAbove(meanwhile.length, 2)
      assert.isTrue(meanwhile.every(({ fate }) => fate._tag === "Lost" && fate.reason === "link down"))
    })
  )

  it.effect("show in Interfaces: cable, address and default route", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(
        {
          hosts: { alice: { interfaces: { eth0: {}, wlan0: { behind: "linux-router", kind: "wireless" } } } },
          changes: [
            { at: 100, node: "alice", interface: "wlan0", addresses: ["192.168.1.77"] },
            { at: 200, node: "alice", interface: "eth0", up: false }
          ]
        },
        {
          alice: Effect.gen(function* () {
            const interfaces = yield* Interfaces
            const before = (yield* interfaces.list).map((entry) => `${entry.name} ${entry.kind}`)
            const changes = yield* Stream.runCollect(Stream.take(interfaces.changes, 4))
            const after = (yield* interfaces.default("IPv4")).name
            const found = yield* interfaces.byAddress(ip("192.168.1.77"))
            return { before, changes: changes.map((change) => change._tag), after, found: found.name }
          })
        }
      )
      assert.deepStrictEqual(outcomes.alice, {
        before: ["lo loopback", "eth0 ethernet", "wlan0 wireless"],
        changes: ["AddressRemoved", "AddressAdded", "Updated", "DefaultRouteChanged"],
        after: "wlan0",
        found: "wlan0"
      })
    })
  )

  it.effect("move a host's traffic to its other card", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(
        {
          hosts: { alice: { interfaces: { eth0: {}, wlan0: { behind: "linux-router" } } }, bob: {} },
          changes: [{ at: 500, node: "alice", interface: "eth0", up: false }]
        },
        {
          alice: Effect.gen(function* () {
            const first = NetAddress.formatIp((yield* dial("11.0.0.3:80")).local.address)
            yield* Effect.sleep("1 second")
            const second = NetAddress.formatIp((yield* dial("11.0.0.3:81")).local.address)
            const tied = yield* kindOf(dial("11.0.0.3:81", { local: { interface: "eth0" }, timeout: "1 second" }))
            return [first, second, tied]
          }).pipe(Effect.scoped),
          bob: Effect.asVoid(Effect.timeoutOption(Effect.all([echo(80), echo(81)], { concurrency: 2 }), "5 seconds"))
        }
      )
      assert.deepStrictEqual(outcomes.alice, ["11.0.0.2", "192.168.1.2", "TimedOut"])
    })
  )

  it.effect("give a gateway a new address: its mappings are gone", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* inWorld(
        {
          hosts: { alice: { behind: "home" }, bob: {} },
          gateways: { home: { device: "full-cone-equal", outside: "internet" } },
          changes: [{ at: 500, node: "home", addresses: ["11.7.7.7"] }]
        },
        {
          alice: Effect.gen(function* () {
            const socket = yield* bind({ address: ip("192.168.1.2"), port: 4000 })
            yield* socket.send(bytes("1"), at("11.0.0.2:9000"))
            yield* Effect.sleep("1 second")
            yield* socket.send(bytes("2"), at("11.0.0.2:9000"))
          }).pipe(Effect.scoped),
          bob: Effect.gen(function* () {
            const socket = yield* bind({ port: 9000 })
            const from: Array<string> = []
            for (let index = 0; index < 2; index++) from.push(NetAddress.formatInet((yield* socket.pull)[0]!.from))
            return from
          }).pipe(Effect.scoped)
        }
      )
      assert.deepStrictEqual(outcomes.bob, ["11.0.0.1:4000", "11.7.7.7:4000"])
    })
  )
})
