/**
 * What must hold after every packet, whatever came before: checked on every device and on random ones under random traffic,
 * from the packets that passed and the list of mappings alone.
 */
import { assert, describe, it } from "@effect/vitest"
import { devices } from "../../../src/protocols/nat/devices/devices.ts"
import * as Nat from "../../../src/protocols/nat/Nat.ts"
import type { Endpointed } from "../../../src/protocols/packet/IpPacket.ts"
import * as Packet from "../../../src/protocols/packet/IpPacket.ts"
import type { FamilyRules, NatTcp, NatUdp } from "../../../src/schemas/NatDevice.ts"
import { luck } from "../../lab/support/random.ts"
import { net4, net6, type Net, randomInbound, randomOutbound, randomRules } from "./traffic.ts"

type Stateful = Exclude<FamilyRules, { readonly _tag: "Absent" | "Routed" }>

const near = (packet: Endpointed): string =>
  `${packet._tag} ${packet.src} ${packet._tag === "Echo" ? packet.id : packet.srcPort}`
const toNear = (packet: Endpointed): string =>
  `${packet._tag} ${packet.dst} ${packet._tag === "Echo" ? packet.id : packet.dstPort}`
const far = (packet: Endpointed): string => `${packet.dst} ${packet._tag === "Echo" ? 0 : packet.dstPort}`
const fromFar = (packet: Endpointed): string => `${packet.src} ${packet._tag === "Echo" ? 0 : packet.srcPort}`

const natRules = (rules: Stateful, transport: "Udp" | "Tcp"): NatUdp | NatTcp | undefined => {
  if (rules._tag !== "PortNat") return undefined
  const own = transport === "Udp" ? rules.udp : rules.tcp
  return own._tag === "Blocked" ? undefined : own
}

const filteringOf = (rules: Stateful, transport: Endpointed["_tag"]): string => {
  const own = transport === "Tcp" ? rules.tcp : rules.udp
  if (own._tag === "Blocked") return "address-dependent"
  if (transport !== "Echo") return own.filtering
  return own.filtering === "open" ? "open" : "address-dependent"
}

const play = (name: string, rules: Stateful, net: Net, seed: number, steps: number, pause: number): number => {
  const random = luck(seed)
  const nat = Nat.make({ name: "played", summary: name, ipv4: rules, ipv6: rules }, { external: net.external })
  const targets = rules._tag === "Firewall" ? net.insiders : net.external
  const left: Array<Endpointed> = []
  /** Outside end and remote to the inside end that sent there last; inside end to the remotes it ever sent to. */
  const owners = new Map<string, string>()
  const asked = new Map<string, Set<string>>()
  let entered = 0
  let now = 0
  for (let at = 0; at < steps; at++) {
    now += 1 + random.below(random.chance(0.1) ? pause : Math.min(pause, 20))
    const inbound = random.chance(0.45)
    const packet = inbound ? randomInbound(random, net, left, targets) : randomOutbound(random, net)
    const verdict = inbound ? nat.inbound(packet, now) : nat.outbound(packet, now, random.next)
    // A packet to the device itself opens its sender's side even where it may not enter: so two hosts can meet behind it.
    if (!inbound && (verdict._tag === "Forward" || net.external.includes(packet.dst))) {
      const remotes = asked.get(near(packet)) ?? new Set()
      asked.set(near(packet), remotes.add(far(packet)).add(packet.dst).add("anyone"))
    }
    const context = `${name}, seed ${seed}, step ${at}: ${Packet.format(packet)}`
    if (verdict._tag === "Forward" && verdict.packet._tag !== "IcmpError") {
      const passed = verdict.packet
      assert.strictEqual(passed.payload, packet.payload, `the payload itself; ${context}`)
      assert.strictEqual(passed.ttl, packet.ttl - 1, context)
      if (verdict.side === "outside") {
        left.push(passed)
        owners.set(`${near(passed)} ${far(passed)}`, near(packet))
      }
      if (inbound) {
        entered += 1
        const inside = asked.get(toNear(passed))
        const filtering = filteringOf(rules, packet._tag)
        const needed =
          filtering === "endpoint-independent"
            ? "anyone"
            : filtering === "address-dependent"
              ? packet.src
              : fromFar(packet)
        assert.isTrue(filtering === "open" || inside?.has(needed) === true, `let in unasked: ${context}`)
        const owner = owners.get(`${toNear(packet)} ${fromFar(packet)}`)
        const stillMapped = nat
          .mappings(now)
          .some(
            (m) =>
              `${m.transport} ${m.inside} ${m.insidePort}` === owner &&
              `${m.transport} ${m.outside} ${m.outsidePort}` === toNear(packet)
          )
        if (stillMapped) assert.strictEqual(toNear(passed), owner, `an answer goes to who asked; ${context}`)
      }
    }
    checkMappings(nat, rules, now, context)
  }
  return entered
}

