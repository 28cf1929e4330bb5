/** Probing back in a simulated internet: what the server meets at each kind of NAT, and whom it dials for nobody. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as SimulatedWorld from "../../src/layers/simulated/SimulatedWorld.ts"
import { get, transactionKey } from "../../src/protocols/stun/Message.ts"
import { probeRequest, readGreeting, readReport } from "../../src/protocols/stun/probeBack.ts"
import type { World } from "../../src/schemas/World.ts"
import * as StunServer from "../../src/servers/StunServer.ts"
import { Tcp } from "../../src/services/Tcp.ts"
import { ip } from "../layers/simulated/kit.ts"
import {
  addresses,
  beside,
  description,
  type Ends,
  families,
  type Family,
  type Line,
  line,
  transactionId
} from "./stunKit.ts"

const nonce = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const OTHER = { address: true, port: true }
const OTHER_PORT = { address: false, port: true }

type Change = typeof OTHER

const asked = (change: Change, id = transactionId()): Uint8Array =>
  Result.getOrThrow(probeRequest(id, { change, nonce }))

/** `connected`, or `error 420`. */
const heard = ({ hear }: Line): Effect.Effect<string, unknown> =>
  Effect.map(hear, (message) => {
    if (message === undefined) return "nothing"
    const report = Result.getOrThrow(readReport(message))
    return report._tag === "Reported" ? report.result : `error ${report.code}`
  })

/** A connection to the server from a port that listens as well, unless it is not to. */
const prober = Effect.fnUntraced(function* (endpoint: NetAddress.InetAddress, listens = true) {
  const tcp = yield* Tcp
  const { address } = yield* Effect.scoped(Effect.map(tcp.dial({ remote: endpoint }), ({ local }) => local))
  const port = yield* tcp.reserve({ address })
  const listener = listens ? yield* port.listen() : undefined
  return { ...line(yield* port.dial({ remote: endpoint })), listener }
})

const behind = (device: string) =>
  ({ ...description, hosts: { ...description.hosts, client: { behind: device } } }) as const satisfies World

/** What is reported of both kinds of dial, to a client behind a device. */
const reports = (device: string, family: Family, listens = true) =>
  beside(
    { ...addresses[family], probeBack: true },
    ({ on, server }) =>
      Effect.gen(function* () {
        const client = yield* on("client", prober(server.endpoint, listens))
        const seen: Array<string> = []
        for (const change of [OTHER, OTHER_PORT]) {
          yield* client.send(asked(change))
          seen.push(yield* heard(client))
        }
        return seen
      }),
    behind(device)
  )

