/** Traces written by hand: small, and with everything a real one may hold. */
import * as Ip from "../../../src/protocols/packet/Ip.ts"
import * as Packet from "../../../src/protocols/packet/IpPacket.ts"
import { icmpError } from "../../../src/protocols/packet/reply.ts"
import type { Fate, TraceEvent } from "../../../src/protocols/trace/TraceEvent.ts"

const { ACK, FIN, PSH, SYN } = Packet

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const inside = Ip.fromStringUnsafe("192.168.1.2")
const outside = Ip.fromStringUnsafe("198.51.100.7")
const server = Ip.fromStringUnsafe("203.0.113.9")

export const hop = (
  time: number,
  from: string,
  to: string | undefined,
  network: string,
  packet: Packet.IpPacket,
  fate: Fate,
  duplicate = false
): TraceEvent => ({ time, from, to, network, packet, fate, duplicate })

const delivered = (at: number): Fate => ({ _tag: "Delivered", at })

const LAN = 0.1
const WAN = 20

interface Ports {
  readonly inside: number
  readonly outside: number
}

/** A packet of the host inside through its NAT to the server, one hop after the other. */
const out = (
  time: number,
  packet: Packet.UdpPacket | Packet.TcpPacket,
  ports: Ports,
  lost = false
): ReadonlyArray<TraceEvent> => {
  const translated = Packet.withSource(packet, outside, ports.outside, packet.ttl - 1)
  const fate: Fate = lost ? { _tag: "Lost", at: time + LAN + WAN / 2, reason: "loss" } : delivered(time + LAN + WAN)
  return [
    hop(time, "alice", "nat", "lan", packet, { _tag: "Translated", at: time + LAN, packet: translated }),
    hop(time + LAN, "nat", "server", "internet", translated, fate)
  ]
}

const back = (time: number, packet: Packet.UdpPacket | Packet.TcpPacket, ports: Ports): ReadonlyArray<TraceEvent> => {
  const translated = Packet.withDestination(packet, inside, ports.inside, packet.ttl - 1)
  return [
    hop(time, "server", "nat", "internet", packet, { _tag: "Translated", at: time + WAN, packet: translated }),
    hop(time + WAN, "nat", "alice", "lan", translated, delivered(time + WAN + LAN))
  ]
}

const sorted = (...parts: ReadonlyArray<ReadonlyArray<TraceEvent>>): ReadonlyArray<TraceEvent> =>
  parts.flat().toSorted((a, b) => a.time - b.time)

const udpPorts = { inside: 5000, outside: 61_000 }

/** One datagram there and back. */
export const question: ReadonlyArray<TraceEvent> = sorted(
  out(0, Packet.udp(inside, 5000, server, 3478, bytes("hello")), udpPorts),
  back(20.1, Packet.udp(server, 3478, outside, 61_000, bytes("yes")), udpPorts)
)

const tcpPorts = { inside: 40_000, outside: 62_000 }
const up = (time: number, flags: number, seq: number, ack: number, text = "", lost = false) =>
  out(time, Packet.tcp(inside, 40_000, server, 443, { flags, seq, ack, payload: bytes(text) }), tcpPorts, lost)
const down = (time: number, flags: number, seq: number, ack: number, text = "") =>
  back(time, Packet.tcp(server, 443, outside, 62_000, { flags, seq, ack, payload: bytes(text) }), tcpPorts)

const ISN = 0xffff_fffc

/** A connection whose SYN is lost once, through a NAT; its sequence numbers pass 2^32. */
export const connection: ReadonlyArray<TraceEvent> = sorted(
  up(0, SYN, ISN, 0, "", true),
  up(1000, SYN, ISN, 0),
  down(1020.1, SYN | ACK, 7000, ISN + 1),
  up(1040.2, ACK, ISN + 1, 7001),
  up(1040.3, PSH | ACK, ISN + 1, 7001, "ping\n"),
  down(1060.4, PSH | ACK, 7001, 2, "pong\n"),
  up(1080.5, FIN | ACK, 2, 7006),
  down(1100.6, FIN | ACK, 7006, 3),
  up(1120.7, ACK, 3, 7007)
)

const echo = Packet.echo("request", inside, server, 7, 1, new Uint8Array(8))
const echoOut = Packet.echo("request", outside, server, 4321, 1, new Uint8Array(8), 63)
const tooBig = icmpError(echoOut, "packetTooBig", server, 1280)!
const tooBigIn = icmpError(echo, "packetTooBig", server, 1280)!
const syn6 = Packet.tcp(Ip.fromStringUnsafe("2001:db8::2"), 40_000, Ip.fromStringUnsafe("2001:db8:1::9"), 443, {
  flags: SYN
})
const binary = Packet.udp(outside, 61_000, server, 7777, Uint8Array.of(0, 1, 2, 255))

/** One of everything: loopback, nobody there, copies, drops, losses, ICMP, IPv6, in flight, names that need escaping. */
export const oddities: ReadonlyArray<TraceEvent> = [
  hop(
    0,
    "alice",
    "alice",
    "loopback",
    Packet.udp(Ip.fromStringUnsafe("127.0.0.1"), 1, Ip.fromStringUnsafe("127.0.0.1"), 2, bytes(`<to "myself" & me>`)),
    delivered(0.02)
  ),
  hop(1, "alice", undefined, "lan", Packet.udp(inside, 5000, Ip.fromStringUnsafe("192.168.1.77"), 9), {
    _tag: "Lost",
    at: 1,
    reason: "no such address"
  }),
  hop(2, "nat", "server", "internet", binary, delivered(22)),
  hop(2, "nat", "server", "internet", binary, { _tag: "Dropped", at: 22, reason: "filtered", answered: false }, true),
  hop(3, "alice", "nat", "lan", echo, { _tag: "Translated", at: 3.1, packet: echoOut }),
  hop(3.1, "nat", "server", "internet", echoOut, {
    _tag: "Dropped",
    at: 23.1,
    reason: "nothing <listens> there",
    answered: true
  }),
  hop(23.1, "server", "nat", "internet", tooBig, { _tag: "Translated", at: 43.1, packet: tooBigIn }),
  hop(43.1, "nat", "alice", "lan", tooBigIn, delivered(43.2)),
  hop(50, "alice", "nat", "lan", syn6, { _tag: "Translated", at: 50.1, packet: { ...syn6, ttl: 63 } }),
  hop(50.1, "nat", "server", "internet", { ...syn6, ttl: 63 }, { _tag: "Lost", at: 50.1, reason: "queue full" }),
  hop(5050, "alice", "nat", "lan", syn6, { _tag: "InFlight" })
]
