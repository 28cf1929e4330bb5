/** The detector in simulated networks: what good and bad servers, several interfaces and no network at all come to. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import * as NatDetectorLayer from "../../src/layers/NatDetector.ts"
import * as SimulatedWorld from "../../src/layers/simulated/SimulatedWorld.ts"
import { blocked, LINUX_UDP_TIMEOUTS, natUdp, portNat, ROUTED } from "../../src/protocols/nat/devices/rules.ts"
import { CONFIDENT } from "../../src/protocols/natprofile/confidence.ts"
import { classicName } from "../../src/protocols/natprofile/names.ts"
import { inWords } from "../../src/protocols/natprofile/words.ts"
import type { NatDevice } from "../../src/schemas/NatDevice.ts"
import type { Transport } from "../../src/schemas/NatObservation.ts"
import type { Measured, NatProfile } from "../../src/schemas/NatProfile.ts"
import type { WorldHost } from "../../src/schemas/World.ts"
import { type DetectOptions, NatDetector, type Progress, type Report } from "../../src/services/NatDetector.ts"
import { serve } from "../../src/servers/StunServer.ts"
import * as Bad from "./natdetector/badServers.ts"
import { background, CLEAN, detect, EXTERNAL, serverAt, servers, worldOf } from "./natdetector/kit.ts"
import { ip } from "./simulated/kit.ts"

const known = <A>(measured: Measured<A>): A => {
  if (measured._tag === "Unknown") throw new Error(`${measured.reason}: ${measured.detail}`)
  return measured.value
}
const why = (measured: Measured<unknown>): string => (measured._tag === "Unknown" ? measured.reason : "known")
const detail = (measured: Measured<unknown>): string => (measured._tag === "Unknown" ? measured.detail : "known")

const profileOf = (report: Report, transport: Transport, device = "eth0"): NatProfile =>
  report.profiles.find((each) => each.transport === transport && each.interface === device)!

/** A cone that lets in whoever was sent to, and counts by two. */
const cone: NatDevice = {
  name: "cone",
  summary: "a test's",
  ipv4: portNat({
    hairpinning: "external-source",
    udp: natUdp({ filtering: "address-dependent", allocation: { _tag: "Independent", step: 2 } })
  }),
  ipv6: ROUTED
}

const BAD = "48.40.0.1"
const BESIDE = "48.40.0.2"

/** Measures behind a device, with a server that misbehaves at {@link BAD} beside the good ones or alone. */
const withBad = Effect.fnUntraced(function* (
  manners: Bad.Manners | undefined,
  options: Partial<DetectOptions> = {},
  device: string | NatDevice = cone
) {
  const description = worldOf({ device })
  const world = yield* SimulatedWorld.make({
    ...description,
    hosts: { ...description.hosts, bad: { addresses: [BAD, BESIDE] } }
  })
  const misbehaving = manners === undefined ? Effect.never : Bad.serve(BAD, manners)
  const { client } = yield* world.run({ client: detect(options) }, { background: { ...background, bad: misbehaving } })
  assert.strictEqual(world.openSockets("client"), 0)
  return { report: client, took: world.now }
})

const bad = serverAt("bad", BAD)
const alone = { servers: [bad] }
const beside = { servers: [bad, ...servers] }

describe("servers on this machine's loop", () => {
  it.effect("are not asked from elsewhere, and it is said where there are no others", () =>
    Effect.gen(function* () {
      const loop = serverAt("loop", "127.0.0.1")
      const world = yield* SimulatedWorld.make(worldOf())
      const { client } = yield* world.run({ client: detect({ servers: [loop] }) }, { background })
      assert.strictEqual(world.now, 0)
      assert.deepStrictEqual(client.observations, [])
      assert.match(client.problems.join(), /^eth0: none of the STUN servers can be asked from /)
      const both = yield* SimulatedWorld.make(worldOf())
      const ran = yield* both.run({ client: detect({ servers: [loop, ...servers] }) }, { background })
      assert.deepStrictEqual(ran.client.problems, [])
      assert.isFalse(ran.client.observations.some(({ server }) => server === "loop"))
    })
  )
})

