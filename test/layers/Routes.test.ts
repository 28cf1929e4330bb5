/** Routes on a simulated internet: what is known, why the rest is not, and how long it took. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as RoutesLayer from "../../src/layers/Routes.ts"
import * as SimulatedWorld from "../../src/layers/simulated/SimulatedWorld.ts"
import * as StunClientLayer from "../../src/layers/StunClient.ts"
import * as IpRange from "../../src/protocols/addresses/IpRange.ts"
import type { StunServer } from "../../src/protocols/natprofile/Plan.ts"
import type { World, WorldHost } from "../../src/schemas/World.ts"
import { type Discovered, type DiscoverOptions, Routes } from "../../src/services/Routes.ts"
import * as Responder from "../support/stunResponder.ts"
import { at, bytes } from "./simulated/kit.ts"

const layer = Layer.fresh(RoutesLayer.layer.pipe(Layer.provide(StunClientLayer.layer)))

/** `s1` is at 11.0.0.201 and [2a10::201], and so on. */
const hostOf = (id: string) => ({ addresses: [`11.0.0.20${id[1]}`, `2a10::20${id[1]}`] })

const server = (id: string, family: "IPv4" | "IPv6" = "IPv4", speaks: Partial<StunServer> = {}): StunServer => ({
  id: family === "IPv4" ? id : `${id}/6`,
  endpoint: at(family === "IPv4" ? `11.0.0.20${id[1]}:3478` : `[2a10::20${id[1]}]:3478`),
  udp: true,
  tcp: true,
  ...speaks
})

const ip4 = [server("s1"), server("s2"), server("s3")]

const good = Effect.raceAllFirst([
  Responder.udpResponder(undefined, { address: "::" }),
  Responder.tcpResponder(undefined, { address: "::" })
])
const silent = Effect.raceAllFirst([Responder.udpResponder(() => []), Responder.tcpResponder(() => [])])
const says = (endpoint: string): Responder.Responder =>
  Effect.raceAllFirst([
    Responder.udpResponder((asked) => [Responder.lie(asked, endpoint)]),
    Responder.tcpResponder((asked) => [Responder.lie(asked, endpoint)])
  ])

const describeRoutes = ({ failures, pool, problems }: Discovered) => ({
  routes: pool.routes.map(({ agreed, dissent, external, interface: name, local, public: open }) =>
    [
      `${name} ${local.map(({ address }) => NetAddress.formatIp(address)).join(",")}`,
      `-> ${IpRange.format(external)}${open ? " public" : ""}`,
      `by ${agreed.toSorted().join(",")}`,
      ...dissent.map(({ said, server }) => `not ${server}: ${said}`)
    ].join(" ")
  ),
  failures: failures.map(
    ({ address, interface: name, problem }) => `${name} ${NetAddress.formatIp(address)}: ${problem}`
  ),
  problems
})

/** A home with a wire and a radio card, ten milliseconds from each server. */
const two: WorldHost = { interfaces: { eth0: { behind: "home" }, wlan0: { behind: "office", kind: "wireless" } } }

/** What alice finds, in how many milliseconds, where the servers do as said. */
const found = (
  alice: WorldHost,
  servers: Readonly<Record<string, Responder.Responder>>,
  options: Partial<DiscoverOptions> = {},
  more: Partial<World> = {}
) =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make<World>({
      link: { latency: 5 },
      gateways: {
        home: { device: "linux-router", outside: "internet", addresses: ["11.0.0.1"] },
        office: { device: "linux-router", outside: "internet", addresses: ["11.0.0.2"] },
        nowhere: { device: "blocked", outside: "internet" }
      },
      ...more,
      hosts: { alice, ...Object.fromEntries(["s1", "s2", "s3"].map((id) => [id, hostOf(id)])) }
    })
    const { alice: outcome } = yield* world.run(
      {
        // After what changes at the beginning.
        alice: Effect.sleep(1).pipe(
          Effect.andThen(Effect.timed(Routes.use((routes) => routes.discover({ servers: ip4, ...options })))),
          Effect.provide(layer)
        )
      },
      { background: Object.fromEntries(Object.entries(servers).map(([id, run]) => [id, Effect.scoped(run)])) }
    )
    assert.strictEqual(world.openSockets("alice"), 0)
    const [took, discovered] = outcome
    return { ...describeRoutes(discovered), took: Math.round(Duration.toMillis(took)) }
  })

