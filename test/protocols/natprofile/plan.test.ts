import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import {
  type Contacted,
  contacted,
  contactPlan,
  problemWith,
  settledAt
} from "../../../src/protocols/natprofile/contact.ts"
import { lifetimePlan } from "../../../src/protocols/natprofile/lifetime.ts"
import { measurePlan, SAMPLES, samplesUntil } from "../../../src/protocols/natprofile/measure.ts"
import { longest, type Plan, type Probe, type Route, type StunServer } from "../../../src/protocols/natprofile/Plan.ts"
import { RUN_LENGTH, samplePorts } from "../../../src/protocols/natprofile/samples.ts"
import type { NatObservation, Outcome, Test, Transport } from "../../../src/schemas/NatObservation.ts"
import { luck } from "../../lab/support/random.ts"

const inet = NetAddress.inetAddressFromStringUnsafe
const route: Route = { interface: "eth0", family: "IPv4", address: NetAddress.ipFromStringUnsafe("192.168.1.5") }
const server = (id: string, at: string, more: Partial<StunServer> = {}): StunServer => ({
  id,
  endpoint: inet(at),
  udp: true,
  tcp: true,
  ...more
})
const a = server("a", "45.10.0.1:3478", { probeBack: true })
const b = server("b", "46.20.0.1:3478")
const six = server("six", "[2a00:1450::1]:3478")

const reached = (each: StunServer, other?: string): Contacted => ({
  server: each,
  roundTrip: 50,
  mapped: inet("11.22.33.10:40000"),
  other: other === undefined ? undefined : inet(other)
})
const full = reached(a, "45.10.0.2:3479")
const plain = reached(b)

const plan = (transport: Transport, servers: ReadonlyArray<Contacted>, more: object = {}): Plan =>
  measurePlan({ route, transport, servers, random: luck(1).next, ...more })

const byTest = ({ probes }: Plan, test: Test): ReadonlyArray<Probe> => probes.filter((probe) => probe.test === test)

const observed = (probe: Probe, outcome: Outcome, sentAt = 0): NatObservation => ({
  ...probe,
  responsePort: undefined,
  local: inet("192.168.1.5:50000"),
  to: inet("45.10.0.1:3478"),
  order: 0,
  sentAt,
  transmissions: 1,
  outcome
})
const answer = (after: number, other?: string): Outcome => ({
  _tag: "Answered",
  mapped: inet("11.22.33.10:40000"),
  from: inet("45.10.0.1:3478"),
  other: other === undefined ? undefined : inet(other),
  after,
  roundTrip: after
})

describe("contact", () => {
  it("asks every server of the family that speaks the transport", () => {
    const ids = (transport: Transport, servers: ReadonlyArray<StunServer>) =>
      contactPlan(route, transport, servers).probes.map(({ id }) => id)
    assert.deepStrictEqual(ids("udp", [a, b, six]), ["eth0/IPv4/udp/contact-a", "eth0/IPv4/udp/contact-b"])
    assert.deepStrictEqual(ids("tcp", [a, { ...b, tcp: false }]), ["eth0/IPv4/tcp/contact-a"])
    assert.deepStrictEqual(contactPlan(route, "udp", []), { slots: [], probes: [] })
    assert.strictEqual(contactPlan(route, "udp", [a, b]).slots.length, 1)
    assert.strictEqual(contactPlan(route, "tcp", [a, b]).slots.length, 2)
    const inSix = contactPlan({ ...route, family: "IPv6" }, "udp", [a, six])
    assert.deepStrictEqual(
      inSix.probes.map(({ server }) => server),
      ["six"]
    )
  })

  it("is settled when all have answered, or a while after the first", () => {
    const contact = contactPlan(route, "udp", [a, b])
    const [first, second] = contact.probes as unknown as readonly [Probe, Probe]
    assert.strictEqual(settledAt(contact, []), undefined)
    assert.strictEqual(settledAt(contact, [observed(first, answer(50))]), 200)
    assert.strictEqual(settledAt(contact, [observed(first, answer(300))]), 1200)
    assert.strictEqual(settledAt(contact, [observed(first, answer(50)), observed(second, answer(70))]), 70)
    const silent = observed(second, { _tag: "Silent", waited: 500 })
    assert.strictEqual(settledAt(contact, [observed(first, answer(50)), silent]), 50)
    assert.strictEqual(settledAt(contact, [observed(first, { _tag: "Silent", waited: 500 }), silent]), 0)
    // A server that is there over another transport is waited for.
    const elsewhere = observed({ ...second, id: "elsewhere", transport: "tcp" }, answer(60))
    assert.strictEqual(settledAt(contact, [observed(first, answer(50)), elsewhere]), 950)
    assert.strictEqual(settledAt(contactPlan(route, "udp", []), []), 0)
  })

  it("puts servers with two addresses first, and drops claims that cannot be", () => {
    const contact = contactPlan(route, "udp", [b, a])
    const [toB, toA] = contact.probes as unknown as readonly [Probe, Probe]
    const found = contacted(
      route,
      "udp",
      [b, a],
      [observed(toB, answer(20)), observed(toA, answer(50, "45.10.0.2:3479"))]
    )
    assert.deepStrictEqual(
      found.map(({ server }) => server.id),
      ["a", "b"]
    )
    assert.strictEqual(contacted(route, "tcp", [b, a], [observed(toB, answer(20))]).length, 0)
    const lie = contacted(route, "udp", [a], [observed(toA, answer(50, "10.0.0.1:3479"))])
    assert.strictEqual(lie[0]!.other, undefined)
  })

  it("what is wrong with another endpoint", () => {
    const table: ReadonlyArray<readonly [string, string | undefined]> = [
      ["45.10.0.2:3479", undefined],
      ["45.10.0.1:3479", "its address is the server's own"],
      ["45.10.0.2:3478", "its port is the server's own"],
      ["10.0.0.1:3479", "it is not a public address"],
      ["[2a00:1450::1]:3479", "it is of another address family"]
    ]
    for (const [other, problem] of table) assert.strictEqual(problemWith(a.endpoint, inet(other)), problem, other)
    // In a lab, or inside a company, no address is public.
    assert.strictEqual(problemWith(inet("10.0.0.1:3478"), inet("10.0.0.2:3479")), undefined)
    assert.strictEqual(problemWith(inet("10.0.0.1:3478"), inet("0.0.0.0:0")), "it is empty")
  })
})