const checkMappings = (nat: Nat.Nat, rules: Stateful, now: number, context: string): void => {
  const mappings = nat.mappings(now)
  const outsides = new Map<string, Nat.MappingFacts>()
  const perHost = new Map<string, number>()
  const insides = new Set<string>()
  for (const mapping of mappings) {
    const own = natRules(rules, mapping.transport)
    const flows = mapping.remotes.map(
      (remote) => `${mapping.transport} ${mapping.outside} ${mapping.outsidePort} ${remote.ip} ${remote.port}`
    )
    const shared =
      own?.overloading === true ? flows : [`${mapping.transport} ${mapping.outside} ${mapping.outsidePort}`]
    for (const key of shared) {
      assert.isFalse(outsides.has(key), `4787 REQ-3: ${key} twice; ${context}`)
      outsides.set(key, mapping)
    }
    assert.isAbove(mapping.expiresAt, now, context)
    if (own === undefined) {
      assert.strictEqual(mapping.outsidePort, mapping.insidePort, context)
      if (rules._tag === "Firewall") assert.strictEqual(mapping.outside, mapping.inside, context)
      continue
    }
    const { first, last } = own.range
    assert.isTrue(
      mapping.outsidePort >= first && mapping.outsidePort <= last,
      `outside port ${mapping.outsidePort}; ${context}`
    )
    if (own.parity) assert.strictEqual(mapping.outsidePort % 2, mapping.insidePort % 2, `4787 REQ-4; ${context}`)
    if (own.mapping === "endpoint-independent") {
      const inside = `${mapping.transport} ${mapping.inside} ${mapping.insidePort}`
      assert.isFalse(insides.has(inside), `4787 REQ-1: ${inside} is mapped twice; ${context}`)
      insides.add(inside)
    }
    perHost.set(mapping.inside, (perHost.get(mapping.inside) ?? 0) + 1)
  }
  if (rules.tableSize !== undefined) assert.isAtMost(nat.flowCount, rules.tableSize, context)
  if (rules._tag !== "PortNat") return
  if (rules.portQuota !== undefined) {
    for (const [host, count] of perHost)
      assert.isAtMost(count, rules.portQuota, `${host} holds ${count} ports; ${context}`)
  }
  if (rules.pooling !== "paired") return
  for (const host of perHost.keys()) {
    const addresses = new Set(mappings.filter((mapping) => mapping.inside === host).map((mapping) => mapping.outside))
    assert.strictEqual(addresses.size, 1, `4787 REQ-2: ${host}; ${context}`)
  }
}

const stateful = (rules: FamilyRules): rules is Stateful => rules._tag !== "Absent" && rules._tag !== "Routed"

describe("after every packet", () => {
  it("mappings, ports, filters, quotas and tables are as every device says", () => {
    for (const device of devices) {
      if (stateful(device.ipv4)) play(device.name, device.ipv4, net4, 5, 150, 200_000)
      if (stateful(device.ipv6)) play(device.name, device.ipv6, net6, 6, 150, 200_000)
    }
  })

  it("and as random devices say", () => {
    let entered = 0
    for (let seed = 1; seed <= 100; seed++)
      entered += play(`random device ${seed}`, randomRules(luck(seed)), net4, seed + 1, 150, 300)
    assert.isAbove(entered, 1000, "packets that came in")
  })
})
