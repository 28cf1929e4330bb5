/**
 * What RFC 4787 (UDP), RFC 5382 (TCP) and RFC 5508 (ICMP) speak of, asked of every device as a black box: each behaves as
 * its description says, and the ones that claim to conform do.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { devices, deviceNamed } from "../../../src/protocols/nat/devices/devices.ts"
import * as Nat from "../../../src/protocols/nat/Nat.ts"
import type { Verdict } from "../../../src/protocols/nat/Verdict.ts"
import * as Ip from "../../../src/protocols/packet/Ip.ts"
import type { IpPacket } from "../../../src/protocols/packet/IpPacket.ts"
import * as Packet from "../../../src/protocols/packet/IpPacket.ts"
import { icmpError } from "../../../src/protocols/packet/reply.ts"
import type * as NatDevice from "../../../src/schemas/NatDevice.ts"
import { luck } from "../../lab/support/random.ts"

const ip = Ip.fromStringUnsafe
const a = ip("10.0.0.2")
const b = ip("10.0.0.3")
const r1 = ip("198.51.100.1")
const r2 = ip("198.51.100.2")
const external = [ip("203.0.113.10"), ip("203.0.113.11")]

type Transport = "Udp" | "Tcp"
type PortRules = NatDevice.NatUdp | NatDevice.NatTcp

interface Subject {
  readonly name: string
  readonly device: NatDevice.NatDevice
  readonly nat: NatDevice.PortNat
  readonly transport: Transport
  readonly rules: PortRules
}

const subjects: ReadonlyArray<Subject> = devices.flatMap((device) =>
  (["Udp", "Tcp"] as const).flatMap((transport) => {
    const nat = device.ipv4
    if (nat._tag !== "PortNat") return []
    const rules = transport === "Udp" ? nat.udp : nat.tcp
    return rules._tag === "Blocked" ? [] : [{ name: `${device.name}, ${transport}`, device, nat, transport, rules }]
  })
)

const longest = (rules: PortRules): number => Math.max(...Object.values(rules.timeouts))
const shortest = (rules: PortRules): number =>
  rules._tag === "Udp" ? rules.timeouts.unreplied : rules.timeouts.opening

/** One device under one transport, with its remote ports mapped to some it allows. */
class Bench {
  readonly nat: Nat.Nat
  readonly #subject: Subject
  readonly #random = luck(7).next
  now = 0

  constructor(subject: Subject, addresses: ReadonlyArray<Ip.Ip> = external.slice(0, 1)) {
    this.#subject = subject
    this.nat = Nat.make(subject.device, { external: addresses })
  }

  port(index: number): number {
    const allowed = this.#subject.rules.remotePorts
    return allowed === undefined ? 3000 + index : allowed[index % allowed.length]!
  }

  packet(src: Ip.Ip, srcPort: number, dst: Ip.Ip, dstPort: number): Packet.Endpointed {
    return this.#subject.transport === "Udp"
      ? Packet.udp(src, srcPort, dst, dstPort)
      : Packet.tcp(src, srcPort, dst, dstPort, { flags: Packet.SYN })
  }

