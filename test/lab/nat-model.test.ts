/**
 * The NAT model against the Linux kernel: the same packets into both, the same packets out of both.
 *
 * The kernel goes first. Where a rule leaves the port to luck, the model is given the luck that makes it choose the kernel's
 * port: whatever else it would have chosen shows as a difference, and from there on both hold the same ports.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { deviceNamed } from "../../src/protocols/nat/devices/devices.ts"
import {
  blocked,
  type both,
  firewall,
  firewallTcp,
  firewallUdp,
  natTcp,
  natUdp,
  portNat
} from "../../src/protocols/nat/devices/rules.ts"
import * as Nat from "../../src/protocols/nat/Nat.ts"
import type { Verdict } from "../../src/protocols/nat/Verdict.ts"
import { decode } from "../../src/protocols/packet/decode.ts"
import { encode } from "../../src/protocols/packet/encode.ts"
import * as Ip from "../../src/protocols/packet/Ip.ts"
import type { IpPacket } from "../../src/protocols/packet/IpPacket.ts"
import * as Packet from "../../src/protocols/packet/IpPacket.ts"
import type { FamilyRules, PortNat } from "../../src/schemas/NatDevice.ts"
import type { Emerged } from "./support/NatLab.ts"
import { LAN_ROUTER, LAN_ROUTER_6, NatLab, unavailable } from "./support/NatLab.ts"
import { luck } from "./support/random.ts"
import { OUTSIDE, rulesets } from "./support/rulesets.ts"
import type { Limits } from "./support/script.ts"
import { insiders, Script } from "./support/script.ts"

const STEPS = 400
const SEEDS = [1, 2, 3, 4]

/** What came out, as text: side, packet, hop count, payload. Of an ICMP error, whom and what it is about. */
const describePacket = (side: string, packet: IpPacket): string => {
  const payload = packet._tag === "IcmpError" ? "" : ` ${Buffer.from(packet.payload).toString("hex")}`
  return `${side}: ${Packet.format(packet)}, ttl ${packet.ttl}${payload}`
}

// What conntrack calls invalid a NAT without a rule against it passes on untranslated; no neighbour would take it.
const leaked = (rules: FamilyRules, packet: IpPacket): boolean =>
  rules._tag !== "Firewall" && insiders.includes(packet.src)

const ofKernel = (rules: FamilyRules, emerged: Emerged): ReadonlyArray<string> => {
  const read = (bytes: Uint8Array): IpPacket => Result.getOrThrow(decode(bytes))
  const outside = emerged.outside.map(read).filter((packet) => !leaked(rules, packet))
  return [
    ...emerged.inside.map((bytes) => describePacket("inside", read(bytes))),
    ...outside.map((packet) => describePacket("outside", packet))
  ]
}

const ofModel = (from: string, verdict: Verdict): ReadonlyArray<string> => {
  if (verdict._tag === "Drop") return []
  return [describePacket(verdict._tag === "Forward" ? verdict.side : from, verdict.packet)]
}

/** The luck that makes the model choose the port the kernel chose. */
const luckOf = (rules: FamilyRules, emerged: Emerged): (() => number) => {
  const bytes = emerged.outside[0]
  const sent = bytes === undefined ? undefined : Result.getOrThrow(decode(bytes))
  if (rules._tag !== "PortNat" || (sent?._tag !== "Udp" && sent?._tag !== "Tcp")) return () => 0
  const transport = sent._tag === "Udp" ? rules.udp : rules.tcp
  if (transport._tag === "Blocked") return () => 0
  const first = Math.max(1024, transport.range.first)
  return () => (sent.srcPort - first + 0.5) / (transport.range.last - first + 1)
}

const compare = (name: string, ruleset: string, rules: FamilyRules, limits: Limits, seed: number): void => {
  const model = Nat.make(
    { name: "model", summary: name, ipv4: rules, ipv6: rules },
    { external: [Ip.fromStringUnsafe(OUTSIDE)], inside: [LAN_ROUTER, LAN_ROUTER_6].map(Ip.fromStringUnsafe) }
  )
  const script = new Script(luck(seed), limits)
  const trace: Array<string> = []
  const seen = { refused: 0, inside: 0, outside: 0 }
  const lab = new NatLab(ruleset)
  try {
    for (let at = 0; at < STEPS; at++) {
      const step = script.next()
      const bytes = Result.getOrThrow(encode(step.packet))
      const inside = step.from === "inside"
      const emerged = inside ? lab.fromInside(bytes) : lab.fromOutside(bytes)
      const verdict = inside ? model.outbound(step.packet, at, luckOf(rules, emerged)) : model.inbound(step.packet, at)
      const kernel = ofKernel(rules, emerged)
      const why = verdict._tag === "Forward" ? "" : ` (${verdict.reason})`
      trace.push(
        `${at} from ${step.from}: ${Packet.format(step.packet)}\n   kernel: ${kernel.join(" + ") || "nothing"}`
      )
      assert.deepStrictEqual(
        ofModel(step.from, verdict),
        kernel,
        `${name}, seed ${seed}, model${why} against kernel, after\n${trace.slice(-10).join("\n")}\n`
      )
      script.learn(step, verdict)
      seen[verdict._tag === "Forward" ? verdict.side : "refused"] += 1
    }
  } finally {
    lab.close()
  }
  // A script that nothing gets through, or everything, would compare nothing.
  assert.isAbove(seen.refused, STEPS / 80, name)
  if (name.startsWith("all")) return
  assert.isAbove(seen.inside, STEPS / 20, name)
  assert.isAbove(seen.outside, STEPS / 20, name)
}

