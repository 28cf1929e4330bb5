import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as TestClock from "effect/testing/TestClock"
import { resolveServers } from "../../../src/layers/stun/resolveServers.ts"

const zone = Dns.layerStatic({
  hosts: {
    "one.example.org": ["203.0.113.9"],
    "two.example.org": ["203.0.113.1", "2001:db8::1"],
    "alias.example.org": ["203.0.113.9"],
    "many.example.org": Array.from({ length: 20 }, (_, at) => `198.51.100.${at + 1}`)
  }
})

const resolved = (...uris: ReadonlyArray<string>) =>
  Effect.map(resolveServers(uris), ({ problems, servers }) => ({
    servers: servers.map(({ endpoint, id, tcp, udp }) =>
      [id, NetAddress.formatInet(endpoint), udp ? "udp" : "-", tcp ? "tcp" : "-"].join(" ")
    ),
    problems: problems.map(({ problem, uri }) => `${uri}: ${problem}`)
  }))

describe("resolving STUN servers", () => {
  it.effect("gives one server for each address, with ids people can read", () =>
    Effect.gen(function* () {
      const { problems, servers } = yield* resolved(
        "stun:one.example.org",
        "stun:two.example.org:3479",
        "stun:192.0.2.7",
        "stun:[2001:db8::7]",
        "stun:[2001:db8::7]:5?transport=tcp"
      )
      assert.deepStrictEqual(problems, [])
      assert.deepStrictEqual(servers, [
        "one.example.org 203.0.113.9:3478 udp tcp",
        "two.example.org:3479/203.0.113.1 203.0.113.1:3479 udp tcp",
        "two.example.org:3479/2001:db8::1 [2001:db8::1]:3479 udp tcp",
        "192.0.2.7 192.0.2.7:3478 udp tcp",
        "[2001:db8::7] [2001:db8::7]:3478 udp tcp",
        "[2001:db8::7]:5 [2001:db8::7]:5 - tcp"
      ])
    }).pipe(Effect.provide(zone))
  )

  it.effect("takes an endpoint once, however often it is named", () =>
    Effect.gen(function* () {
      const { servers } = yield* resolved(
        "stun:one.example.org?transport=udp",
        "stun:alias.example.org?transport=tcp",
        "stun:203.0.113.9?transport=udp"
      )
      assert.deepStrictEqual(servers, ["one.example.org 203.0.113.9:3478 udp tcp"])
    }).pipe(Effect.provide(zone))
  )

  it.effect("says what was wrong with one and gives the others", () =>
    Effect.gen(function* () {
      const { problems, servers } = yield* resolved(
        "stun:nowhere.example.org",
        "stuns:one.example.org",
        "stun:one.example.org",
        "stun:many.example.org"
      )
      assert.strictEqual(servers.length, 17)
      assert.strictEqual(servers[0], "one.example.org 203.0.113.9:3478 udp tcp")
      assert.match(problems[0]!, /^stun:nowhere.example.org: "nowhere.example.org" has no address \(NotFound\)/)
      assert.match(problems[1]!, /^stuns:one.example.org: STUN over TLS is not spoken/)
      assert.match(problems[2]!, /has 20 addresses, the first 16 are used/)
      assert.strictEqual(problems.length, 3)
    }).pipe(Effect.provide(zone))
  )

  it.effect("waits for all names together, and not for long", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(resolved("stun:a.example", "stun:b.example", "stun:192.0.2.1"))
      yield* TestClock.adjust("5 seconds")
      const { problems, servers } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(servers, ["a.example 192.0.2.2:3478 udp tcp", "192.0.2.1 192.0.2.1:3478 udp tcp"])
      assert.match(
        problems.join("\n"),
        /"a.example" may have more addresses: the name service did not answer \(Timeout\)/
      )
      assert.strictEqual(problems.length, 2)
    }).pipe(
      Effect.provide(
        Layer.succeed(
          Dns.Dns,
          // Answers for one family and never for the other.
          Dns.make({
            lookup: (_, family) =>
              family === "IPv4" ? Effect.succeed([NetAddress.ipFromStringUnsafe("192.0.2.2")]) : Effect.never
          })
        )
      )
    )
  )
})