describe("sample ports", () => {
  it("have runs of consecutive ports near what was seen, and controls from everywhere", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const ports = samplePorts(SAMPLES, [40_500, 40_600, 40_400], luck(seed).next)
      assert.strictEqual(ports.length, SAMPLES)
      assert.isTrue(ports.every(({ port }) => Number.isInteger(port) && port >= 1024 && port <= 65_535))
      const follows = ports.filter(({ follows }) => follows)
      assert.strictEqual(follows.length, 3 * (RUN_LENGTH - 1))
      ports.forEach(({ follows, port }, index) => {
        if (follows) assert.strictEqual(port, ports[index - 1]!.port + 1)
      })
      const near = ports.filter(({ port }) => Math.abs(port - 40_500) < 64)
      assert.isAtLeast(near.length, 3 * RUN_LENGTH)
      const controls = ports.filter(({ port }) => Math.abs(port - 40_500) >= 64).map(({ port }) => port)
      assert.isBelow(Math.min(...controls), 1124)
      assert.isAbove(Math.max(...controls), 65_435)
      // Otherwise a constant offset could be taken for a step.
      assert.isTrue(ports.some(({ port }, index) => index > 0 && Math.abs(port - ports[index - 1]!.port) > 1))
    }
  })

  it("stay inside the port space at its ends and without anything seen", () => {
    for (const near of [[], [1], [65_535], [1024]]) {
      for (const count of [1, 5, 6, 12, 30]) {
        const ports = samplePorts(count, near, luck(count).next)
        assert.strictEqual(ports.length, count)
        assert.isTrue(ports.every(({ port }) => port >= 1024 && port <= 65_535))
      }
    }
  })
})

const plans: ReadonlyArray<readonly [string, Plan]> = [
  ["udp, a server of RFC 5780 and a plain one", plan("udp", [full, plain])],
  ["tcp, the same", plan("tcp", [full, plain])],
  ["udp, plain servers", plan("udp", [plain, reached(server("c", "47.30.0.1:3478"))])],
  ["udp, one server", plan("udp", [plain], { unheard: [a] })],
  ["tcp, one server", plan("tcp", [plain])],
  ["lifetime", lifetimePlan(route, full)]
]

describe("every plan", () => {
  for (const [name, each] of plans) {
    it(`${name}`, () => {
      const { probes, slots } = each
      const ids = new Set<string>()
      for (const probe of probes) {
        assert.isFalse(ids.has(probe.id), `${probe.id} twice`)
        for (const before of [...probe.after, probe.over, probe.responsePort]) {
          if (before !== undefined) assert.isTrue(ids.has(before), `${probe.id} needs ${before}, which comes later`)
        }
        if (probe.target._tag === "MappedOf") assert.include(probe.after, probe.target.probe)
        if (probe.over !== undefined) assert.include(probe.after, probe.over)
        if (probe.responsePort !== undefined) assert.include(probe.after, probe.responsePort)
        assert.isTrue(
          slots.some(({ id }) => id === probe.slot),
          `${probe.slot} is no slot`
        )
        assert.strictEqual(probe.transmissions[0], 0)
        assert.deepStrictEqual(
          probe.transmissions,
          probe.transmissions.toSorted((x, y) => x - y)
        )
        ids.add(probe.id)
      }
      assert.strictEqual(new Set(slots.map(({ id }) => id)).size, slots.length)
    })
  }

  it("is empty without servers", () => {
    assert.deepStrictEqual(plan("udp", []), { slots: [], probes: [] })
    assert.strictEqual(longest(plan("udp", [])), 0)
    assert.strictEqual(samplesUntil(plan("udp", [])), 0)
  })
})

