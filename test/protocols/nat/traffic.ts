/** Random devices and random packets for them, small enough that everything clashes: few hosts, ports, remotes, timeouts. */
import {
  addressNat,
  blocked,
  firewall,
  firewallTcp,
  firewallUdp,
  natTcp,
  natUdp,
  portNat
} from "../../../src/protocols/nat/devices/rules.ts"
import * as Ip from "../../../src/protocols/packet/Ip.ts"
import type { Endpointed } from "../../../src/protocols/packet/IpPacket.ts"
import * as Packet from "../../../src/protocols/packet/IpPacket.ts"
import type * as NatDevice from "../../../src/schemas/NatDevice.ts"
import type { Luck } from "../../lab/support/random.ts"

const ip = Ip.fromStringUnsafe

export interface Net {
  readonly insiders: ReadonlyArray<Ip.Ip>
  readonly insidePorts: ReadonlyArray<number>
  readonly external: ReadonlyArray<Ip.Ip>
  readonly remotes: ReadonlyArray<Ip.Ip>
  readonly remotePorts: ReadonlyArray<number>
}

export const net4: Net = {
  insiders: [ip("10.0.0.2"), ip("10.0.0.3"), ip("10.0.0.4")],
  insidePorts: [5000, 5001, 5002, 5003],
  external: [ip("203.0.113.10"), ip("203.0.113.11")],
  remotes: [ip("198.51.100.1"), ip("198.51.100.2"), ip("192.0.2.7")],
  remotePorts: [443, 53, 7000]
}

export const net6: Net = {
  ...net4,
  insiders: [ip("2001:db8:1::2"), ip("2001:db8:1::3"), ip("2001:db8:1::4")],
  external: [ip("2001:db8:9::1"), ip("2001:db8:9::2")],
  remotes: [ip("2001:db8:2::1"), ip("2001:db8:2::2"), ip("2001:db8:3::7")]
}

const dependences = ["endpoint-independent", "address-dependent", "address-and-port-dependent"] as const

const allocation = (random: Luck): NatDevice.Allocation => {
  const step = random.pick([-3, -1, 1, 2, 5])
  return random.pick<NatDevice.Allocation>([
    { _tag: "Equal" },
    { _tag: "Preserving", offset: step * 2 },
    { _tag: "Independent", step },
    { _tag: "Dependent", step },
    { _tag: "Random" }
  ])
}

const timeout = (random: Luck): number => 20 + random.below(400)

const mappingRules = (random: Luck) => {
  const overloading = random.chance(0.25)
  const first = random.pick([1018, 4998, 5002, 60_000])
  return {
    overloading,
    mapping: overloading ? "address-and-port-dependent" : random.pick(dependences),
    filtering: overloading ? "address-and-port-dependent" : random.pick(dependences),
    allocation: allocation(random),
    range: { first, last: first + random.pick([0, 2, 6, 11, 40]) },
    parity: random.chance(0.3)
  } as const
}

const common = (random: Luck) => ({
  refreshInbound: random.chance(0.6),
  ...(random.chance(0.15) ? { remotePorts: [443, 7000] } : {})
})

const udpTimeouts = (random: Luck) => ({ unreplied: timeout(random), replied: timeout(random) })
const tcpTimeouts = (random: Luck) => ({
  opening: timeout(random),
  established: timeout(random),
  closing: timeout(random)
})

const tcpEnds = (random: Luck) => ({
  onReset: random.pick(["keep", "flow", "mapping", "flow-if-unanswered"] as const),
  onFinish: random.pick(["keep", "flow", "mapping"] as const),
  pickup: random.chance(0.5)
})

const state = (random: Luck) => ({
  icmp: random.chance(0.9) ? ("carried" as const) : ("blocked" as const),
  whenFull: random.pick(["drop-new", "evict-oldest"] as const),
  ...(random.chance(0.4) ? { tableSize: 2 + random.below(9) } : {})
})

const hairpinning = (random: Luck) => random.pick(["none", "refused", "internal-source", "external-source"] as const)

