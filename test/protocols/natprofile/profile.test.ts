/** What a profile says besides its measured values: names, words, JSON, and lifetimes. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import { known, unknown } from "../../../src/protocols/natprofile/confidence.ts"
import { lifetimePlan } from "../../../src/protocols/natprofile/lifetime.ts"
import { classicName, nameOf } from "../../../src/protocols/natprofile/names.ts"
import { summary } from "../../../src/protocols/natprofile/summary.ts"
import { verdict } from "../../../src/protocols/natprofile/verdict.ts"
import { inWords } from "../../../src/protocols/natprofile/words.ts"
import { natUdp, portNat } from "../../../src/protocols/nat/devices/rules.ts"
import type { Dependence, NatDevice } from "../../../src/schemas/NatDevice.ts"
import { NatObservation } from "../../../src/schemas/NatObservation.ts"
import { type ClassicName, type Delta, NatProfile, NatSummary } from "../../../src/schemas/NatProfile.ts"
import { luck } from "../../lab/support/random.ts"
import { toyBox } from "./lab/Box.ts"
import { Internet } from "./lab/Internet.ts"
import { modelBox } from "./lab/modelBox.ts"
import { Prober } from "./lab/Prober.ts"
import { CLEAN, EXTERNAL, full, INSIDE, measure, serverOf } from "./lab/scenario.ts"
import { Timeline } from "./lab/timeline.ts"

const EIM = "endpoint-independent"
const ADM = "address-dependent"
const APDM = "address-and-port-dependent"

const base: NatProfile = {
  interface: "eth0",
  family: "IPv4",
  transport: "udp",
  blocked: known(false, 0.99, ["b"]),
  external: known(NetAddress.ipFromStringUnsafe("11.22.33.10"), 0.9, ["e"]),
  translated: known(true, 0.98, ["t"]),
  mapping: known(EIM, 0.97, ["m"]),
  filtering: known(ADM, 0.96, ["f"]),
  delta: known({ kind: "independent", step: 2 }, 0.95, ["d"]),
  range: unknown("not-visible", "no end was seen"),
  unsolicited: unknown("not-visible", "nobody can see"),
  hairpin: known(true, 0.99, ["h"]),
  lifetime: unknown("not-asked", "minutes"),
  nats: known({ count: 1, exact: false, carrier: false }, 0.99, ["t"]),
  noise: known(2, 0.3, ["d"]),
  warnings: ["server x lies"]
}

describe("classic names", () => {
  const table: ReadonlyArray<readonly [boolean, Dependence, Dependence, ClassicName]> = [
    [false, EIM, EIM, "open-internet"],
    [false, EIM, ADM, "symmetric-firewall"],
    [false, EIM, APDM, "symmetric-firewall"],
    [true, EIM, EIM, "full-cone"],
    [true, EIM, ADM, "restricted-cone"],
    [true, EIM, APDM, "port-restricted-cone"],
    [true, ADM, EIM, "symmetric"],
    [true, ADM, APDM, "symmetric"],
    [true, APDM, EIM, "symmetric"],
    [true, APDM, APDM, "symmetric"]
  ]
  for (const [translated, mapping, filtering, name] of table) {
    it(`${translated ? "a NAT" : "no NAT"}, ${mapping} mapping, ${filtering} filtering: ${name}`, () => {
      assert.strictEqual(nameOf(translated, mapping, filtering), name)
    })
  }

  it("have the confidence of the weakest part that matters", () => {
    const cone = classicName(base)
    assert.deepStrictEqual(cone, known("restricted-cone", 0.96, ["t", "m", "f"]))
    const symmetric = classicName({
      ...base,
      mapping: known(APDM, 0.7, ["m"]),
      filtering: unknown("needs-change-request", "")
    })
    assert.deepStrictEqual(symmetric, known("symmetric", 0.7, ["t", "m"]))
  })

  it("are unknown where several are left, and say which", () => {
    const open = classicName({ ...base, filtering: unknown("needs-change-request", "needs a server", ["x"]) })
    assert.deepStrictEqual(
      open,
      unknown("needs-change-request", "needs a server", ["x"], ["full-cone", "restricted-cone", "port-restricted-cone"])
    )
    const half = classicName({ ...base, mapping: unknown("needs-second-address", "needs another", [], [EIM, ADM]) })
    assert.deepStrictEqual(half._tag === "Unknown" ? half.possible : [], ["restricted-cone", "symmetric"])
  })

  it("need no other part when something rules all others out", () => {
    const dependent = classicName({ ...base, mapping: unknown("needs-second-port", "", [], [ADM, APDM]) })
    assert.strictEqual(dependent._tag === "Known" ? dependent.value : "", "symmetric")
    assert.strictEqual(classicName({ ...base, blocked: known(true, 0.75, ["b"]) })._tag, "Known")
  })
})

describe("JSON", () => {
  const measured = measure({
    box: (random) =>
      toyBox(
        {
          udp: {
            translated: true,
            mapping: EIM,
            filtering: EIM,
            delta: { kind: "preserving", step: -3 },
            range: [1024, 65_535],
            unsolicited: "drop",
            hairpin: true,
            blocked: false
          },
          tcp: {
            translated: true,
            mapping: APDM,
            filtering: APDM,
            delta: { kind: "dependent", step: 5 },
            range: [1024, 65_535],
            unsolicited: "rst",
            hairpin: true,
            blocked: false
          }
        },
        EXTERNAL,
        random
      ),
    link: CLEAN,
    seed: 11
  })

  it("profiles and observations go there and back", () => {
    for (const profile of [...Object.values(measured.profiles), base]) {
      const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(NatProfile)(profile)))
      assert.deepStrictEqual(Schema.decodeUnknownSync(NatProfile)(json), profile)
    }
    for (const observation of measured.observations) {
      const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(NatObservation)(observation)))
      // JSON has no undefined.
      assert.strictEqual(JSON.stringify(Schema.decodeUnknownSync(NatObservation)(json)), JSON.stringify(observation))
    }
  })

  it("evidence names observations there are", () => {
    const ids = new Set(measured.observations.map(({ id }) => id))
    assert.strictEqual(ids.size, measured.observations.length)
    for (const profile of Object.values(measured.profiles)) {
      for (const { observations } of Object.values(summary(profile).evidence)) {
        for (const id of observations) assert.isTrue(ids.has(id), id)
      }
      for (const part of [profile.mapping, profile.filtering, profile.delta]) assert.isNotEmpty(part.evidence)
    }
  })

  it("a profile as one flat object", () => {
    const [udp, tcp] = Object.values(measured.profiles).map(summary)
    const fields = ({ evidence: _, ...rest }: NatSummary): unknown => ({ ...rest, confidence: rest.confidence > 0.9 })
    const common = { interface: "eth0", family: "IPv4", external: EXTERNAL, confidence: true, warnings: [] }
    assert.deepStrictEqual(fields(udp!), {
      ...common,
      transport: "udp",
      type: "full-cone",
      mapping: EIM,
      filtering: EIM,
      delta: { kind: "preserving", step: -3 },
      range: [1024, 65_535],
      unsolicited: "unknown",
      hairpin: true,
      lifetime: "unknown",
      nats: { count: 1, exact: false, carrier: false }
    })
    assert.deepInclude(fields(tcp!), {
      transport: "tcp",
      type: "symmetric",
      mapping: APDM,
      filtering: APDM,
      delta: { kind: "dependent", step: 5 },
      unsolicited: "rst",
      hairpin: "unknown"
    })
    assert.strictEqual(tcp!.evidence["hairpin"]!.reason, "not-addressable")
    for (const each of [udp!, tcp!]) {
      assert.deepStrictEqual(Schema.decodeUnknownSync(NatSummary)(JSON.parse(JSON.stringify(each))), each)
    }
  })

  it("unknown is written out", () => {
    const nothing = summary({
      ...base,
      delta: unknown("too-few-answers", "x"),
      filtering: unknown("needs-change-request", "y")
    })
    assert.deepStrictEqual(nothing.delta, { kind: "unknown", step: "unknown" })
    assert.strictEqual(nothing.type, "unknown")
    assert.strictEqual(nothing.confidence, 0)
    assert.strictEqual(nothing.evidence["filtering"]!.detail, "y")
  })

  it("a confidence of zero is not known, and an empty range is none", () => {
    const decode = Schema.decodeUnknownExit(NatProfile)
    const json = Schema.encodeSync(NatProfile)(base)
    assert.strictEqual(decode(json)._tag, "Success")
    assert.strictEqual(
      decode({ ...json, hairpin: { _tag: "Known", value: true, confidence: 0, evidence: [] } })._tag,
      "Failure"
    )
    assert.strictEqual(
      decode({ ...json, range: { _tag: "Known", value: [2000, 1000], confidence: 1, evidence: [] } })._tag,
      "Failure"
    )
    assert.strictEqual(
      decode({ ...json, hairpin: { _tag: "Unknown", reason: "no idea", detail: "", evidence: [] } })._tag,
      "Failure"
    )
  })
})

describe("words for people", () => {
  const delta = (value: Delta, confidence = 0.95): NatProfile["delta"] => known(value, confidence, [])
  const table: ReadonlyArray<readonly [NatProfile, string]> = [
    [
      { ...base, mapping: known(APDM, 0.99, []) },
      "Your router gives each new connection the next port, +2, and another one for each peer; peers can reach you by prediction."
    ],
    [
      { ...base, mapping: known(APDM, 0.99, []), delta: delta({ kind: "independent", step: -1 }, 0.8) },
      "Your router gives each new connection the previous port, −1 (80 % sure), and another one for each peer; peers can reach you by prediction."
    ],
    [
      { ...base, mapping: known(APDM, 0.99, []), delta: delta({ kind: "random", step: 0 }) },
      "Your router gives each new connection a random port, and another one for each peer; peers can reach you only by many guesses, or by a relay."
    ],
    [
      { ...base, delta: delta({ kind: "equal", step: 0 }), filtering: known(APDM, 0.99, []) },
      "Your router keeps the port of each connection, the same one for all peers; peers can reach you there once you have sent to them."
    ],
    [
      { ...base, delta: delta({ kind: "preserving", step: -1000 }), filtering: known(EIM, 0.99, []) },
      "Your router moves the port of each connection by −1000, the same one for all peers; anybody can reach you there."
    ],
    [
      { ...base, delta: delta({ kind: "dependent", step: 5 }) },
      "Your router gives connections from neighbouring ports neighbouring ones, +5, and others random ones, the same one for all peers; peers can reach you there once you have sent to their address."
    ],
    [
      { ...base, translated: known(false, 0.99, []), filtering: known(EIM, 0.99, []) },
      "Nothing stands between this machine and the internet: peers can reach it at its own address."
    ],
    [
      { ...base, translated: known(false, 0.99, []) },
      "A firewall, and no NAT: peers get in once this machine has sent to them."
    ],
    [
      { ...base, blocked: known(true, 0.75, []) },
      "UDP does not get through (75 % sure): peers can be reached over it by no way at all."
    ],
    [
      { ...base, blocked: unknown("no-server", "no server was given that speaks UDP over IPv4") },
      "Nothing is known of UDP: no server was given that speaks UDP over IPv4."
    ]
  ]
  for (const [profile, words] of table) {
    it(`${words}`, () => {
      assert.strictEqual(inWords(profile), words)
    })
  }
})

describe("lifetime", () => {
  const device = (replied: number): NatDevice => ({
    name: "short",
    summary: "A NAT that forgets.",
    ipv4: portNat({ udp: natUdp({ timeouts: { unreplied: replied, replied } }) }),
    ipv6: { _tag: "Absent" }
  })
  const lifetimeOf = (replied: number, more: object = {}) => {
    const random = luck(7).next
    const time = new Timeline()
    const net = new Internet(time, modelBox(device(replied), EXTERNAL, random), CLEAN, [{ ...full, ...more }], random)
    const route = { interface: "eth0", family: "IPv4", address: NetAddress.ipFromStringUnsafe(INSIDE) } as const
    const server = serverOf(full)
    const prober = new Prober(net, route, [server])
    prober.run(lifetimePlan(route, { server, roundTrip: 50, mapped: server.endpoint, other: undefined }))
    time.run(() => prober.done)
    const { lifetime } = verdict({
      subject: { interface: "eth0", family: "IPv4", transport: "udp" },
      observations: prober.observations
    })
    return lifetime
  }

  it("is found between two of the times tried", () => {
    for (const [replied, expected] of [
      [30_000, { atLeast: 28_000, below: 32_000 }],
      [120_000, { atLeast: 118_000, below: 122_000 }],
      [150_000, { atLeast: 122_000, below: 178_000 }]
    ] as const) {
      const found = lifetimeOf(replied)
      assert.deepStrictEqual(found._tag === "Known" ? found.value : found, expected)
    }
  })

  it("is at least the longest time tried", () => {
    const found = lifetimeOf(600_000)
    assert.deepStrictEqual(found._tag === "Known" ? found.value : found, { atLeast: 302_000 })
  })

  it("needs a server that honours RESPONSE-PORT", () => {
    const found = lifetimeOf(30_000, { responsePort: false })
    assert.strictEqual(found._tag === "Unknown" ? found.reason : "", "needs-response-port")
  })
})
