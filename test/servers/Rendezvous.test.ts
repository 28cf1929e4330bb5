/** A rendezvous: what it decides to listen on, and that each part of it answers on this machine's loopback. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as net from "node:net"
import * as Broker from "../../src/layers/mqtt/Broker.ts"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import * as StunClientLayer from "../../src/layers/StunClient.ts"
import { NetworkInterfaces } from "../../src/schemas/NetworkInterface.ts"
import { MAX_STUN, plan } from "../../src/servers/rendezvous/plan.ts"
import * as Rendezvous from "../../src/servers/Rendezvous.ts"
import { StunClient } from "../../src/services/StunClient.ts"
import { openSockets } from "../support/realWorld.ts"
import { freePort, hosts, occupy } from "./support.ts"

const ip = NetAddress.ipFromStringUnsafe

const entry = (name: string, addresses: ReadonlyArray<string>, more: object = {}) => ({
  name,
  kind: "ethernet",
  flags: {
    up: true,
    running: true,
    loopback: name === "lo",
    pointToPoint: false,
    multicast: true,
    broadcast: true
  },
  addresses: addresses.map((text) => {
    const [address = "", scope = "global"] = text.split(" ")
    return { address, prefixLength: 24, scope }
  }),
  gateways: [],
  isDefault: { IPv4: false, IPv6: false },
  ...more
})

const machine = Schema.decodeUnknownSync(NetworkInterfaces)([
  entry("lo", ["127.0.0.1 host", "::1 host"]),
  entry("eth0", ["10.0.0.5 site", "fe80::5 link"]),
  entry("eth1", ["192.0.2.5", "192.0.2.6", "2001:db8::5"], { isDefault: { IPv4: true, IPv6: true } }),
  entry("eth2", ["198.51.100.5"], { flags: { ...entry("eth2", []).flags, up: false } })
])

describe("what a rendezvous listens on", () => {
  const rows: ReadonlyArray<readonly [title: string, listen: string, alternate: string, comes: string]> = [
    [
      "everything, the address of the default route first",
      "",
      "",
      "0.0.0.0 :: | 192.0.2.5 192.0.2.6 10.0.0.5 127.0.0.1 2001:db8::5 ::1"
    ],
    [
      "a second address, which is then no server of its own",
      "",
      "192.0.2.6",
      "0.0.0.0 :: | 192.0.2.5/192.0.2.6 10.0.0.5 127.0.0.1 2001:db8::5 ::1"
    ],
    ["one address", "10.0.0.5", "", "10.0.0.5 | 10.0.0.5"],
    [
      "one of each family, in any order",
      "::1 127.0.0.1",
      "127.0.0.2 ::2",
      "::1 127.0.0.1 | ::1/::2 127.0.0.1/127.0.0.2"
    ],
    ["the same twice", "127.0.0.1 127.0.0.1", "", "127.0.0.1 | 127.0.0.1"],
    ["a whole family", "::", "", ":: | 2001:db8::5 ::1"],
    ["an address that only the machine can judge", "203.0.113.9", "", "203.0.113.9 | 203.0.113.9"],
    ["an alternate of another family", "127.0.0.1", "::1", "no address of the same family is listened on that ::1"],
    [
      "an alternate that is the address itself",
      "127.0.0.1",
      "127.0.0.1",
      "no address of the same family is listened on"
    ]
  ]
  const addresses = (text: string) => (text === "" ? [] : text.split(" ").map(ip))
  for (const [title, listen, alternate, comes] of rows) {
    it(`listens on ${title}`, () => {
      const planned = plan({ listen: addresses(listen), alternate: addresses(alternate) }, machine)
      if (Result.isFailure(planned)) return assert.include(planned.failure, comes)
      const { broker, stun } = planned.success
      const parts = stun.map(({ address, alternate }) =>
        [address, alternate ?? []].flat().map(NetAddress.formatIp).join("/")
      )
      assert.strictEqual(`${broker.map(NetAddress.formatIp).join(" ")} | ${parts.join(" ")}`, comes)
    })
  }

  it("no machine at all, and one of a thousand addresses", () => {
    assert.deepStrictEqual(
      plan({ listen: [], alternate: [] }, []),
      Result.fail("this machine has no address to listen on")
    )
    const many = Array.from({ length: 1000 }, (_, at) => `10.1.${at >> 8}.${at & 255} site`)
    const large = Schema.decodeUnknownSync(NetworkInterfaces)([entry("eth0", many)])
    assert.strictEqual(Result.getOrThrow(plan({ listen: [], alternate: [] }, large)).stun.length, MAX_STUN)
  })
})

const layer = StunClientLayer.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(NodeP2P.layer, NodeCrypto.layer, Broker.layer))
)

/** What a broker of MQTT 3.1.1 answers to a greeting, by a client that is not ours. */
const greeting = (port: number, host: string) =>
  Effect.callback<string, Error>((resume) => {
    const socket = net.connect(port, host, () =>
      // CONNECT, clean session, 60 s, client id "test"
      socket.write(Buffer.from("101000044d51545404020 03c000474657374".replace(/\s/g, ""), "hex"))
    )
    socket.on("data", (bytes) => resume(Effect.succeed(bytes.toString("hex"))))
    socket.on("error", (error) => resume(Effect.fail(error)))
    return Effect.sync(() => socket.destroy())
  })

