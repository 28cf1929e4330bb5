/** The STUN server over UDP, in a simulated internet: what leaves which socket for where. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as SimulatedWorld from "../../src/layers/simulated/SimulatedWorld.ts"
import type { Attribute } from "../../src/protocols/stun/Attribute.ts"
import { mappedEndpoint, originEndpoint, otherEndpoint } from "../../src/protocols/stun/binding.ts"
import { get } from "../../src/protocols/stun/Message.ts"
import * as StunServer from "../../src/servers/StunServer.ts"
import { bind } from "../layers/simulated/kit.ts"
import { addresses, ask, beside, description, families, hear, ip, requestBytes, transactionId } from "./stunKit.ts"

const change = (address: boolean, port: boolean): Attribute => ({ _tag: "ChangeRequest", value: { address, port } })
const padding = (value: number): Attribute => ({ _tag: "Padding", value })

describe("StunServer over UDP", () => {
  for (const family of families) {
    const { address, alternate } = addresses[family]
    const ends = [address, alternate.address].flatMap((each) =>
      [3478, 3479].map((port) => NetAddress.inetAddressUnsafe(each, port))
    )

    it.effect(`answers at four endpoints, from the one asked for (${family})`, () =>
      beside(addresses[family], ({ on, server }) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(server.endpoints, ends)
          assert.deepStrictEqual([server.endpoint, server.other], [ends[0]!, ends[3]!])
          const socket = yield* on("client", bind({ address: ip(family === "IPv4" ? "11.0.0.1" : "2a10::1") }))
          for (const [asked, to] of ends.entries()) {
            for (const flags of [0, 1, 2, 3]) {
              const attributes = flags === 0 ? [] : [change((flags & 2) !== 0, (flags & 1) !== 0)]
              const heard = yield* ask(socket, to, requestBytes([...attributes, padding(200)]))
              assert.deepStrictEqual(heard?.from, ends[asked ^ flags], `${asked} ^ ${flags}`)
              assert.deepStrictEqual(
                [mappedEndpoint(heard!.message), originEndpoint(heard!.message), otherEndpoint(heard!.message)],
                [socket.local, heard!.from, ends[asked ^ 3]]
              )
            }
          }
          assert.strictEqual(server.statistics().answered, 16)
        })
      )
    )

    it.effect(`sends the answer to another port, and as many bytes as it got (${family})`, () =>
      beside(addresses[family], ({ on, server }) =>
        Effect.gen(function* () {
          const any = family === "IPv4" ? ip("0.0.0.0") : ip("::")
          const asker = yield* on("client", bind({ address: any }))
          const other = yield* on("client", bind({ address: any }))
          yield* asker.send(requestBytes([{ _tag: "ResponsePort", value: other.local.port }]), server.endpoint)
          const heard = yield* hear(other)
          assert.strictEqual(mappedEndpoint(heard!.message)!.port, asker.local.port)
          assert.strictEqual(heard!.length, family === "IPv4" ? 32 : 44)
          const long = requestBytes([padding(1500)])
          assert.strictEqual((yield* ask(asker, server.endpoint, long))!.length, long.length)
        })
      )
    )
  }

  it.effect("answers clients of RFC 3489", () =>
    beside(addresses.IPv4, ({ on, server }) =>
      Effect.gen(function* () {
        const socket = yield* on("client", bind({ address: ip("11.0.0.1") }))
        const heard = yield* ask(socket, server.endpoint, requestBytes([change(true, true)], transactionId(16)))
        assert.deepStrictEqual(heard!.from, server.other)
        assert.deepStrictEqual(get(heard!.message, "MappedAddress"), socket.local)
        const plain = yield* ask(socket, server.endpoint, requestBytes([], transactionId(16)))
        assert.deepStrictEqual(get(plain!.message, "ChangedAddress"), server.other)
        assert.deepStrictEqual(get(plain!.message, "SourceAddress"), server.endpoint)
      })
    )
  )

  it.effect("with one address says so by error 420, and by no OTHER-ADDRESS", () =>
    beside({ address: addresses.IPv4.address }, ({ on, server }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual([server.other, server.endpoints.length], [undefined, 1])
        const socket = yield* on("client", bind({ address: ip("11.0.0.1") }))
        const heard = yield* ask(socket, server.endpoint, requestBytes([change(true, false)]))
        assert.strictEqual(get(heard!.message, "ErrorCode")?.code, 420)
        const plain = yield* ask(socket, server.endpoint, requestBytes([padding(200)]))
        assert.isUndefined(otherEndpoint(plain!.message))
      })
    )
  )

  it.effect("on an unspecified address serves both families", () =>
    beside({ address: ip("::"), port: 0 }, ({ on, server }) =>
      Effect.gen(function* () {
        for (const [own, to] of [
          ["11.0.0.1", "11.0.1.2"],
          ["2a10::1", "2a10::1:2"]
        ] as const) {
          const socket = yield* on("client", bind({ address: ip(own) }))
          const heard = yield* ask(socket, NetAddress.inetAddressUnsafe(ip(to), server.endpoint.port), requestBytes())
          assert.deepStrictEqual(mappedEndpoint(heard!.message), socket.local)
        }
      })
    )
  )

  it.effect("limits the answers to one source, and to all", () =>
    beside(
      {
        ...addresses.IPv6,
        limits: { answers: { each: { perSecond: 10, burst: 5 }, total: { perSecond: 10, burst: 8 } } }
      },
      ({ on, server }) =>
        Effect.gen(function* () {
          const flood = (address: string, times: number) =>
            Effect.gen(function* () {
              const socket = yield* on("client", bind({ address: ip(address) }))
              for (let i = 0; i < times; i++) yield* socket.send(requestBytes(), server.endpoint)
              let heard = 0
              while ((yield* hear(socket)) !== undefined) heard++
              return heard
            })
          // Each pull gives all that came at once, of which `hear` tells one.
          yield* flood("2a10::1", 20)
          assert.deepInclude(server.statistics(), { answered: 5, limited: 15 })
          // Another address of the same /64 is the same source. What 600 ms brought is all there is.
          yield* flood("2a10::2", 20)
          assert.isAtMost(server.statistics().answered, 5 + 8)
          yield* Effect.sleep("10 seconds")
          const before = server.statistics().answered
          yield* flood("2a10::1", 20)
          yield* flood("2a11::2", 20)
          assert.strictEqual(server.statistics().answered - before, 5 + 5)
        }),
      {
        ...description,
        hosts: { ...description.hosts, client: { addresses: ["2a10::1", "2a10::2", "2a11::2"] } }
      }
    )
  )

  it.effect("counts what it does not answer", () =>
    beside(addresses.IPv4, ({ on, server }) =>
      Effect.gen(function* () {
        const socket = yield* on("client", bind({ address: ip("11.0.0.1") }))
        yield* socket.send(new Uint8Array(30), server.endpoint)
        yield* socket.send(requestBytes().subarray(0, 19), server.endpoint)
        assert.isUndefined(yield* hear(socket))
        assert.deepInclude(server.statistics(), { answered: 0, ignored: 2 })
      })
    )
  )
})

describe("StunServer.serve", () => {
  const refusal = (options: StunServer.Options) =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(description)
      const error = yield* world.run({ server: Effect.flip(Effect.scoped(StunServer.serve(options))) })
      assert.strictEqual(world.openSockets("server"), 0)
      return error.server
    })

  const { address, alternate } = addresses.IPv4

  it.effect("says what makes no server", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [StunServer.Options, RegExp]> = [
        [{ address, alternate: { address } }, /the other address is 11\.0\.1\.1 as well/],
        [{ address, alternate: { address: ip("2a10::1:1") } }, /of another family than 11\.0\.1\.1/],
        [{ address, alternate: { ...alternate, port: 3478 } }, /the other port is 3478 as well/],
        [{ address, port: 70_000 }, /70000 is not a port/],
        [{ address, port: 65_535, alternate }, /65536 is not a port/],
        [{ address: ip("0.0.0.0"), alternate }, /0\.0\.0\.0 is no address to answer from/],
        [{ address: ip("::"), probeBack: true }, /:: is no address to answer from/],
        [{ address, alternate: { address: ip("0.0.0.0") } }, /0\.0\.0\.0 is no other address/],
        [{ address, software: "x".repeat(128) }, /fewer than 128/]
      ]
      for (const [options, message] of cases) {
        const error = yield* refusal(options)
        assert.strictEqual(error.reason._tag, "InvalidOptions")
        assert.match(error.message, message)
      }
    })
  )

  it.effect("fails as a whole with the socket that could not be opened", () =>
    Effect.gen(function* () {
      const foreign = yield* refusal({ address, alternate: { address: ip("11.0.0.9") } })
      assert.match(
        foreign.message,
        /^stun server open udp 11\.0\.0\.9:3478: udp bind 11\.0\.0\.9:3478: the local address is not available/
      )
      const world = yield* SimulatedWorld.make(description)
      const { server } = yield* world.run({
        server: Effect.gen(function* () {
          yield* bind({ address: alternate.address, port: 3479 })
          return yield* Effect.flip(StunServer.serve({ address, alternate }))
        }).pipe(Effect.scoped)
      })
      assert.match(server.message, /udp 11\.0\.1\.2:3479.*the address is in use/)
      assert.strictEqual(world.openSockets("server"), 0)
    })
  )

  it.effect("leaves no socket, whenever its scope closes", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(description)
      yield* world.run({
        server: Effect.gen(function* () {
          const scope = yield* Scope.make()
          yield* Scope.provide(StunServer.serve({ address, alternate, probeBack: true }), scope)
          assert.strictEqual(world.openSockets("server"), 8)
          yield* Effect.sleep(10)
          yield* Scope.close(scope, Exit.void)
          assert.strictEqual(world.openSockets("server"), 0)
        })
      })
    })
  )

  it.effect("finds two ports that are free on both addresses", () =>
    beside({ address, port: 0, alternate }, ({ server }) =>
      Effect.sync(() => {
        const ports = server.endpoints.map(({ port }) => port)
        assert.deepStrictEqual([ports[0], ports[1]], [ports[2], ports[3]])
        assert.notInclude(ports, 0)
        assert.strictEqual(new Set(ports).size, 2)
      })
    )
  )
})