describe("a probe back", () => {
  const cases: ReadonlyArray<readonly [device: string, families: ReadonlyArray<Family>, reports: Array<string>]> = [
    ["open-internet", families, ["connected", "connected"]],
    ["full-cone-equal", ["IPv4"], ["connected", "connected"]],
    ["restricted-cone-equal", ["IPv4"], ["silent", "connected"]],
    ["port-restricted-cone-independent", ["IPv4"], ["silent", "silent"]],
    ["symmetric-random", ["IPv4"], ["silent", "silent"]],
    ["symmetric-firewall", families, ["silent", "silent"]],
    ["router-answers-rst", ["IPv4"], ["refused", "refused"]],
    // By ICMP port unreachable, which systems tell by the same error as a RST.
    ["router-answers-icmp", ["IPv4"], ["refused", "refused"]],
    // By ICMP administratively prohibited.
    ["university-firewall", families, ["unreachable", "unreachable"]]
  ]
  for (const [device, each, expected] of cases) {
    for (const family of each) {
      it.effect(`to a client behind ${device} reports ${expected.join(", ")} (${family})`, () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* reports(device, family), expected)
        })
      )
    }
  }

  it.effect("to a client that does not listen reports refused", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* reports("open-internet", "IPv4", false), ["refused", "refused"])
    })
  )

  it.effect("comes from elsewhere, says which one it is, and is closed after the report", () =>
    beside({ ...addresses.IPv4, probeBack: true }, ({ on, server, world }) =>
      Effect.gen(function* () {
        const { address, alternate } = addresses.IPv4
        const { connection, hear, listener, send } = yield* on("client", prober(server.endpoint))
        for (const [change, from] of [
          [OTHER, alternate.address],
          [OTHER_PORT, address]
        ] as const) {
          const id = transactionId()
          yield* send(asked(change, id))
          const accepted = yield* listener!.accept
          assert.deepStrictEqual(accepted.remote.address, from)
          assert.notStrictEqual(accepted.remote.port, server.endpoint.port)
          assert.deepStrictEqual(accepted.local, connection.local)
          const greeting = (yield* accepted.pull)[0]!
          assert.deepStrictEqual(Result.getOrThrow(readGreeting(greeting)), { change, nonce })
          const message = (yield* hear)!
          assert.strictEqual(transactionKey(message.transactionId), transactionKey(id))
          assert.deepStrictEqual(get(message, "XorMappedAddress"), connection.local)
          assert.strictEqual(yield* Effect.flip(accepted.pull).pipe(Effect.map(({ _tag }) => _tag)), "Done")
          yield* accepted.close
        }
        // Four addresses with two sockets each, and the connection.
        assert.strictEqual(world.openSockets("server"), 9)
      })
    )
  )

  it.effect("reports silence after 250 ms, and each of several requests for itself", () =>
    beside(
      { ...addresses.IPv4, probeBack: true },
      ({ on, server, world }) =>
        Effect.gen(function* () {
          const { hear, send } = yield* on("client", prober(server.endpoint))
          const began = world.now
          const ids = Array.from({ length: 5 }, () => transactionId())
          const times: Array<number> = []
          const sending = yield* Effect.forkChild(
            Effect.forEach(ids, (id) => Effect.andThen(send(asked(OTHER, id)), Effect.sleep(60)))
          )
          for (const id of ids) {
            const message = (yield* hear)!
            assert.strictEqual(transactionKey(message.transactionId), transactionKey(id))
            assert.strictEqual(get(message, "ProbeBackReport"), "silent")
            times.push(Math.round(world.now - began))
          }
          yield* Fiber.join(sending)
          // Ten milliseconds one way, and what the links of the NAT take.
          for (const [index, time] of times.entries()) assert.approximately(time, 60 * index + 250 + 20, 1)
        }),
      behind("linux-router")
    )
  )
})