describe("bad servers", () => {
  const manners: ReadonlyArray<readonly [string, Bad.Manners | undefined, udp: RegExp, tcp: RegExp]> = [
    ["one that is dead", undefined, /^bad refused UDP/, /^bad refused TCP/],
    [
      "one that answers from another address",
      { say: Bad.right, from: BESIDE },
      /an answer came from 48\.40\.0\.2:3478, not from 48\.40\.0\.1:3478/,
      /^known$/
    ],
    [
      "one that answers another transaction",
      { say: Bad.otherTransaction },
      /48\.40\.0\.1:3478 sent an answer with another transaction id/,
      /48\.40\.0\.1:3478 sent an answer with another transaction id/
    ],
    [
      "one that sends garbage",
      { say: Bad.garbage },
      /sent 64 bytes that are no STUN/,
      /sent what is no STUN: STUN stream/
    ],
    [
      "one that sends half an answer and goes",
      { say: Bad.truncated, closes: true },
      /sent 25 bytes that are no STUN: STUN header/,
      /48\.40\.0\.1:3478 the stream ended within a frame/
    ],
    [
      "one that sends half an answer and waits",
      { say: Bad.truncated },
      /sent 25 bytes that are no STUN/,
      /^no answer over TCP from bad/
    ]
  ]
  for (const [words, how, udp, tcp] of manners) {
    it.effect(`${words}, alone: nothing is known, and why`, () =>
      Effect.gen(function* () {
        const { report, took } = yield* withBad(how, alone, "open-internet")
        assert.match(detail(profileOf(report, "udp").mapping), udp)
        assert.match(detail(profileOf(report, "tcp").translated), tcp)
        assert.strictEqual(why(classicName(profileOf(report, "udp"))), "no-answer")
        assert.include(inWords(profileOf(report, "udp")), "Nothing is known of UDP")
        assert.isBelow(took, 2000)
      })
    )
    it.effect(`${words}, beside good ones: costs time, not truth`, () =>
      Effect.gen(function* () {
        const { report, took } = yield* withBad(how, beside)
        for (const transport of ["udp", "tcp"] as const) {
          const profile = profileOf(report, transport)
          assert.strictEqual(
            known(classicName(profile)),
            transport === "udp" ? "restricted-cone" : "port-restricted-cone"
          )
          assert.isAtLeast((profile.mapping as { confidence?: number }).confidence ?? 0, CONFIDENT)
          assert.strictEqual(known(profile.hairpin), true)
        }
        assert.deepStrictEqual(known(profileOf(report, "udp").delta), { kind: "independent", step: 2 })
        assert.isBelow(took, 2000)
      })
    )
  }

  it.effect("two that disagree: no address is called ours, and the rest is known", () =>
    Effect.gen(function* () {
      const { report } = yield* withBad({ say: Bad.seenAt("66.6.6.6") }, { servers: [bad, servers[0]!] })
      const udp = profileOf(report, "udp")
      assert.strictEqual(why(udp.external), "inconsistent")
      assert.include(detail(udp.external), "66.6.6.6 (bad)")
      assert.strictEqual(known(udp.filtering), "address-dependent")
    })
  )

  it.effect("of three, the one that sees another address is not believed", () =>
    Effect.gen(function* () {
      const { report } = yield* withBad({ say: Bad.seenAt("66.6.6.6") }, beside)
      const udp = profileOf(report, "udp")
      assert.strictEqual(NetAddress.formatIp(known(udp.external)), EXTERNAL)
      assert.include(udp.warnings.join(), "server bad sees us at 66.6.6.6")
      assert.strictEqual(known(classicName(udp)), "restricted-cone")
    })
  )

  const lies: ReadonlyArray<readonly [string, string, string]> = [
    ["an address where nobody is", "48.99.0.9:3479", "names another endpoint that does not answer"],
    ["its own address", `${BAD}:3479`, "its address is the server's own"],
    ["its own port", `${BESIDE}:3478`, "its port is the server's own"],
    ["a private address", "10.0.0.7:3479", "it is not a public address"],
    ["nothing", "0.0.0.0:0", "it is not a public address"]
  ]
  for (const [words, other, warning] of lies) {
    it.effect(`one that names ${words} as its other endpoint: filtering is not guessed`, () =>
      Effect.gen(function* () {
        const { report } = yield* withBad({ say: Bad.naming(other) }, { servers: [bad, servers[1]!] })
        const udp = profileOf(report, "udp")
        assert.strictEqual(known(udp.mapping), "endpoint-independent")
        assert.strictEqual(why(udp.filtering), "needs-change-request")
        assert.include([...udp.warnings, detail(udp.filtering)].join(), warning)
      })
    )
  }

  it.effect("only one, with one address: the delta is known, mapping and filtering say what they need", () =>
    Effect.gen(function* () {
      const { report } = yield* withBad(undefined, { servers: [servers[1]!] })
      for (const transport of ["udp", "tcp"] as const) {
        const profile = profileOf(report, transport)
        assert.strictEqual(known(profile.delta).kind, transport === "udp" ? "independent" : "equal")
        assert.strictEqual(why(profile.mapping), "needs-second-address")
        assert.strictEqual(why(profile.filtering), transport === "udp" ? "needs-change-request" : "needs-probe-back")
      }
    })
  )

  it.effect("none at all: said at once, and nothing is sent", () =>
    Effect.gen(function* () {
      const { report, took } = yield* withBad(undefined, { servers: [] })
      assert.deepStrictEqual(report.problems, ["no STUN server was named, and without one nothing can be measured"])
      assert.strictEqual(why(profileOf(report, "udp").mapping), "no-server")
      assert.deepStrictEqual([report.observations.length, took], [0, 0])
    })
  )
})

