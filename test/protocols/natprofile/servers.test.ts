/** What bad servers and bad networks do to a profile: what is known stays right, what is not says why. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import { CONFIDENT } from "../../../src/protocols/natprofile/confidence.ts"
import { classicName } from "../../../src/protocols/natprofile/names.ts"
import { summary } from "../../../src/protocols/natprofile/summary.ts"
import { verdict } from "../../../src/protocols/natprofile/verdict.ts"
import { inWords } from "../../../src/protocols/natprofile/words.ts"
import type { NatObservation } from "../../../src/schemas/NatObservation.ts"
import type { Measured, NatProfile } from "../../../src/schemas/NatProfile.ts"
import { type Rules, toyBox } from "./lab/Box.ts"
import type { ServerRules } from "./lab/Internet.ts"
import { CLEAN, EXTERNAL, full, INSIDE, measure, plain, type Scenario, serverOf } from "./lab/scenario.ts"

const cone: Rules = {
  translated: true,
  mapping: "endpoint-independent",
  filtering: "address-dependent",
  delta: { kind: "independent", step: 2 },
  range: [1024, 65_535],
  unsolicited: "rst",
  hairpin: true,
  blocked: false
}
const symmetric: Rules = { ...cone, mapping: "address-and-port-dependent", filtering: "address-and-port-dependent" }

const behind = (rules: Rules, more: Partial<Scenario> = {}) =>
  measure({
    box: (random) => toyBox({ udp: rules, tcp: rules }, EXTERNAL, random),
    link: CLEAN,
    seed: 5,
    ...more
  })

const known = <A>(measured: Measured<A>): A => {
  if (measured._tag === "Unknown") throw new Error(`${measured.reason}: ${measured.detail}`)
  return measured.value
}
const why = (measured: Measured<unknown>): string => (measured._tag === "Unknown" ? measured.reason : "known")

/** What must hold whatever the servers do: nothing that is said with confidence is wrong. */
const honest = (profile: NatProfile, rules: Rules): void => {
  const check = (measured: Measured<unknown>, truth: unknown, name: string): void => {
    if (measured._tag === "Known" && measured.confidence >= CONFIDENT)
      assert.deepStrictEqual(measured.value, truth, name)
  }
  check(profile.mapping, rules.mapping, "mapping")
  check(profile.filtering, rules.filtering, "filtering")
  check(profile.delta, rules.delta, "delta")
  check(profile.hairpin, rules.hairpin, "hairpin")
  check(profile.unsolicited, rules.unsolicited, "unsolicited")
  check(profile.blocked, rules.blocked, "blocked")
  check(profile.translated, rules.translated, "translated")
}

/** Copies of observations, changed. */
const changed = (
  observations: ReadonlyArray<NatObservation>,
  change: (observation: NatObservation) => Partial<NatObservation>
): ReadonlyArray<NatObservation> => observations.map((each) => Object.assign({}, each, change(each)))

const otherThan = (...servers: ReadonlyArray<ServerRules>): Partial<Scenario> => ({ servers })