describe("routes", () => {
  it.effect("are known after one round trip, whatever is dead: two servers of three are enough", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* found(two, { s1: good, s2: good, s3: silent }), {
        routes: ["eth0 192.168.1.2 -> 11.0.0.1 by s1,s2", "wlan0 192.168.1.2 -> 11.0.0.2 by s1,s2"],
        failures: [],
        problems: [],
        took: 20
      })
    })
  )

  it.effect("are public where the address outside is the card's own, in both families", () =>
    Effect.gen(function* () {
      const servers = ["s1", "s2"].flatMap((id) => [server(id), server(id, "IPv6")])
      const alice = { addresses: ["11.0.0.9", "2a10::9", "2a10::a"] }
      const { failures, routes } = yield* found(alice, { s1: good, s2: good }, { servers })
      assert.deepStrictEqual(failures, [])
      assert.deepStrictEqual(routes, [
        "eth0 11.0.0.9 -> 11.0.0.9 public by s1,s2",
        "eth0 2a10::9 -> 2a10::9 public by s1/6,s2/6",
        "eth0 2a10::a -> 2a10::a public by s1/6,s2/6"
      ])
    })
  )

  it.effect("are not asked of a server on this machine's loop, which nothing else leads to", () =>
    Effect.gen(function* () {
      const loop = { ...server("s9"), endpoint: at("127.0.0.1:3478") }
      const both = yield* found(two, { s1: good, s2: silent }, { servers: [loop, server("s1")] })
      assert.strictEqual(both.took, 20)
      assert.strictEqual(both.routes.length, 2)
      const { failures, took } = yield* found(two, {}, { servers: [loop] })
      assert.strictEqual(took, 0)
      assert.deepStrictEqual(failures, [
        "eth0 192.168.1.2: the servers are on this machine's loop",
        "wlan0 192.168.1.2: the servers are on this machine's loop"
      ])
    })
  )

  it.effect("hold a whole block behind one address that was asked from", () =>
    Effect.gen(function* () {
      const { routes } = yield* found({ addresses: ["11.0.5.0"] }, { s1: good, s2: good, s3: good })
      assert.deepStrictEqual(
        routes.map((route) => route.slice(0, route.indexOf(" by"))),
        ["eth0 11.0.5.0 -> 11.0.5.0/24 public"]
      )
    })
  )

  it.effect("are known from one server too, and say that it was one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* found({ behind: "home" }, { s1: good }, { servers: [server("s1")] }), {
        routes: ["eth0 192.168.1.2 -> 11.0.0.1 by s1"],
        failures: [],
        problems: [],
        took: 20
      })
      // The other one is given a second more.
      assert.deepStrictEqual(
        yield* found({ behind: "home" }, { s1: good, s2: silent }, { servers: [server("s1"), server("s2")] }),
        {
          routes: ["eth0 192.168.1.2 -> 11.0.0.1 by s1 not s2: no answer in time"],
          failures: [],
          problems: [],
          took: 1020
        }
      )
    })
  )

  it.effect("of one card do not wait for another that leads nowhere", () =>
    Effect.gen(function* () {
      const alice = { interfaces: { dead0: { behind: "nowhere" }, eth0: { behind: "home" } } }
      const { failures, routes, took } = yield* found(alice, { s1: good, s2: good, s3: good })
      assert.deepStrictEqual(
        routes.map((route) => route.slice(0, 28)),
        ["eth0 192.168.1.2 -> 11.0.0.1"]
      )
      assert.deepStrictEqual(failures, ["dead0 11.64.3.2: s1, s2, s3: no answer in time"])
      assert.strictEqual(took, 1020)
    })
  )

  it.effect("are what most servers see; where as many see another address, none is chosen", () =>
    Effect.gen(function* () {
      const alice = { behind: "home" }
      const majority = yield* found(alice, { s1: says("203.0.113.9:1"), s2: good, s3: good })
      assert.deepStrictEqual(majority.routes, ["eth0 192.168.1.2 -> 11.0.0.1 by s2,s3 not s1: 203.0.113.9"])
      const tie = yield* found(alice, { s1: says("203.0.113.9:1"), s2: good, s3: silent })
      assert.deepStrictEqual(tie.routes, [])
      assert.deepStrictEqual(tie.failures, [
        "eth0 192.168.1.2: the servers disagree; s1: 203.0.113.9; s2: 11.0.0.1; s3: no answer in time"
      ])
    })
  )

  it.effect("are not public where the servers see another address", () =>
    Effect.gen(function* () {
      const lie = says("203.0.113.9:1")
      const { routes } = yield* found({ addresses: ["11.0.0.9"] }, { s1: lie, s2: lie, s3: silent })
      assert.deepStrictEqual(routes, ["eth0 11.0.0.9 -> 203.0.113.9 by s1,s2"])
    })
  )

  it.effect("are found over TCP where UDP is blocked, and at once where a server speaks only that", () =>
    Effect.gen(function* () {
      const gateways = { home: { device: "udp-blocked", outside: "internet", addresses: ["11.0.0.1"] } }
      const all = { s1: good, s2: good, s3: good }
      const blocked = yield* found({ behind: "home" }, all, {}, { gateways })
      assert.match(blocked.routes.join(), /^eth0 192\.168\.1\.2 -> 11\.0\.0\.1 by /)
      // A quarter of a second for UDP, then the handshake and the answer.
      assert.strictEqual(blocked.took, 290)
      const tcp = ["s1", "s2"].map((id) => server(id, "IPv4", { udp: false }))
      assert.strictEqual((yield* found({ behind: "home" }, all, { servers: tcp }, { gateways })).took, 40)
    })
  )

  it.effect("stay unknown with the reason, each server's in its own words", () =>
    Effect.gen(function* () {
      const nobody = yield* found({ behind: "home" }, {})
      assert.deepStrictEqual(nobody.failures, [
        "eth0 192.168.1.2: s1, s2, s3: nothing listens there, or a firewall refuses"
      ])
      const half = yield* found(
        { behind: "home" },
        { s1: Responder.udpResponder(() => []), s2: Responder.udpResponder(() => []), s3: silent }
      )
      assert.deepStrictEqual(half.failures, [
        "eth0 192.168.1.2: s1, s2: no answer in time; over TCP: nothing listens there, or a firewall refuses; s3: no answer in time"
      ])
      const udp = ["s1", "s2", "s3"].map((id) => server(id, "IPv4", { tcp: false }))
      const bad = yield* found(
        { behind: "full-cone-equal" },
        {
          s1: Responder.udpResponder(undefined, { via: { address: "11.0.0.201", port: 9 } }),
          s2: Responder.udpResponder((asked) => [Responder.refusal(asked, 500)]),
          s3: Responder.udpResponder(() => [bytes("nonsense")])
        },
        { servers: udp }
      )
      assert.deepStrictEqual(bad.failures, [
        [
          "eth0 192.168.1.2: s2: 11.0.0.202:3478 answered with error 500 (Server Error)",
          "s1: an answer came from 11.0.0.201:9, not from 11.0.0.201:3478 where it was asked for",
          "s3: no answer in time"
        ].join("; ")
      ])
      assert.isAtMost(bad.took, 3000)
    })
  )

  it.effect("of a host with IPv6 alone are asked of servers with IPv6", () =>
    Effect.gen(function* () {
      const alice = { addresses: ["2a10::9"] }
      const without = yield* found(alice, { s1: good, s2: good })
      assert.deepStrictEqual(without, {
        routes: [],
        failures: ["eth0 2a10::9: no server has an IPv6 address"],
        problems: [],
        took: 0
      })
      const servers = [...ip4, server("s1", "IPv6"), server("s2", "IPv6")]
      const { failures, routes } = yield* found(alice, { s1: good, s2: good }, { servers })
      assert.deepStrictEqual(
        { failures, routes },
        { failures: [], routes: ["eth0 2a10::9 -> 2a10::9 public by s1/6,s2/6"] }
      )
    })
  )

  it.effect("are none without a network or a server, which is said", () =>
    Effect.gen(function* () {
      const off = yield* found(
        { behind: "home" },
        { s1: good },
        { timeout: 500 },
        {
          changes: [{ at: 0, node: "alice", up: false }]
        }
      )
      assert.deepStrictEqual(off, {
        routes: [],
        failures: ["eth0 192.168.1.2: the interface has no link"],
        problems: [],
        took: 0
      })
      const none = yield* found({ behind: "home" }, {}, { servers: [] })
      assert.deepStrictEqual(none, {
        routes: [],
        failures: [],
        problems: ["no STUN server is named, and nobody else can say what this machine looks like from outside"],
        took: 0
      })
    })
  )

  it.effect("are asked of the interfaces named, and a name that is none is a failure", () =>
    Effect.gen(function* () {
      const all = { s1: good, s2: good }
      const { routes } = yield* found(two, all, { interfaces: ["wlan0"] })
      assert.deepStrictEqual(routes, ["wlan0 192.168.1.2 -> 11.0.0.2 by s1,s2"])
      const error = yield* Effect.flip(found(two, all, { interfaces: ["eth9"] }))
      assert.match(String(error), /no interface has that name; use one of these: lo, eth0, wlan0/)
    })
  )

  it.effect("leave no socket open, wherever their discovery is interrupted", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make<World>({
        link: { latency: 5 },
        gateways: {
          home: { device: "linux-router", outside: "internet" },
          office: { device: "udp-blocked", outside: "internet" }
        },
        hosts: { alice: two, s1: hostOf("s1"), s2: hostOf("s2"), s3: hostOf("s3") }
      })
      let most = 0
      const watch = Effect.sync(() => {
        most = Math.max(most, world.openSockets("alice"))
      })
      yield* world.run(
        {
          alice: Effect.gen(function* () {
            for (let after = 0; after <= 320; after += after < 60 ? 1 : 10) {
              const fiber = yield* Effect.forkChild(Routes.use((routes) => routes.discover({ servers: ip4 })))
              yield* Effect.sleep(after)
              yield* watch
              yield* Fiber.interrupt(fiber)
              assert.strictEqual(world.openSockets("alice"), 0, `after ${after} ms`)
            }
          }).pipe(Effect.provide(layer))
        },
        { background: { s1: Effect.scoped(good), s2: Effect.scoped(good), s3: Effect.scoped(silent) } }
      )
      // In the end the one without UDP has its socket, and a connection to each server.
      assert.strictEqual(most, 4)
    })
  )
})