describe("networks", () => {
  const blockedBy = (answer: "drop" | "icmp"): NatDevice => ({
    ...cone,
    ipv4: portNat({ udp: blocked(answer) })
  })
  for (const [answer, outcome] of [
    ["drop", "Silent"],
    ["icmp", "Unreachable"]
  ] as const) {
    it.effect(`UDP blocked (${answer}), TCP not: known, and contact ends as ${outcome}`, () =>
      Effect.gen(function* () {
        const { report } = yield* withBad(undefined, {}, blockedBy(answer))
        const udp = profileOf(report, "udp")
        assert.strictEqual(known(classicName(udp)), "blocked")
        assert.isAtLeast((udp.blocked as { confidence?: number }).confidence ?? 0, CONFIDENT)
        const contacts = report.observations.filter(({ test, transport }) => test === "contact" && transport === "udp")
        assert.deepStrictEqual(
          contacts.map((each) => each.outcome._tag),
          [outcome, outcome]
        )
        assert.strictEqual(known(classicName(profileOf(report, "tcp"))), "port-restricted-cone")
      })
    )
  }

  it.effect("a NAT behind a carrier's NAT, and a carrier's alone", () =>
    Effect.gen(function* () {
      const hosts = { full: { addresses: ["45.10.0.1", "45.10.0.2"] }, plain: { addresses: ["46.20.0.1"] } }
      const carrier = { device: "carrier-nat", inside: ["cells"], outside: "internet" }
      const networks = { cells: { prefixes: ["100.64.0.0/16"] } }
      const natsBehind = Effect.fnUntraced(function* (host: WorldHost) {
        const world = yield* SimulatedWorld.make({
          link: CLEAN,
          hosts: { client: host, ...hosts },
          gateways: { carrier, home: { device: "linux-router", outside: "cells" } },
          networks
        })
        const { client } = yield* world.run({ client: detect() }, { background })
        return profileOf(client, "udp")
      })
      const double = yield* natsBehind({ behind: "home" })
      assert.deepStrictEqual(known(double.nats), { count: 1, exact: false, carrier: false })
      assert.strictEqual(known(double.translated), true)
      const mobile = yield* natsBehind({ network: "cells" })
      assert.deepStrictEqual(known(mobile.nats), { count: 1, exact: false, carrier: true })
    })
  )

  it.effect("IPv6 only, behind a firewall", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({
        link: CLEAN,
        hosts: {
          client: { network: "home" },
          server: { addresses: ["2a00:1450::1", "2a00:1450::2"] }
        },
        gateways: { box: { device: "openwrt", inside: ["home"], outside: "internet" } },
        networks: { home: { prefixes: ["2a02:8071:1:2::/64"] }, internet: {} },
        ipv6: true
      })
      const six = serve({ address: ip("2a00:1450::1"), alternate: { address: ip("2a00:1450::2") }, probeBack: true })
      const { client } = yield* world.run(
        { client: detect({ servers: [serverAt("six", "2a00:1450::1"), ...servers] }) },
        { background: { server: Effect.scoped(Effect.andThen(six, Effect.never)) } }
      )
      assert.deepStrictEqual(
        client.profiles.map(({ family, transport }) => `${family} ${transport}`),
        ["IPv6 udp", "IPv6 tcp"]
      )
      for (const profile of client.profiles) {
        assert.strictEqual(known(classicName(profile)), "symmetric-firewall")
        assert.deepStrictEqual(known(profile.nats), { count: 0, exact: true, carrier: false })
      }
      assert.deepStrictEqual(client.problems, [])
    })
  )

  const problemsOf = Effect.fnUntraced(function* (options: Partial<DetectOptions>, up = true) {
    const world = yield* SimulatedWorld.make({
      ...worldOf(),
      changes: up ? [] : [{ at: 0, node: "client", up: false }]
    })
    yield* world.settle(1)
    const { client } = yield* world.run({ client: detect(options) }, { background })
    return { profiles: client.profiles.length, problems: client.problems }
  })

  it.effect("none: an empty report that says so", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf({}, false), {
        profiles: 0,
        problems: ["no network: no interface leads out (lo is a loopback, eth0 has no link)"]
      })
      assert.deepStrictEqual(yield* problemsOf({ interfaces: ["eth0"] }, false), {
        profiles: 0,
        problems: ["eth0 has no link"]
      })
      assert.deepStrictEqual(yield* problemsOf({ families: ["IPv6"] }), {
        profiles: 0,
        problems: ["no network: no interface leads out over IPv6 (lo is a loopback, eth0 has no global IPv6 address)"]
      })
    })
  )

  it.effect("an interface that there is not is named, with those there are", () =>
    Effect.gen(function* () {
      const { problems, profiles } = yield* problemsOf({ interfaces: ["eth0", "wlan7"] })
      assert.deepStrictEqual(problems, ['no interface is called "wlan7"; there are lo, eth0'])
      assert.strictEqual(profiles, 2)
    })
  )

  it.effect("one that goes away while it is measured: what was seen is told, and the end is soon", () =>
    Effect.gen(function* () {
      for (const at of [10, 80, 150, 300]) {
        const world = yield* SimulatedWorld.make({ ...worldOf(), changes: [{ at, node: "client", up: false }] })
        const { client } = yield* world.run({ client: detect() }, { background })
        assert.strictEqual(client.profiles.length, 2)
        assert.isBelow(world.now, 3000)
        assert.strictEqual(world.openSockets("client"), 0)
      }
    })
  )
})