describe("servers", () => {
  it("one plain server: no mapping, no filtering, but the delta", () => {
    const { udp, tcp } = behind(cone, otherThan(plain)).profiles
    for (const profile of [udp, tcp]) {
      honest(profile, cone)
      assert.strictEqual(why(profile.mapping), "needs-second-address")
      assert.strictEqual(why(profile.filtering), profile === udp ? "needs-change-request" : "needs-probe-back")
      assert.deepStrictEqual(known(profile.delta), cone.delta)
      assert.strictEqual(why(classicName(profile)), "needs-second-address")
      assert.include(inWords(profile), "name another server")
    }
  })

  it("two plain servers: endpoint-independent is known, the dependent kinds are not told apart", () => {
    const second = { ...plain, id: "second", ips: ["47.30.0.1", "47.30.0.1"] } as const
    const eim = behind(cone, otherThan(plain, second)).profiles.udp
    assert.strictEqual(known(eim.mapping), "endpoint-independent")
    assert.strictEqual(why(eim.filtering), "needs-change-request")
    const name = classicName(eim)
    assert.deepStrictEqual(name._tag === "Unknown" ? name.possible : [], [
      "full-cone",
      "restricted-cone",
      "port-restricted-cone"
    ])

    const dependent = behind(symmetric, otherThan(plain, second)).profiles.udp
    assert.strictEqual(why(dependent.mapping), "needs-second-port")
    const possible = dependent.mapping._tag === "Unknown" ? dependent.mapping.possible : []
    assert.deepStrictEqual(possible, ["address-dependent", "address-and-port-dependent"])
    assert.strictEqual(known(classicName(dependent)), "symmetric")
    honest(dependent, symmetric)
  })

  it("a dead server costs time, not truth", () => {
    const dead = { ...plain, id: "dead", udp: false, tcp: false, ips: ["48.40.0.1", "48.40.0.1"] } as const
    const configured = [...[full, plain].map(serverOf), { ...serverOf(dead), udp: true, tcp: true }]
    const measurement = behind(cone, { configured })
    for (const profile of Object.values(measurement.profiles)) {
      honest(profile, cone)
      assert.strictEqual(known(classicName(profile)), "restricted-cone")
    }
  })

  it("all servers dead: nothing is known but that", () => {
    const dead = { ...plain, id: "dead", ips: ["48.40.0.1", "48.40.0.1"] } as const
    const { udp } = behind(cone, { servers: [], configured: [serverOf(dead)] }).profiles
    assert.strictEqual(why(udp.blocked), "no-answer")
    assert.strictEqual(why(udp.mapping), "no-answer")
    assert.strictEqual(summary(udp).type, "unknown")
    assert.include(inWords(udp), "no answer over UDP from dead")
  })

  it("no server at all, and none for the transport", () => {
    const { udp } = behind(cone, { servers: [] }).profiles
    assert.strictEqual(why(udp.blocked), "no-server")
    const { tcp } = behind(cone, {
      configured: [full, plain].map((each) => serverOf(Object.assign({}, each, { tcp: false })))
    }).profiles
    assert.strictEqual(why(tcp.delta), "no-server")
    assert.include(inWords(tcp), "no server was given that speaks TCP over IPv4")
  })

  const deaf: ReadonlyArray<readonly [string, Partial<ServerRules>]> = [
    ["ignores CHANGE-REQUEST", { change: "ignores" }],
    ["refuses CHANGE-REQUEST", { change: "refuses" }],
    ["does not answer CHANGE-REQUEST", { change: "silent" }]
  ]
  for (const [words, rules] of deaf) {
    it(`a server that ${words}: filtering is not guessed`, () => {
      const { udp } = behind(cone, otherThan({ ...full, ...rules }, plain)).profiles
      honest(udp, cone)
      assert.strictEqual(known(udp.mapping), "endpoint-independent")
      assert.strictEqual(why(udp.filtering), "needs-change-request")
      assert.include(udp.filtering._tag === "Unknown" ? udp.filtering.detail : "", "server full")
      assert.notStrictEqual(udp.warnings.length, 0)
    })
  }

  it("one that does not obey behind a symmetric NAT is not believed with confidence", () => {
    const { udp } = behind(
      { ...symmetric, filtering: "endpoint-independent" },
      otherThan({ ...full, change: "silent" }, plain)
    ).profiles
    honest(udp, { ...symmetric, filtering: "endpoint-independent" })
  })

  it("RESPONSE-PORT proves behind a symmetric NAT that the server obeys", () => {
    const proven = behind(symmetric).profiles.udp
    const unproven = behind(symmetric, otherThan({ ...full, responsePort: false }, plain)).profiles.udp
    for (const { filtering } of [proven, unproven]) assert.strictEqual(known(filtering), symmetric.filtering)
    const sure = ({ filtering }: NatProfile): number => (filtering._tag === "Known" ? filtering.confidence : 0)
    assert.isAtLeast(sure(proven), CONFIDENT)
    assert.isBelow(sure(unproven), CONFIDENT)
  })

  const lies: ReadonlyArray<readonly [string, ServerRules["other"]]> = [
    ["an address where nobody is", { ip: "45.99.0.9", port: 3479 }],
    ["its own address", { ip: full.ips[0], port: 3479 }],
    ["its own port", { ip: full.ips[1], port: full.ports[0] }],
    ["a private address", { ip: "10.0.0.7", port: 3479 }],
    ["another server's", { ip: plain.ips[0], port: plain.ports[0] === 3478 ? 3479 : 3478 }],
    ["nothing", { ip: "0.0.0.0", port: 0 }]
  ]
  for (const [words, other] of lies) {
    it(`a server that names ${words} as its other endpoint`, () => {
      for (const rules of [cone, symmetric, { ...cone, filtering: "endpoint-independent" } as const]) {
        const { tcp, udp } = behind(rules, otherThan({ ...full, other, change: "silent" }, plain)).profiles
        honest(udp, rules)
        honest(tcp, rules)
        assert.notStrictEqual(udp.warnings.length, 0)
        assert.notStrictEqual(why(udp.filtering), "known")
      }
    })
  }

  it("a server that answers from elsewhere than it says is named, and believed where it proves something", () => {
    const rules: Rules = { ...cone, filtering: "endpoint-independent" }
    const { udp } = behind(rules, otherThan({ ...full, other: { ip: "45.10.0.3", port: 3479 } }, plain)).profiles
    assert.strictEqual(known(udp.filtering), "endpoint-independent")
    assert.include(udp.warnings.join(), "names 45.10.0.3:3479 as its other endpoint but answers from 45.10.0.2:3479")
  })

  it("of three servers, the one that sees another address is not believed", () => {
    const second = { ...plain, id: "second", ips: ["47.30.0.1", "47.30.0.1"] } as const
    const liar = { ...plain, id: "liar", ips: ["49.50.0.1", "49.50.0.1"], sees: "66.6.6.6" } as const
    const { udp } = behind(cone, otherThan(full, second, liar)).profiles
    honest(udp, cone)
    assert.strictEqual(NetAddress.formatIp(known(udp.external)), EXTERNAL)
    assert.include(udp.warnings.join(), "server liar sees us at 66.6.6.6")
    assert.strictEqual(known(classicName(udp)), "restricted-cone")
  })

  it("a server that sees another port than all addresses of another one: those are believed, not surely", () => {
    const observations = changed(behind(cone).observations, ({ outcome, server }) => {
      if (server !== "plain" || outcome._tag !== "Answered") return {}
      const { address, port } = outcome.mapped
      return { outcome: { ...outcome, mapped: NetAddress.inetAddressUnsafe(address, port + 1) } }
    })
    const { mapping } = verdict({ subject: { interface: "eth0", family: "IPv4", transport: "udp" }, observations })
    assert.strictEqual(known(mapping), "endpoint-independent")
    assert.isBelow(mapping._tag === "Known" ? mapping.confidence : 1, CONFIDENT)
  })

  it("two servers that disagree leave the address open, and it is not called public", () => {
    const liar = { ...plain, sees: "66.6.6.6" } as const
    const { udp } = behind(cone, otherThan(full, liar)).profiles
    assert.strictEqual(why(udp.external), "inconsistent")
    honest(udp, cone)
  })

  it("a server on this side of the outermost NAT is not believed against one outside", () => {
    const near = { ...plain, sees: "100.64.3.4" } as const
    const { udp } = behind(cone, otherThan(full, near)).profiles
    assert.strictEqual(NetAddress.formatIp(known(udp.external)), EXTERNAL)
    honest(udp, cone)
  })
})

