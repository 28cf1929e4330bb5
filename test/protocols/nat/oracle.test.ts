/** The model against the oracle: every device there is, and random ones, under random traffic. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { devices } from "../../../src/protocols/nat/devices/devices.ts"
import * as Nat from "../../../src/protocols/nat/Nat.ts"
import type { Verdict } from "../../../src/protocols/nat/Verdict.ts"
import type { Endpointed } from "../../../src/protocols/packet/IpPacket.ts"
import * as Packet from "../../../src/protocols/packet/IpPacket.ts"
import type { FamilyRules, NatDevice } from "../../../src/schemas/NatDevice.ts"
import { type Luck, luck } from "../../lab/support/random.ts"
import type { End, Expected } from "./oracle.ts"
import { inWords, Oracle } from "./oracle.ts"
import { net4, net6, type Net, randomInbound, randomOutbound, randomRules, sharingRules } from "./traffic.ts"

interface Run {
  readonly name: string
  readonly rules: FamilyRules
  readonly seed: number
  readonly steps: number
  readonly net: Net
  /** The longest pause between packets, in ms: some of them outlast the device's timeouts. */
  readonly pause: number
}

/** What the model chose for the flow of this packet, as far as it shows. */
const choiceOf = (nat: Nat.Nat, packet: Endpointed, verdict: Verdict, now: number): End | undefined => {
  if (verdict._tag === "Forward" && verdict.side === "outside" && verdict.packet._tag !== "IcmpError") {
    const { packet: sent } = verdict
    return { ip: sent.src, port: sent._tag === "Echo" ? sent.id : sent.srcPort }
  }
  if (packet._tag === "Echo") return undefined
  const mapping = nat
    .mappings(now)
    .find(
      (facts) =>
        facts.transport === packet._tag &&
        facts.inside === packet.src &&
        facts.insidePort === packet.srcPort &&
        facts.remotes.some((remote) => remote.ip === packet.dst && remote.port === packet.dstPort)
    )
  return mapping === undefined ? undefined : { ip: mapping.outside, port: mapping.outsidePort }
}

/** Plays the run; gives how often each kind of verdict came. */
const play = ({ name, net, pause, rules, seed, steps }: Run): Map<string, number> => {
  const counts = new Map<string, number>()
  if (rules._tag === "Absent" || rules._tag === "Routed") return counts
  const device: NatDevice = { name: "played", summary: name, ipv4: rules, ipv6: rules }
  const random: Luck = luck(seed)
  const external = random.chance(0.5) ? net.external : net.external.slice(0, 1)
  const nat = Nat.make(device, { external })
  const oracle = new Oracle(rules, external)
  const targets = rules._tag === "Firewall" ? net.insiders : external
  const left: Array<Endpointed> = []
  const trace: Array<string> = []
  let now = 0
  for (let at = 0; at < steps; at++) {
    now += 1 + random.below(random.chance(0.1) ? pause : Math.min(pause, 20))
    const kind = random.next()
    if (kind < 0.04) {
      askForMapping(nat, oracle, net, now, random)
      continue
    }
    const inbound = kind > 0.55
    const packet = inbound ? randomInbound(random, net, left, targets) : randomOutbound(random, net)
    const verdict = inbound ? nat.inbound(packet, now) : nat.outbound(packet, now, random.next)
    trace.push(`${now} ms ${inbound ? "in" : "out"} ${Packet.format(packet)}: ${JSON.stringify(inWords(verdict))}`)
    const context = () => `${name}, seed ${seed}:\n${trace.slice(-12).join("\n")}\nrules ${JSON.stringify(rules)}`
    let expected: Expected
    try {
      expected = inbound
        ? oracle.inbound(packet, now)
        : oracle.outbound(packet, now, choiceOf(nat, packet, verdict, now))
    } catch (cause) {
      throw new Error(`${String(cause)}\n${context()}`, { cause })
    }
    assert.deepStrictEqual(inWords(verdict), expected, context())
    assert.strictEqual(nat.flowCount, oracle.flows.length, `flows after ${context()}`)
    if (verdict._tag === "Forward" && verdict.side === "outside") left.push(verdict.packet as Endpointed)
    const key = expected.tag === "Forward" ? `to ${expected.side}` : `${expected.tag}: ${expected.reason}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

const askForMapping = (nat: Nat.Nat, oracle: Oracle, net: Net, now: number, random: Luck): void => {
  const transport = random.pick(["Udp", "Tcp"] as const)
  const inside: End = { ip: random.pick(net.insiders), port: random.pick(net.insidePorts) }
  if (random.chance(0.3)) {
    const done = nat.removeMapping({ transport, inside: inside.ip, insidePort: inside.port }, now)
    assert.strictEqual(done, oracle.unfix(transport, inside, now))
    return
  }
  const outsidePort = random.chance(0.5) ? random.pick(net.insidePorts) : undefined
  const lifetime = random.chance(0.8) ? 50 + random.below(300) : undefined
  const request = { transport, inside: inside.ip, insidePort: inside.port, outsidePort, lifetime }
  const result = nat.addMapping(request, now, random.next)
  const got = Result.match(result, {
    onFailure: (reason) => reason,
    onSuccess: (facts): End | string => ({ ip: facts.outside, port: facts.outsidePort })
  })
  oracle.fix(transport, inside, outsidePort, lifetime === undefined ? Infinity : now + lifetime, now, got)
}

describe("the oracle agrees with the model", () => {
  it.each(devices.map((device) => ({ name: device.name, device })))("$name", ({ device, name }) => {
    for (const seed of [1, 2]) {
      play({ name, rules: device.ipv4, seed, steps: 300, net: net4, pause: 200_000 })
      play({ name, rules: device.ipv6, seed, steps: 300, net: net6, pause: 200_000 })
    }
  })

  it("on devices that share ports as Linux does", () => {
    for (let seed = 1; seed <= 40; seed++) {
      play({ name: "sharing", rules: sharingRules(luck(seed)), seed, steps: 250, net: net4, pause: 300 })
    }
  })

  it("on 150 random devices, and all that can happen does", () => {
    const total = new Map<string, number>()
    for (let seed = 1; seed <= 150; seed++) {
      const rules = randomRules(luck(seed))
      const counts = play({ name: `random device ${seed}`, rules, seed, steps: 250, net: net4, pause: 300 })
      for (const [key, count] of counts) total.set(key, (total.get(key) ?? 0) + count)
    }
    const rare = [
      "Answer: filtered",
      "Answer: no flow",
      "Answer: no hairpinning",
      "Answer: no mapping",
      "Answer: transport blocked",
      "Answer: ttl exceeded",
      "Drop: filtered",
      "Drop: no external address",
      "Drop: no flow",
      "Drop: no free port",
      "Drop: no hairpinning",
      "Drop: no mapping",
      "Drop: port quota reached",
      "Drop: remote port not allowed",
      "Drop: table full",
      "Drop: transport blocked",
      "to inside",
      "to outside"
    ]
    assert.deepStrictEqual(
      rare.filter((key) => (total.get(key) ?? 0) < 20),
      [],
      JSON.stringify([...total])
    )
  })
})
