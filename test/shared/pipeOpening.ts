/**
 * Opening pipes by name: families, Happy Eyeballs (RFC 8305), and what an error says of each address that was tried.
 */
import { assert, describe } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import type * as NetAddress from "effect/net/NetAddress"
import * as PipesLayer from "../../src/layers/Pipes.ts"
import { type OpenOptions, Pipes } from "../../src/services/Pipes.ts"
import { freePort } from "./freePort.ts"
import { listen } from "./pairs.ts"
import { at, endpointOf, failureOf, type Host, leavingNothing, testIn, type World } from "./World.ts"

type Zone = NonNullable<Dns.StaticZone["hosts"]>

/** Opens a pipe on a host whose names are these. */
const openWith = (host: Host, hosts: Zone, options: OpenOptions) =>
  host.on(
    Effect.flatMap(
      Layer.build(Layer.fresh(PipesLayer.layer).pipe(Layer.provide(Layer.orDie(Dns.layerStatic({ hosts }))))),
      (context) =>
        Effect.provide(
          Pipes.use((pipes) => pipes.open(options)),
          context
        )
    )
  )

const both = (host: Host): Zone => ({ "server.test": [host.address("IPv6"), host.address("IPv4")] })

const listenAt = (host: Host, family: NetAddress.IpFamily, port: number) =>
  listen(host, { transport: "tcp", family }, { local: endpointOf(host, family, port) })

const families: ReadonlyArray<NetAddress.IpFamily> = ["IPv4", "IPv6"]

export const pipeOpeningTests = (world: World): void => {
  const test = testIn(world)
  const two = world.families.length === 2
  describe(`opening by name (${world.name})`, () => {
    for (const family of world.families) {
      for (const transport of ["tcp", "udp"] as const) {
        test(`${transport}: the address of the family asked for is used, ${family}`, (hosts) =>
          Effect.gen(function* () {
            const which = { transport, family } as const
            const server = yield* listen(hosts.server, which, { framing: "raw" })
            const destination = `server.test:${server.local.port}`
            const zone: Zone = { "server.test": world.families.map((each) => hosts.server.address(each)) }
            for (const options of [{ family }, { local: { address: hosts.client.address(family) } }]) {
              const client = yield* openWith(hosts.client, zone, { transport, destination, ...options })
              assert.strictEqual(at(client.remote), at(server.local))
              yield* client.send("hello")
              assert.strictEqual((yield* server.receive()).text, "hello")
            }
          }))
      }
    }

    if (two) {
      test("a dead IPv6 address costs no time where IPv4 works", (hosts) =>
        Effect.gen(function* () {
          const port = yield* freePort(world, hosts.server)
          const server = yield* listenAt(hosts.server, "IPv4", port)
          const before = yield* Clock.currentTimeMillis
          const client = yield* openWith(hosts.client, both(hosts.server), {
            transport: "tcp",
            destination: `server.test:${port}`
          })
          // The refusal starts the next attempt; without it that would wait 250 ms.
          if (world.virtualTime) assert.isBelow((yield* Clock.currentTimeMillis) - before, 250)
          assert.strictEqual(at(client.remote), at(server.local))
        }).pipe(leavingNothing(hosts)))

      test("of two working addresses the first is used, and no other stays open", (hosts) =>
        Effect.gen(function* () {
          const port = yield* freePort(world, hosts.server)
          yield* listenAt(hosts.server, "IPv4", port)
          const v6 = yield* listenAt(hosts.server, "IPv6", port)
          const client = yield* openWith(hosts.client, both(hosts.server), {
            transport: "tcp",
            destination: `server.test:${port}`
          })
          assert.strictEqual(at(client.remote), at(v6.local))
        }).pipe(leavingNothing(hosts)))

      test("where all fail, the error has every attempt, with its address and its reason", (hosts) =>
        Effect.gen(function* () {
          const port = yield* freePort(world, hosts.server)
          const error = yield* failureOf(
            openWith(hosts.client, both(hosts.server), { transport: "tcp", destination: `server.test:${port}` })
          )
          assert(error.reason._tag === "PipeOpenError")
          const remotes = (["IPv6", "IPv4"] as const).map((family) => at(endpointOf(hosts.server, family, port)))
          assert.strictEqual(error.reason.kind, "Refused")
          assert.strictEqual(error.reason.target, `server.test:${port}`)
          assert.deepStrictEqual(
            error.reason.attempts.map(({ remote }) => at(remote)),
            remotes
          )
          for (const attempt of error.reason.attempts) {
            assert.strictEqual((attempt.error as { reason: { kind: string } }).reason.kind, "Refused")
          }
          for (const remote of remotes) assert.include(error.message, `${remote} Refused`)
          assert.include(error.message, `open server.test:${port}`)
        }).pipe(leavingNothing(hosts)))

      for (const family of families) {
        const other = family === "IPv4" ? "IPv6" : "IPv4"
        test(`a name without ${family} says so where ${family} is asked for`, (hosts) =>
          Effect.gen(function* () {
            const zone: Zone = { "server.test": [hosts.server.address(other)] }
            const error = yield* failureOf(
              openWith(hosts.client, zone, { transport: "tcp", destination: "server.test:80", family })
            )
            assert.strictEqual(error.reason.kind, "UnknownHost")
            assert.include(error.message, `"server.test" has no ${family} address`)
          }).pipe(leavingNothing(hosts)))
      }
    }

    for (const transport of ["tcp", "udp"] as const) {
      test(`${transport}: a name nobody knows is an error about the name`, (hosts) =>
        Effect.gen(function* () {
          const error = yield* failureOf(openWith(hosts.client, {}, { transport, destination: "no-such-host.test:80" }))
          assert(error.reason._tag === "PipeOpenError")
          assert.strictEqual(error.reason.kind, "UnknownHost")
          assert.deepStrictEqual(error.reason.attempts, [])
          assert.strictEqual(
            error.message,
            `${transport} pipe open no-such-host.test:80: the host name has no address; "no-such-host.test" has no IPv4 or IPv6 ` +
              "address: check the spelling and this machine's DNS"
          )
          assert.isDefined(error.reason.cause)
        }).pipe(leavingNothing(hosts)))
    }
  })
}