describe("networks", () => {
  it("UDP blocked, TCP not", () => {
    const { udp, tcp } = measure({
      box: (random) => toyBox({ udp: { ...cone, blocked: true }, tcp: cone }, EXTERNAL, random),
      link: CLEAN,
      seed: 1
    }).profiles
    assert.strictEqual(known(classicName(udp)), "blocked")
    assert.isAtLeast(udp.blocked._tag === "Known" ? udp.blocked.confidence : 0, CONFIDENT)
    assert.strictEqual(why(udp.filtering), "blocked")
    assert.include(inWords(udp), "UDP does not get through")
    assert.strictEqual(known(classicName(tcp)), "restricted-cone")
  })

  it("nothing gets through: blocked, but not surely", () => {
    const { udp, tcp } = behind({ ...cone, blocked: true }).profiles
    for (const profile of [udp, tcp]) {
      assert.strictEqual(known(profile.blocked), true)
      assert.isBelow(profile.blocked._tag === "Known" ? profile.blocked.confidence : 1, CONFIDENT)
    }
  })

  it("several servers on one dead host, or on hosts where none runs: that is not called blocked", () => {
    const dead = ["45.99.0.1:3478", "45.99.0.1:3479", "45.99.0.1:3480"].map((endpoint) =>
      Object.assign(serverOf(full), { id: endpoint, endpoint: NetAddress.inetAddressFromStringUnsafe(endpoint) })
    )
    const { udp, tcp } = behind(cone, { configured: dead }).profiles
    for (const profile of [udp, tcp]) assert.strictEqual(why(profile.blocked), "no-answer")

    const { observations } = behind({ ...cone, blocked: true })
    const refused = changed(observations, ({ outcome, transport }) => ({
      outcome: transport === "tcp" && outcome._tag === "Silent" ? { _tag: "Refused" } : outcome
    }))
    for (const transport of ["udp", "tcp"] as const) {
      const subject = { interface: "eth0", family: "IPv4", transport } as const
      assert.strictEqual(why(verdict({ subject, observations: refused }).blocked), "no-answer")
    }
  })

  it("however many servers are silent over everything: blocked, but not surely", () => {
    const silent = Array.from({ length: 8 }, (_, index) => ({
      ...serverOf(full),
      id: `silent-${index}`,
      endpoint: NetAddress.inetAddressFromIpStringUnsafe(`45.99.0.${index}`, 3478)
    }))
    for (const profile of Object.values(behind(cone, { configured: silent }).profiles)) {
      assert.isBelow(profile.blocked._tag === "Known" ? profile.blocked.confidence : 1, CONFIDENT)
      honest(profile, cone)
    }
  })

  it("blocked on one interface: sure, where the server answers on another", () => {
    const one = otherThan(full)
    const wired = behind(cone, one).observations
    const wireless = changed(behind({ ...cone, blocked: true }, one).observations, () => ({ interface: "wlan0" }))
    const subject = { interface: "wlan0", family: "IPv4", transport: "udp" } as const
    assert.strictEqual(why(verdict({ subject, observations: wireless }).blocked), "no-answer")
    const both = verdict({ subject, observations: [...wired, ...wireless] }).blocked
    assert.strictEqual(known(both), true)
    assert.isAtLeast(both._tag === "Known" ? both.confidence : 0, CONFIDENT)
  })

  it("a server that refuses TCP may just not speak it: that is not called blocked", () => {
    const { tcp, udp } = behind(cone, {
      servers: [{ ...full, tcp: false }],
      configured: [serverOf(full)]
    }).profiles
    assert.strictEqual(known(classicName(udp)), "restricted-cone")
    assert.strictEqual(why(tcp.blocked), "no-answer")
    assert.include(inWords(tcp), "full refused TCP")
  })

  it("IPv6 only, behind a firewall", () => {
    const six: ServerRules = {
      ...full,
      ips: ["2a00:1450::1", "2a00:1450::2"],
      other: { ip: "2a00:1450::2", port: 3479 }
    }
    const rules: Rules = { ...cone, translated: false, filtering: "address-and-port-dependent" }
    const { profiles } = behind(rules, { inside: "2a02:8071::5", servers: [six, plain] })
    for (const profile of Object.values(profiles)) {
      assert.strictEqual(profile.family, "IPv6")
      assert.strictEqual(known(classicName(profile)), "symmetric-firewall")
      assert.strictEqual(NetAddress.formatIp(known(profile.external)), "2a02:8071::5")
    }
    const without = behind(rules, { inside: "2a02:8071::5", servers: [full, plain] }).profiles.udp
    assert.include(inWords(without), "no server was given that speaks UDP over IPv6")
  })

  it("nothing could be sent", () => {
    const observations = changed(behind(cone).observations, () => ({
      outcome: { _tag: "NotSent", detail: "the interface is down" }
    }))
    const udp = verdict({ subject: { interface: "eth0", family: "IPv4", transport: "udp" }, observations })
    assert.strictEqual(why(udp.mapping), "not-sent")
    assert.include(inWords(udp), "the interface is down")
  })

  it("no NAT, with and without a firewall", () => {
    const open = { ...cone, translated: false, filtering: "endpoint-independent" } as const
    const shut = { ...cone, translated: false, filtering: "address-and-port-dependent" } as const
    for (const [rules, name] of [
      [open, "open-internet"],
      [shut, "symmetric-firewall"]
    ] as const) {
      for (const profile of Object.values(behind(rules, { inside: EXTERNAL }).profiles)) {
        assert.strictEqual(known(classicName(profile)), name)
        assert.deepStrictEqual(known(profile.delta), { kind: "equal", step: 0 })
        assert.deepStrictEqual(known(profile.nats), { count: 0, exact: true, carrier: false })
        assert.strictEqual(why(profile.hairpin), "no-translation")
      }
    }
  })

  it("the address the router has outside tells one NAT from two", () => {
    const { observations } = behind(cone)
    const subject = { interface: "eth0", family: "IPv4", transport: "udp" } as const
    const seen = (gateway: string) =>
      known(verdict({ subject, observations, gateway: NetAddress.ipFromStringUnsafe(gateway) }).nats)
    assert.deepStrictEqual(seen(EXTERNAL), { count: 1, exact: true, carrier: false })
    assert.deepStrictEqual(seen("100.64.9.9"), { count: 2, exact: false, carrier: true })
    assert.deepStrictEqual(seen("192.168.0.2"), { count: 2, exact: false, carrier: false })
  })

  it("a server between two NATs shows both", () => {
    const natsWith = (sees: string) => behind(cone, otherThan(full, { ...plain, sees })).profiles.udp.nats
    assert.deepStrictEqual(known(natsWith("192.168.178.2")), { count: 2, exact: false, carrier: false })
    assert.deepStrictEqual(known(natsWith("100.64.3.4")), { count: 2, exact: false, carrier: true })
    assert.deepStrictEqual(known(natsWith("45.77.0.1")), { count: 1, exact: false, carrier: false })
    const lone = natsWith("192.168.178.2")
    assert.isBelow(lone._tag === "Known" ? lone.confidence : 1, CONFIDENT, "it may lie")
  })

  it("a carrier's NAT shows in the address", () => {
    const home = behind(cone, { inside: INSIDE }).profiles.udp
    assert.deepStrictEqual(known(home.nats), { count: 1, exact: false, carrier: false })
    const mobile = behind(cone, { inside: "100.70.1.2" }).profiles.udp
    assert.deepStrictEqual(known(mobile.nats), { count: 1, exact: false, carrier: true })
  })
})