  outbound(packet: IpPacket): Verdict {
    return this.nat.outbound(packet, this.now, this.#random)
  }

  /** Sends, and gives the endpoint the packet left from. */
  send(src: Ip.Ip, srcPort: number, dst: Ip.Ip = r1, port = 0): readonly [Ip.Ip, number] {
    const verdict = this.outbound(this.packet(src, srcPort, dst, this.port(port)))
    assert.strictEqual(verdict._tag, "Forward", JSON.stringify(verdict))
    if (verdict._tag !== "Forward" || verdict.packet._tag === "IcmpError" || verdict.packet._tag === "Echo")
      throw verdict
    assert.strictEqual(verdict.side, "outside")
    return [verdict.packet.src, verdict.packet.srcPort]
  }

  receive(from: Ip.Ip, port: number, to: readonly [Ip.Ip, number]): Verdict {
    return this.nat.inbound(this.packet(from, port, ...to), this.now)
  }

  admits(from: Ip.Ip, port: number, to: readonly [Ip.Ip, number]): boolean {
    return this.receive(from, this.port(port), to)._tag === "Forward"
  }
}

const remotePortsAreFree = (subject: Subject): boolean => subject.rules.remotePorts === undefined

/** The check of all of them; a failure names the one. */
const every = (of: ReadonlyArray<Subject>, check: (subject: Subject) => void) => (): void => {
  for (const subject of of) {
    try {
      check(subject)
    } catch (cause) {
      throw new Error(`${subject.name}: ${String(cause)}`, { cause })
    }
  }
}

describe("every NAT", () => {
  it(
    "maps by what it says (4787 REQ-1, 5382 REQ-1)",
    every(subjects, (subject) => {
      const { rules } = subject
      const bench = new Bench(subject)
      const first = bench.send(a, 5000, r1, 0)
      assert.deepStrictEqual(bench.send(a, 5000, r1, 0), first, "the same flow")
      // A port that is shared is the same one wherever it can be, which looks like the mapping of a better NAT.
      if (rules.overloading || !remotePortsAreFree(subject)) return
      const otherPort = bench.send(a, 5000, r1, 1)
      const otherAddress = bench.send(a, 5000, r2, 0)
      assert.strictEqual(same(first, otherPort), rules.mapping !== "address-and-port-dependent", "another remote port")
      assert.strictEqual(same(first, otherAddress), rules.mapping === "endpoint-independent", "another remote address")
    })
  )

  it(
    "keeps an inside address on one external address (4787 REQ-2)",
    every(subjects, (subject) => {
      const { nat } = subject
      const bench = new Bench(subject, external)
      const used = new Set(Array.from({ length: 12 }, (_, at) => bench.send(a, 5000 + at)[0]))
      assert.strictEqual(used.size, nat.pooling === "paired" ? 1 : 2)
      assert.strictEqual(
        new Set(Array.from({ length: 40 }, (_, at) => bench.send(ip(`10.0.1.${at}`), 5000)[0])).size,
        2
      )
    })
  )

  it(
    "gives no port twice, unless overloading to different remotes (4787 REQ-3, 5382 REQ-7)",
    every(subjects, (subject) => {
      const { rules } = subject
      const bench = new Bench(subject)
      const owners = new Map<string, string>()
      for (let host = 0; host < 12; host++) {
        for (let port = 0; port < 4; port++) {
          const [outside, outsidePort] = bench.send(ip(`10.0.2.${host}`), 5000 + port, r1, 0)
          const end = `${outside}:${outsidePort}`
          assert.isUndefined(owners.get(end), `${end} belongs to ${owners.get(end)}`)
          owners.set(end, `host ${host} port ${port}`)
        }
      }
      if (!rules.overloading || rules.allocation._tag !== "Equal") return
      assert.deepStrictEqual(bench.send(b, 5000, r2, 0)[1], 5000, "the port is free towards another remote")
    })
  )

  it(
    "hands out ports of its range, on the inside port's side of 1024 (4787 REQ-3a), with its parity if it says so (REQ-4)",
    every(subjects, (subject) => {
      const { rules } = subject
      const bench = new Bench(subject)
      const { first, last } = rules.range
      for (let at = 0; at < 40; at++) {
        const insidePort = at % 4 === 0 ? 500 + at : 5000 + at
        const [, port] = bench.send(ip(`10.0.3.${at}`), insidePort, r1, 0)
        assert.isTrue(port >= first && port <= last, `port ${port}`)
        if (first < 1024) assert.strictEqual(port < 1024, insidePort < 1024, `${insidePort} is mapped to ${port}`)
        if (rules.parity) assert.strictEqual(port % 2, insidePort % 2)
      }
    })
  )

  it(
    "forgets a flow when its time is up, not before (4787 REQ-5, 5382 REQ-5), and outbound packets start it anew (REQ-6)",
    every(subjects, (subject) => {
      const { rules } = subject
      const bench = new Bench(subject)
      const end = bench.send(a, 5000)
      bench.now += shortest(rules) - 1
      assert.deepStrictEqual(bench.send(a, 5000), end)
      bench.now += shortest(rules) - 1
      assert.isTrue(bench.admits(r1, 0, end), "refreshed by the outbound packet")
      bench.now += 2 * longest(rules)
      assert.isFalse(bench.admits(r1, 0, end))
      assert.deepStrictEqual(bench.nat.mappings(bench.now), [])
    })
  )

  it(
    "is kept alive by inbound packets or not, as it says (4787 REQ-6a)",
    every(subjects, (subject) => {
      const { rules } = subject
      const bench = new Bench(subject)
      const end = bench.send(a, 5000)
      for (let at = 0; at < 6; at++) {
        bench.now += Math.floor(shortest(rules) / 2)
        if (!bench.admits(r1, 0, end)) break
      }
      assert.strictEqual(bench.nat.flowCount, rules.refreshInbound ? 1 : 0)
    })
  )

  it(
    "filters by what it says (4787 REQ-8, 5382 REQ-3)",
    every(subjects, (subject) => {
      const { rules } = subject
      const bench = new Bench(subject)
      const end = bench.send(a, 5000, r1, 0)
      assert.isTrue(bench.admits(r1, 0, end), "the remote it sent to")
      const stranger = (from: Ip.Ip, port: number) => bench.receive(from, port, end)._tag === "Forward"
      assert.strictEqual(stranger(r1, 999), rules.filtering !== "address-and-port-dependent", "another port")
      assert.strictEqual(stranger(r2, 999), rules.filtering === "endpoint-independent", "another address")
    })
  )

  it(
    "answers strangers as it says, and never a reset or an error (5382 REQ-4)",
    every(subjects, (subject) => {
      const { rules } = subject
      const bench = new Bench(subject)
      const verdict = bench.receive(r2, 999, [external[0]!, 40_404])
      const kind = verdict._tag === "Answer" ? (verdict.packet._tag === "Tcp" ? "rst" : "icmp") : "drop"
      assert.strictEqual(kind, rules.unsolicited)
      if (verdict._tag === "Answer") {
        assert.strictEqual(verdict.packet.dst, r2)
        assert.strictEqual(verdict.packet.src, external[0])
      }
      const reset = Packet.tcp(r2, 9, external[0]!, 40_404, { flags: Packet.RST })
      assert.strictEqual(bench.nat.inbound(reset, 0)._tag, "Drop")
      const error = icmpError(Packet.udp(external[0]!, 40_404, r2, 9), "portUnreachable", r2)!
      assert.strictEqual(bench.nat.inbound(error, 0)._tag, "Drop")
    })
  )

  it(
    "hairpins as it says (4787 REQ-9, 5382 REQ-8)",
    every(subjects, (subject) => {
      const { nat, rules } = subject
      if (!remotePortsAreFree(subject)) return
      const bench = new Bench(subject)
      const endA = bench.send(a, 5000)
      const endB = bench.send(b, 6000)
      // For a filter that asks, A has sent to B's outside endpoint; by the way it opens the right mapping of A's.
      const out = bench.outbound(bench.packet(a, 5000, ...endB))
      const back = bench.outbound(bench.packet(b, 6000, ...endA))
      if (nat.hairpinning === "none") return assert.deepStrictEqual(back, { _tag: "Drop", reason: "no hairpinning" })
      if (nat.hairpinning === "refused") return assert.strictEqual(back._tag, "Answer")
      if (rules.mapping === "address-and-port-dependent") return assert.strictEqual(back._tag, "Drop")
      assert.strictEqual(out._tag, rules.filtering === "endpoint-independent" ? "Forward" : "Drop")
      assert.strictEqual(back._tag, "Forward")
      if (back._tag !== "Forward" || back.packet._tag === "IcmpError" || back.packet._tag === "Echo") return
      assert.strictEqual(back.side, "inside")
      assert.deepStrictEqual([back.packet.dst, back.packet.dstPort], [a, 5000])
      const source = [back.packet.src, back.packet.srcPort]
      assert.deepStrictEqual(source, nat.hairpinning === "external-source" ? [...endB] : [b, 6000])
    })
  )

  it(
    "does the same again from the same seed (4787 REQ-11)",
    every(subjects, (subject) => {
      const run = (): ReadonlyArray<unknown> => {
        const bench = new Bench(subject, external)
        return Array.from({ length: 30 }, (_, at) =>
          bench.outbound(bench.packet(ip(`10.0.4.${at % 5}`), 5000 + (at % 7), r1, bench.port(at % 3)))
        )
      }
      assert.deepStrictEqual(run(), run())
    })
  )

  it(
    "loses nothing to an ICMP error (4787 REQ-12, 5382 REQ-10), and translates it (5382 REQ-9, 5508 REQ-4)",
    every(subjects, (subject) => {
      const { nat } = subject
      if (nat.icmp === "blocked") return
      const bench = new Bench(subject)
      const end = bench.send(a, 5000)
      const left = bench.packet(...end, r1, bench.port(0))
      for (const kind of [
        "portUnreachable",
        "hostUnreachable",
        "ttlExceeded",
        "adminProhibited",
        "packetTooBig"
      ] as const) {
        const verdict = bench.nat.inbound(icmpError(left, kind, r2, 1400)!, bench.now)
        assert.strictEqual(verdict._tag, "Forward")
        if (verdict._tag !== "Forward" || verdict.packet._tag !== "IcmpError") return
        const { dst, kind: arrived, quote, src } = verdict.packet
        assert.deepStrictEqual([src, dst, arrived], [r2, a, kind])
        assert.deepStrictEqual([quote.src, quote.srcPort, quote.dst, quote.dstPort], [a, 5000, r1, bench.port(0)])
      }
      assert.isTrue(bench.admits(r1, 0, end))
      assert.deepStrictEqual(bench.send(a, 5000), end)
    })
  )

  it(
    "changes addresses, ports and hop count, and nothing else",
    every(subjects, (subject) => {
      const bench = new Bench(subject)
      const payload = Uint8Array.of(1, 2, 3)
      const sent = { ...bench.packet(a, 5000, r1, bench.port(0)), payload, ttl: 9 } as
        | Packet.UdpPacket
        | Packet.TcpPacket
      const out = bench.outbound(sent)
      assert.strictEqual(out._tag, "Forward")
      if (out._tag !== "Forward" || (out.packet._tag !== "Udp" && out.packet._tag !== "Tcp")) return
      assert.deepStrictEqual(out.packet, { ...sent, src: out.packet.src, srcPort: out.packet.srcPort, ttl: 8 })
      assert.strictEqual(out.packet.payload, payload)
      const reply = { ...bench.packet(r1, bench.port(0), out.packet.src, out.packet.srcPort), payload } as typeof sent
      const back = bench.nat.inbound(reply, bench.now)
      assert.deepStrictEqual(back, {
        _tag: "Forward",
        side: "inside",
        packet: { ...reply, dst: a, dstPort: 5000, ttl: 63 }
      })
    })
  )
})

describe("every NAT that lets TCP through", () => {
  const tcp = subjects.filter(({ transport }) => transport === "Tcp")
  const segment = (flags: number, ...ends: readonly [Ip.Ip, number, Ip.Ip, number]) => Packet.tcp(...ends, { flags })

  it(
    "opens from both ends at once (5382 REQ-2a)",
    every(tcp, (subject) => {
      const bench = new Bench(subject)
      const end = bench.send(a, 5000)
      const port = bench.port(0)
      const steps: ReadonlyArray<readonly ["in" | "out", number]> = [
        ["in", Packet.SYN],
        ["out", Packet.SYN | Packet.ACK],
        ["in", Packet.SYN | Packet.ACK],
        ["out", Packet.ACK],
        ["in", Packet.ACK]
      ]
      for (const [direction, flags] of steps) {
        const verdict =
          direction === "in"
            ? bench.nat.inbound(segment(flags, r1, port, ...end), bench.now)
            : bench.outbound(segment(flags, a, 5000, r1, port))
        assert.strictEqual(verdict._tag, "Forward", Packet.flagNames(flags))
      }
      // Established: it now outlives the time an opening connection has, where that is shorter.
      const { rules } = subject
      if (rules._tag !== "Tcp") return
      bench.now += rules.timeouts.established - 1
      assert.strictEqual(bench.nat.inbound(segment(Packet.ACK, r1, port, ...end), bench.now)._tag, "Forward")
    })
  )

  it(
    "ends by a reset and a close what it says they end",
    every(tcp, (subject) => {
      const { rules } = subject
      if (rules._tag !== "Tcp") return
      for (const [how, onClose] of [
        ["RST", rules.onReset],
        ["FIN", rules.onFinish]
      ] as const) {
        const bench = new Bench(subject)
        const end = bench.send(a, 5000)
        const port = bench.port(0)
        const second =
          remotePortsAreFree(subject) && rules.mapping === "endpoint-independent"
            ? bench.send(a, 5000, r2, 1)
            : undefined
        const inwards = (flags: number) => bench.nat.inbound(segment(flags, r1, port, ...end), bench.now)._tag
        inwards(Packet.SYN | Packet.ACK)
        bench.outbound(segment(Packet.ACK, a, 5000, r1, port))
        if (how === "RST") inwards(Packet.RST | Packet.ACK)
        else {
          bench.outbound(segment(Packet.FIN | Packet.ACK, a, 5000, r1, port))
          assert.strictEqual(inwards(Packet.FIN | Packet.ACK), "Forward", "a close in two halves")
          bench.outbound(segment(Packet.ACK, a, 5000, r1, port))
        }
        const kept = onClose === "keep" || onClose === "flow-if-unanswered"
        assert.strictEqual(
          bench.nat.flowCount,
          (kept ? 1 : 0) + (second === undefined || onClose === "mapping" ? 0 : 1),
          how
        )
        if (kept) {
          bench.now += rules.timeouts.closing
          assert.strictEqual(inwards(Packet.ACK) === "Forward", false, `${how}: still there after the closing time`)
        }
      }
    })
  )
})

describe("devices that claim to conform", () => {
  it.each(["rfc-conformant", "fritzbox-like", "carrier-nat"])("%s keeps the RFCs' times", (name) => {
    const rules = Result.getOrThrow(deviceNamed(name)).ipv4
    if (rules._tag !== "PortNat" || rules.udp._tag !== "Udp" || rules.tcp._tag !== "Tcp") throw new Error(name)
    assert.isAtLeast(rules.udp.timeouts.unreplied, 120_000, "4787 REQ-5")
    assert.isAtLeast(rules.tcp.timeouts.established, 7_440_000, "5382 REQ-5")
    assert.isAtLeast(Math.min(rules.tcp.timeouts.opening, rules.tcp.timeouts.closing), 240_000, "5382 REQ-5")
    assert.strictEqual(rules.udp.mapping, "endpoint-independent", "4787 REQ-1")
    assert.strictEqual(rules.hairpinning, "external-source", "4787 REQ-9a")
    assert.isFalse(rules.udp.overloading || rules.tcp.overloading, "4787 REQ-3")
  })
})

const same = (x: readonly [Ip.Ip, number], y: readonly [Ip.Ip, number]): boolean => x[0] === y[0] && x[1] === y[1]