const ipv4Of = (name: string): FamilyRules => Result.getOrThrow(deviceNamed(name)).ipv4

// Differences of Linux that are not the point of a rule set: it takes up connections in the middle, and refuses packets to
// its own outside address as a host would.
const linux = (rules: Parameters<typeof both>[0]): PortNat =>
  portNat({
    udp: natUdp(rules),
    tcp: natTcp({ ...rules, onReset: "flow-if-unanswered", pickup: true }),
    hairpinning: "refused"
  })

const learned = { ownPorts: true, noResets: true }

const byFlow = {
  mapping: "address-and-port-dependent",
  filtering: "address-and-port-dependent",
  overloading: true
} as const

const reason = unavailable()
if (reason !== undefined) console.warn(`The NAT model is not compared with the kernel: ${reason}.`)

interface Case {
  readonly name: string
  readonly ruleset: string
  readonly rules: FamilyRules
  readonly limits?: Limits | undefined
}

const stateful = firewall({ udp: firewallUdp(), tcp: firewallTcp({ onReset: "flow-if-unanswered", pickup: true }) })

const cases: ReadonlyArray<Case> = [
  { name: "linux-router", ruleset: rulesets.plain, rules: ipv4Of("linux-router"), limits: { hairpin: "any" } },
  { name: "openwrt", ruleset: rulesets.refusing, rules: ipv4Of("openwrt"), limits: { hairpin: "any" } },
  {
    name: "linux-masquerade-bare",
    ruleset: rulesets.masquerade,
    rules: ipv4Of("linux-masquerade-bare"),
    limits: { hairpin: "any" }
  },
  {
    name: "random ports for each flow",
    ruleset: rulesets.randomByFlow,
    rules: linux({ ...byFlow, allocation: { _tag: "Random" }, range: { first: 35_000, last: 65_535 } })
  },
  {
    name: "ports counted up by 3 for each flow",
    ruleset: rulesets.countingByFlow,
    rules: linux({ ...byFlow, allocation: { _tag: "Independent", step: 3 }, range: { first: 40_000, last: 42_999 } })
  },
  {
    name: "ports moved by 1000",
    ruleset: rulesets.moved,
    rules: linux({ ...byFlow, allocation: { _tag: "Preserving", offset: 1000 } }),
    limits: { ownPorts: true }
  },
  {
    name: "full cone with hairpinning",
    ruleset: rulesets.fullCone,
    rules: { ...linux({ filtering: "endpoint-independent" }), hairpinning: "external-source" },
    limits: { ...learned, hairpin: "mapped" }
  },
  {
    name: "restricted cone with random ports",
    ruleset: rulesets.restrictedConeRandom,
    rules: linux({ filtering: "address-dependent", allocation: { _tag: "Random" } }),
    limits: learned
  },
  {
    name: "port-restricted cone with ports counted up",
    ruleset: rulesets.portRestrictedConeCounting,
    rules: linux({ allocation: { _tag: "Independent", step: 1 }, range: { first: 40_000, last: 40_999 } }),
    limits: learned
  },
  { name: "firewall", ruleset: rulesets.firewall, rules: stateful, limits: { strangersTo: "insiders" } },
  {
    name: "IPv6 firewall",
    ruleset: rulesets.firewall,
    rules: stateful,
    limits: { strangersTo: "insiders", family: 6 }
  },
  { name: "UDP blocked", ruleset: rulesets.udpBlocked, rules: { ...linux(byFlow), udp: blocked() } },
  {
    name: "all blocked",
    ruleset: rulesets.allBlocked,
    rules: portNat({ udp: blocked(), tcp: blocked(), icmp: "blocked", hairpinning: "refused" })
  }
]

describe.skipIf(reason !== undefined)("the NAT model does what the Linux kernel does", () => {
  it.each(cases)("$name", ({ limits = {}, name, rules, ruleset }) => {
    for (const seed of SEEDS) compare(name, ruleset, rules, limits, seed)
  })
})