export const randomRules = (random: Luck): NatDevice.Firewall | NatDevice.AddressNat | NatDevice.PortNat => {
  const kind = random.next()
  if (kind < 0.65) {
    const udp = mappingRules(random)
    const unsolicited = random.pick(["drop", "icmp"] as const)
    return portNat({
      ...state(random),
      hairpinning: hairpinning(random),
      pooling: random.pick(["paired", "arbitrary"]),
      ...(random.chance(0.3) ? { portQuota: 1 + random.below(5) } : {}),
      udp: random.chance(0.05)
        ? blocked(random.pick(["drop", "icmp", "rst"]))
        : natUdp({
            ...udp,
            ...common(random),
            unsolicited,
            timeouts: udpTimeouts(random),
            strangersHoldPorts: udp.overloading && unsolicited === "icmp" && random.chance(0.7)
          }),
      tcp: natTcp({
        ...mappingRules(random),
        ...common(random),
        ...tcpEnds(random),
        unsolicited: random.pick(["drop", "rst", "icmp"]),
        timeouts: tcpTimeouts(random)
      })
    })
  }
  const filtering = random.pick([...dependences, "open"] as const)
  const still = {
    ...state(random),
    udp: firewallUdp({
      filtering,
      ...common(random),
      unsolicited: random.pick(["drop", "icmp"]),
      timeouts: udpTimeouts(random)
    }),
    tcp: random.chance(0.05)
      ? blocked(random.pick(["drop", "icmp", "rst"]))
      : firewallTcp({
          filtering,
          ...common(random),
          ...tcpEnds(random),
          unsolicited: random.pick(["drop", "rst", "icmp"]),
          timeouts: tcpTimeouts(random)
        })
  }
  return kind < 0.8 ? firewall(still) : addressNat({ ...still, hairpinning: hairpinning(random) })
}

/** As Linux shares ports: equal where it can be, else where the inside endpoint is already, else random. */
export const sharingRules = (random: Luck): NatDevice.PortNat => {
  const rules = {
    mapping: "address-and-port-dependent",
    filtering: "address-and-port-dependent",
    allocation: random.pick([{ _tag: "Equal" }, { _tag: "Preserving", offset: 1 }] as const),
    range: { first: 5000, last: 5000 + random.pick([3, 6, 12]) },
    overloading: true
  } as const
  return portNat({
    udp: natUdp({ ...rules, timeouts: udpTimeouts(random) }),
    tcp: natTcp({ ...rules, ...tcpEnds(random), timeouts: tcpTimeouts(random) })
  })
}

const flags = [
  Packet.SYN,
  Packet.SYN,
  Packet.SYN,
  Packet.SYN | Packet.ACK,
  Packet.ACK,
  Packet.ACK,
  Packet.FIN | Packet.ACK,
  Packet.RST,
  Packet.RST | Packet.ACK
]

const payload = Uint8Array.of(7)

/** A packet from inside: to a remote, or to the device itself. */
export const randomOutbound = (random: Luck, net: Net): Endpointed => {
  const src = random.pick(net.insiders)
  const srcPort = random.pick(net.insidePorts)
  const home = random.chance(0.12)
  const dst = home ? random.pick(net.external) : random.pick(net.remotes)
  const dstPort = home ? random.pick(net.insidePorts) : random.pick(net.remotePorts)
  const ttl = random.chance(0.03) ? 1 : 64
  const kind = random.next()
  if (kind < 0.5) return Packet.udp(src, srcPort, dst, dstPort, payload, ttl)
  if (kind < 0.93 || home) {
    return Packet.tcp(src, srcPort, dst, dstPort, { flags: random.pick(flags), payload, ttl })
  }
  return Packet.echo("request", src, dst, random.pick(net.insidePorts), 1, payload, ttl)
}

/** A packet from outside: an answer to one of `left`, or nearly one, or to anywhere. */
export const randomInbound = (
  random: Luck,
  net: Net,
  left: ReadonlyArray<Endpointed>,
  targets: ReadonlyArray<Ip.Ip>
): Endpointed => {
  const ttl = random.chance(0.03) ? 1 : 64
  const src = random.pick(net.remotes)
  const srcPort = random.pick(net.remotePorts)
  const answered =
    left.length > 0 && random.chance(0.85) ? left[left.length - 1 - random.below(Math.min(left.length, 12))] : undefined
  const dst = answered?.src ?? random.pick(targets)
  const right = random.next()
  const from = answered !== undefined && right < 0.75 ? answered.dst : src
  if (answered?._tag === "Echo") return Packet.echo("reply", from, dst, answered.id, 1, payload, ttl)
  const fromPort = answered !== undefined && right < 0.6 ? answered.dstPort : srcPort
  const dstPort = answered?.srcPort ?? random.pick(net.insidePorts)
  const tcp = answered === undefined ? random.chance(0.5) : answered._tag === "Tcp"
  return tcp
    ? Packet.tcp(from, fromPort, dst, dstPort, { flags: random.pick(flags), payload, ttl })
    : Packet.udp(from, fromPort, dst, dstPort, payload, ttl)
}