describe("several interfaces", () => {
  const twoCards = (shared: boolean) => ({
    link: CLEAN,
    hosts: {
      client: {
        interfaces: {
          eth0: { network: "home" },
          wlan0: { network: "other" }
        }
      },
      full: { addresses: ["45.10.0.1", "45.10.0.2"], link: { latency: 0 } },
      plain: { addresses: ["46.20.0.1"], link: { latency: 0 } }
    },
    gateways: {
      box: { device: cone, inside: shared ? ["home", "other"] : ["home"], outside: "internet" },
      ...(shared ? {} : { second: { device: "symmetric-random", inside: ["other"], outside: "internet" } })
    },
    networks: { home: { prefixes: ["192.168.1.0/24"] }, other: { prefixes: ["192.168.2.0/24"] } }
  })

  it.effect("behind NATs of their own: at the same time", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(twoCards(false))
      const { client } = yield* world.run({ client: detect() }, { background })
      assert.strictEqual(known(classicName(profileOf(client, "udp", "eth0"))), "restricted-cone")
      assert.strictEqual(known(classicName(profileOf(client, "udp", "wlan0"))), "symmetric")
      assert.deepStrictEqual(known(profileOf(client, "udp", "wlan0").delta), { kind: "random", step: 0 })
      assert.isBelow(world.now, 1000)
      assert.deepStrictEqual(client.problems, [])
    })
  )

  it.effect("behind one NAT: sampled in turn, which its counter shows, and it is said", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(twoCards(true))
      const { client } = yield* world.run({ client: detect() }, { background })
      for (const device of ["eth0", "wlan0"]) {
        const udp = profileOf(client, "udp", device)
        assert.deepStrictEqual(known(udp.delta), { kind: "independent", step: 2 })
      }
      const [problem, ...more] = client.problems
      assert.match(
        problem!,
        /^eth0 and wlan0 are seen at one address, \S+: they share a NAT, and were sampled in turn$/
      )
      assert.deepStrictEqual(more, [])
      const samples = client.observations.filter(({ test, transport }) => test === "sample" && transport === "udp")
      const inTurn = samples.toSorted((a, b) => a.sentAt - b.sentAt).map((each) => each.interface)
      assert.strictEqual(inTurn.filter((name, at) => at > 0 && name !== inTurn[at - 1]).length, 1)
    })
  )
})