describe("probing back is refused", () => {
  const answer = (options: StunServer.Options, change: Change) =>
    beside(options, ({ on, server }) =>
      Effect.gen(function* () {
        const client = yield* on("client", prober(server.endpoint))
        yield* client.send(asked(change))
        const seen = yield* heard(client)
        assert.strictEqual(server.statistics().dialled, 0)
        return seen
      })
    )

  it.effect("where it is off, and from an address the server lacks", () =>
    Effect.gen(function* () {
      const { address } = addresses.IPv4
      assert.strictEqual(yield* answer(addresses.IPv4, OTHER), "error 420")
      assert.strictEqual(yield* answer({ address, probeBack: true }, OTHER), "error 420")
      assert.strictEqual(
        yield* answer({ ...addresses.IPv4, probeBack: true }, { address: false, port: false }),
        "error 400"
      )
    })
  )

  // The server and two clients on one network that has a public and a private range.
  const mixed = (server: ReadonlyArray<string>, client: string) => ({
    networks: { lan: { prefixes: ["11.9.9.0/24", "192.168.7.0/24"] } },
    hosts: { server: { network: "lan", addresses: server }, client: { network: "lan", addresses: [client] } }
  })

  it.effect("to a private address, unless the server has one itself", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      for (const [own, other, client] of [
        ["11.9.9.1", "11.9.9.2", "192.168.7.5"],
        ["192.168.7.1", "192.168.7.2", "192.168.7.5"],
        ["192.168.7.1", "192.168.7.2", "11.9.9.5"]
      ] as const) {
        yield* beside(
          { address: ip(own), alternate: { address: ip(other) }, probeBack: true },
          ({ on, server }) =>
            Effect.gen(function* () {
              const prober_ = yield* on("client", prober(server.endpoint))
              yield* prober_.send(asked(OTHER))
              seen.push(yield* heard(prober_))
            }),
          mixed([own, other], client)
        )
      }
      assert.deepStrictEqual(seen, ["error 403", "connected", "connected"])
    })
  )

  const probes = {
    each: { perSecond: 1, burst: 3 },
    total: { perSecond: 100, burst: 100 },
    atOnce: { each: 9, total: 9 }
  }

  it.effect("over the limit of a source, until it has rested", () =>
    beside({ ...addresses.IPv4, probeBack: true, limits: { probes } }, ({ on, server }) =>
      Effect.gen(function* () {
        const client = yield* on("client", prober(server.endpoint))
        const seen: Array<string> = []
        for (let i = 0; i < 5; i++) {
          yield* client.send(asked(OTHER))
          seen.push(yield* heard(client))
        }
        yield* Effect.sleep("2 seconds")
        yield* client.send(asked(OTHER))
        seen.push(yield* heard(client))
        assert.deepStrictEqual(seen.join(", "), "connected, connected, connected, error 508, error 508, connected")
        assert.strictEqual(server.statistics().dialled, 4)
      })
    )
  )

  it.effect("over the number of dials at once", () =>
    beside(
      { ...addresses.IPv4, probeBack: true, limits: { probes: { ...probes, atOnce: { each: 2, total: 9 } } } },
      ({ on, server }) =>
        Effect.gen(function* () {
          const client = yield* on("client", prober(server.endpoint))
          yield* client.send(asked(OTHER), asked(OTHER), asked(OTHER))
          const seen = [yield* heard(client), yield* heard(client), yield* heard(client)]
          assert.deepStrictEqual(seen, ["error 508", "silent", "silent"])
          yield* client.send(asked(OTHER))
          assert.strictEqual(yield* heard(client), "silent")
        }),
      behind("linux-router")
    )
  )
})

describe("a probe that is interrupted", () => {
  // A dial takes 250 ms here.
  const during = (
    millis: number,
    body: (ends: Ends, client: Line, scope: Scope.Closeable) => Effect.Effect<void, unknown, Scope.Scope>
  ) =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(behind("linux-router"))
      const on: Ends["on"] = (name, effect) => Effect.provide(effect, world.context(name))
      const program = Effect.gen(function* () {
        const scope = yield* Scope.make()
        const server = yield* on("server", StunServer.serve({ ...addresses.IPv4, probeBack: true })).pipe(
          Scope.provide(scope)
        )
        const client = yield* on("client", prober(server.endpoint))
        yield* client.send(asked(OTHER), asked(OTHER_PORT))
        yield* Effect.sleep(millis)
        yield* body({ server, world, on }, client, scope)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(world.openSockets("server"), 0)
      })
      yield* world.run(Effect.scoped(program))
    })

  it.effect("by the asker leaves no dial", () =>
    during(50, ({ server, world }, client) =>
      Effect.gen(function* () {
        assert.strictEqual(world.openSockets("server"), 8 + 1 + 2)
        yield* client.connection.reset
        yield* Effect.sleep(20)
        assert.strictEqual(world.openSockets("server"), 8)
        assert.strictEqual(server.statistics().connections, 0)
      })
    )
  )

  it.effect("by the end of the server leaves nothing, whenever that comes", () =>
    Effect.forEach([0, 5, 10, 11, 50, 200, 255, 260, 261, 270, 275, 400], (millis) =>
      during(millis, ({ world }, _, scope) =>
        Effect.gen(function* () {
          const began = world.now
          yield* Scope.close(scope, Exit.void)
          assert.strictEqual(world.openSockets("server"), 0)
          assert.strictEqual(world.now, began)
        })
      )
    )
  )
})