describe("a rendezvous on loopback", () => {
  const free = { port: 0, mqttPort: 0, websocketPort: 0 }

  it.live("has a broker and STUN servers that answer, and leaves nothing open", () =>
    Effect.gen(function* () {
      const before = openSockets()
      const body = Effect.gen(function* () {
        const { broker, stun } = yield* Rendezvous.serve({
          ...free,
          listen: hosts.map(ip),
          alternate: [ip("127.0.0.2")]
        })
        assert.deepStrictEqual(
          broker.endpoints.map(({ local, transport }) => `${transport} ${NetAddress.formatIp(local.address)}`),
          ["tcp", "websocket"].flatMap((transport) => hosts.map((host) => `${transport} ${host}`))
        )
        for (const { local, transport } of broker.endpoints) {
          if (transport !== "tcp") continue
          assert.strictEqual(yield* greeting(local.port, NetAddress.formatIp(local.address)), "20020000")
        }
        const client = yield* StunClient
        for (const { endpoint } of stun) {
          for (const transport of ["udp", "tcp"] as const) {
            const { mapped } = yield* client.query({ server: endpoint, transport })
            assert.deepStrictEqual(mapped.address, endpoint.address)
          }
        }
        assert.strictEqual(stun.length, hosts.length)
        assert.strictEqual(NetAddress.formatIp(stun[0]!.other!.address), "127.0.0.2")
        const moved = yield* client.query({
          server: stun[0]!.endpoint,
          transport: "udp",
          change: { address: true, port: true }
        })
        assert.deepStrictEqual(moved.from, stun[0]!.other)
      })
      yield* body.pipe(Effect.scoped, Effect.provide(layer))
      // The client's own sockets need a moment.
      yield* Effect.repeat(Effect.sync(openSockets), {
        until: (now) => now <= before,
        schedule: Schedule.spaced("10 millis")
      })
    })
  )

  it.live("that cannot have one of its ports says which, and has none", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      yield* occupy("udp", "127.0.0.1", port)
      const mqttPort = yield* freePort
      const outcome = yield* Rendezvous.serve({ ...free, listen: [ip("127.0.0.1")], port, mqttPort }).pipe(
        Effect.flip,
        // The scope is still open.
        Effect.tap(() => Effect.scoped(occupy("tcp", "127.0.0.1", mqttPort))),
        Effect.scoped,
        Effect.provide(layer)
      )
      assert.match(outcome.message, new RegExp(`^stun server open udp 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`))
    })
  )

  const wrong: ReadonlyArray<readonly [options: Rendezvous.Options, says: RegExp]> = [
    [{ mqttPort: 70_000 }, /^rendezvous serve: 70000 is not a port/],
    [{ ...free, port: -1, listen: [ip("127.0.0.1")] }, /^stun server serve: -1 is not a port/],
    [
      { ...free, listen: [ip("127.0.0.1")], alternate: [ip("::1")] },
      /^rendezvous serve: no address of the same family/
    ],
    [{ ...free, listen: [ip("203.0.113.9")] }, /^broker listen .*203\.0\.113\.9:0/]
  ]
  for (const [options, says] of wrong) {
    it.live(`refuses ${says}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.scoped(Effect.provide(Rendezvous.serve(options), layer)))
        assert.match(error.message, says)
      })
    )
  }
})