describe("the measurement", () => {
  it("samples first, in order, each from a socket of its own to one endpoint", () => {
    for (const transport of ["udp", "tcp"] as const) {
      const each = plan(transport, [full, plain])
      const samples = byTest(each, "sample")
      assert.strictEqual(samples.length, SAMPLES)
      assert.strictEqual(new Set(samples.map(({ slot }) => slot)).size, SAMPLES)
      const times = samples.map(({ at }) => at)
      assert.deepStrictEqual(
        times,
        [...new Set(times)].toSorted((x, y) => x - y)
      )
      assert.isTrue(samples.every(({ transmissions }) => transmissions.length === 1))
      const until = samplesUntil(each)
      assert.isTrue(each.probes.every(({ after, at, test }) => test === "sample" || at >= until || after.length > 0))
      assert.isAtMost(until, 100)
    }
  })

  it("can wait for the samples of another transport", () => {
    const later = plan("tcp", [full, plain], { samplesAt: 60 })
    assert.strictEqual(byTest(later, "sample")[0]!.at, 60)
    assert.strictEqual(samplesUntil(later), 60 + samplesUntil(plan("tcp", [full, plain])))
  })

  it("maps one socket to all endpoints of a server, and to other servers", () => {
    const to = byTest(plan("udp", [full, plain]), "mapping")
      .filter(({ slot }) => slot.endsWith("/mapping"))
      .flatMap(({ target }) => (target._tag === "Endpoint" ? [NetAddress.formatInet(target.endpoint)] : []))
    assert.sameMembers(to, ["45.10.0.1:3478", "45.10.0.2:3479", "45.10.0.2:3478", "45.10.0.1:3479", "46.20.0.1:3478"])
    const alone = byTest(plan("udp", [plain], { unheard: [a] }), "mapping").filter(({ slot }) =>
      slot.endsWith("/mapping")
    )
    assert.deepStrictEqual(
      alone.map(({ server }) => server),
      ["a", "b"]
    )
  })

  it("filters from a socket that sends to one endpoint only", () => {
    const each = plan("udp", [full, plain])
    const slots = new Set(byTest(each, "filtering").map(({ slot }) => slot))
    assert.strictEqual(slots.size, 1)
    const sent = each.probes.filter(({ slot }) => slots.has(slot)).map(({ target }) => JSON.stringify(target))
    assert.strictEqual(new Set(sent).size, 1)
    assert.strictEqual(byTest(each, "control").length, 2)
    assert.strictEqual(byTest(plan("udp", [plain]), "filtering").length, 0)
  })

  it("asks to be dialled only over TCP, by servers that do it, at a socket that listens", () => {
    const each = plan("tcp", [full, plain])
    const dials = byTest(each, "probe-back")
    assert.deepStrictEqual(
      dials.map(({ change }) => change),
      [
        { address: true, port: true },
        { address: false, port: true }
      ]
    )
    assert.isTrue(dials.every(({ slot }) => each.slots.find(({ id }) => id === slot)!.listen))
    assert.strictEqual(byTest(plan("udp", [full]), "probe-back").length, 0)
    assert.strictEqual(byTest(plan("tcp", [plain]), "probe-back").length, 0)
    assert.strictEqual(byTest(each, "filtering").length, 0)
  })

  it("makes few mappings: less than the smallest quotas of carriers", () => {
    // One a slot and destination, as a NAT that maps by endpoint makes them.
    const mappings = (transport: Transport): number => {
      const { probes } = plan(transport, [full, plain])
      return new Set(probes.map(({ slot, target }) => `${slot} ${JSON.stringify(target)}`)).size
    }
    assert.isAtMost(mappings("udp") + mappings("tcp"), 64)
  })

  it("sends few packets a second to a server", () => {
    const packets = plan("udp", [full, plain]).probes.reduce((sum, { transmissions }) => sum + transmissions.length, 0)
    assert.isAtMost(packets, 90)
  })
})

describe("the lifetime", () => {
  it("tries every time on a mapping of its own, in the time of the longest", () => {
    const each = lifetimePlan(route, full, [1000, 30_000])
    const tests = each.probes.filter(({ idle }) => idle !== undefined)
    assert.deepStrictEqual(
      tests.map(({ idle }) => idle),
      [1000, 30_000]
    )
    assert.strictEqual(new Set(each.probes.filter(({ idle }) => idle === undefined).map(({ slot }) => slot)).size, 2)
    for (const { after, at, idle, responsePort, slot } of tests) {
      const made = each.probes.find(({ id }) => id === after[0])!
      assert.strictEqual(at, made.at + idle!)
      assert.strictEqual(responsePort, made.id)
      assert.notStrictEqual(slot, made.slot)
    }
    assert.isAtMost(longest(each), 32_000)
  })
})