describe("a measurement", () => {
  it.effect("takes less than a second for both transports, at 50 ms a round trip", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(worldOf({ device: cone }))
      yield* world.run({ client: detect() }, { background })
      assert.isBelow(world.now, 1000)
    })
  )

  it.effect("tells what it sees while it runs, and the report last", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make(worldOf({ device: cone }))
      const watched = NatDetector.use((detector) => Stream.runCollect(detector.watch({ servers }))).pipe(
        Effect.provide(NatDetectorLayer.layer, { local: true })
      )
      const { client } = yield* world.run({ client: watched }, { background })
      const observed = client.filter(
        (each): each is Extract<Progress, { _tag: "Observed" }> => each._tag === "Observed"
      )
      assert.deepStrictEqual(
        observed.map(({ ended }) => ended),
        observed.map((_, at) => at + 1)
      )
      assert.isTrue(observed.every(({ ended, planned }) => ended <= planned))
      assert.strictEqual(observed.at(-1)!.ended, observed.at(-1)!.planned)
      assert.strictEqual(client.filter(({ _tag }) => _tag === "Profiled").length, 2)
      const last = client.at(-1)!
      assert.strictEqual(last._tag === "Done" ? last.report.observations.length : 0, observed.length)
    })
  )

  it.effect("leaves nothing open wherever it is interrupted", () =>
    Effect.gen(function* () {
      for (let after = 0; after < 900; after += 29.3) {
        const world = yield* SimulatedWorld.make(worldOf({ device: cone, link: { latency: 25, loss: 0.1 } }))
        const { client } = yield* world.run(
          {
            client: Effect.gen(function* () {
              const fiber = yield* Effect.forkChild(detect())
              yield* Effect.sleep(after)
              const during = world.openSockets("client")
              yield* Fiber.interrupt(fiber)
              return { during, left: world.openSockets("client") }
            })
          },
          { background }
        )
        assert.strictEqual(client.left, 0, `after ${after} ms`)
        if (after > 0) assert.isAbove(client.during, 0)
      }
    })
  )

  it.effect("of how long mappings live takes five minutes, and is right", () =>
    Effect.gen(function* () {
      const forgets = (replied: number): NatDevice => ({
        ...cone,
        ipv4: portNat({ udp: natUdp({ timeouts: { ...LINUX_UDP_TIMEOUTS, unreplied: replied, replied } }) })
      })
      for (const [replied, atLeast, below] of [
        [30_000, 28_000, 32_000],
        [120_000, 118_000, 122_000],
        [600_000, 302_000, undefined]
      ] as const) {
        const world = yield* SimulatedWorld.make(worldOf({ device: forgets(replied) }))
        const { client } = yield* world.run({ client: detect({ lifetime: true }) }, { background })
        assert.deepStrictEqual(known(profileOf(client, "udp").lifetime), {
          atLeast,
          ...(below === undefined ? {} : { below })
        })
        assert.approximately(world.now, 305_000, 5000)
      }
    })
  )
})
