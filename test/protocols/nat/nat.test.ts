/** What the random tests do not look at: ICMP in detail, families, address translation, fixed mappings, limits, scale. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { deviceNamed } from "../../../src/protocols/nat/devices/devices.ts"
import {
  ABSENT,
  addressNat,
  both,
  firewall,
  firewallTcp,
  firewallUdp,
  natTcp,
  natUdp,
  portNat,
  ROUTED
} from "../../../src/protocols/nat/devices/rules.ts"
import * as Nat from "../../../src/protocols/nat/Nat.ts"
import type { Reason, Verdict } from "../../../src/protocols/nat/Verdict.ts"
import * as Ip from "../../../src/protocols/packet/Ip.ts"
import type { IpPacket } from "../../../src/protocols/packet/IpPacket.ts"
import * as Packet from "../../../src/protocols/packet/IpPacket.ts"
import { icmpError } from "../../../src/protocols/packet/reply.ts"
import type { FamilyRules } from "../../../src/schemas/NatDevice.ts"
import { luck } from "../../lab/support/random.ts"

const ip = Ip.fromStringUnsafe
const a = ip("10.0.0.2")
const b = ip("10.0.0.3")
const r = ip("198.51.100.1")
const ext = ip("203.0.113.10")
const ext2 = ip("203.0.113.11")
const lan = ip("10.0.0.1")
const random = luck(1).next

const natOf = (ipv4: FamilyRules, addresses: Partial<Nat.NatAddresses> = {}): Nat.Nat =>
  Nat.make({ name: "it", summary: "It.", ipv4, ipv6: ABSENT }, { external: [ext], inside: [lan], ...addresses })

const forwarded = (verdict: Verdict): IpPacket => {
  assert.strictEqual(verdict._tag, "Forward", JSON.stringify(verdict))
  return (verdict as Extract<Verdict, { readonly _tag: "Forward" }>).packet
}

const dropped = (verdict: Verdict, reason: Reason): void => assert.deepStrictEqual(verdict, { _tag: "Drop", reason })

const answered = (verdict: Verdict, packet: IpPacket | undefined): void => {
  assert.strictEqual(verdict._tag, "Answer", JSON.stringify(verdict))
  if (verdict._tag === "Answer") assert.deepStrictEqual(verdict.packet, packet)
}

describe("ICMP", () => {
  it("an inside host's error leaves from the mapping, about the packet as it came (RFC 5508 REQ-5)", () => {
    const nat = natOf(portNat(both({ allocation: { _tag: "Preserving", offset: 1000 } })))
    nat.outbound(Packet.udp(a, 5000, r, 9), 0, random)
    const arrived = forwarded(nat.inbound(Packet.udp(r, 9, ext, 6000), 1))
    const error = icmpError(arrived, "portUnreachable", a)!
    const left = forwarded(nat.outbound(error, 2, random))
    assert.strictEqual(left._tag, "IcmpError")
    if (left._tag !== "IcmpError") return
    const { quote } = left
    assert.deepStrictEqual(
      [left.src, left.dst, quote.src, quote.srcPort, quote.dst, quote.dstPort],
      [ext, r, r, 9, ext, 6000]
    )
    // A router between the host and the NAT has no mapping of its own; what was never seen is no reason to speak.
    assert.strictEqual((forwarded(nat.outbound({ ...error, src: b }, 2, random)) as typeof left).src, ext)
    dropped(nat.outbound(icmpError(Packet.udp(r, 9, a, 5001), "portUnreachable", a)!, 2, random), "no flow")
  })

  it("an error about a hairpinned packet finds its way back (RFC 5508 REQ-7)", () => {
    const nat = natOf(portNat({ ...both({ filtering: "endpoint-independent" }), hairpinning: "external-source" }))
    nat.outbound(Packet.udp(a, 5000, r, 9), 0, random)
    nat.outbound(Packet.udp(b, 6000, r, 9), 0, random)
    const arrived = forwarded(nat.outbound(Packet.udp(a, 5000, ext, 6000), 1, random))
    const back = nat.outbound(icmpError(arrived, "portUnreachable", b)!, 2, random)
    const error = forwarded(back)
    assert.strictEqual(error._tag, "IcmpError")
    if (back._tag !== "Forward" || error._tag !== "IcmpError") return
    assert.strictEqual(back.side, "inside")
    const { quote } = error
    assert.deepStrictEqual([error.src, error.dst, error.ttl], [ext, a, 63])
    assert.deepStrictEqual([quote.src, quote.srcPort, quote.dst, quote.dstPort], [a, 5000, ext, 6000])
  })

  it("echo is mapped by identifier, kept where it is free, for a minute (RFC 5508 REQ-1, REQ-2)", () => {
    const nat = natOf(portNat())
    const ping = (host: Ip.Ip, now: number) =>
      forwarded(nat.outbound(Packet.echo("request", host, r, 7000, 1), now, () => 0.25))
    assert.deepStrictEqual(ping(a, 0), Packet.echo("request", ext, r, 7000, 1, undefined, 63))
    const second = ping(b, 0)
    assert.strictEqual(second._tag === "Echo" && second.id, 1024 + 0.25 * 64_512)
    const pong = forwarded(nat.inbound(Packet.echo("reply", r, ext, 1024 + 0.25 * 64_512, 1), 59_999))
    assert.deepStrictEqual(pong, Packet.echo("reply", r, b, 7000, 1, undefined, 63))
    dropped(nat.inbound(Packet.echo("reply", r, ext, 7000, 1), 60_000), "no mapping")
  })

  it("an error about a ping is translated too", () => {
    const nat = natOf(portNat())
    const left = forwarded(nat.outbound(Packet.echo("request", a, r, 7, 1), 0, random))
    const error = forwarded(nat.inbound(icmpError(left, "ttlExceeded", b)!, 1))
    if (error._tag !== "IcmpError") throw error
    assert.deepStrictEqual(
      [error.dst, error.quote.src, error.quote.srcPort, error.quote.transport],
      [a, a, 7, "EchoRequest"]
    )
  })

  it("an inside host's error about a reply to its ping is translated too", () => {
    const nat = natOf(portNat())
    nat.outbound(Packet.echo("request", b, r, 7, 1), 0, random)
    const left = forwarded(nat.outbound(Packet.echo("request", a, r, 7, 1), 0, random))
    const id = left._tag === "Echo" ? left.id : 0
    const arrived = forwarded(nat.inbound(Packet.echo("reply", r, ext, id, 1), 1))
    const error = forwarded(nat.outbound(icmpError(arrived, "portUnreachable", a)!, 2, random))
    if (error._tag !== "IcmpError") throw error
    assert.deepStrictEqual([error.src, error.quote.dst, error.quote.srcPort, error.quote.dstPort], [ext, ext, id, 0])
  })

  it("whose own hop count runs out is not answered", () => {
    const nat = natOf(portNat())
    const left = forwarded(nat.outbound(Packet.udp(a, 5000, r, 9), 0, random))
    dropped(nat.inbound({ ...icmpError(left, "ttlExceeded", r)!, ttl: 1 }, 1), "ttl exceeded")
  })

  it("is swallowed where it is blocked", () => {
    const nat = natOf(portNat({ icmp: "blocked" }))
    dropped(nat.outbound(Packet.echo("request", a, r, 7, 1), 0, random), "transport blocked")
    const left = forwarded(nat.outbound(Packet.udp(a, 5000, r, 9), 0, random))
    dropped(nat.inbound(icmpError(left, "packetTooBig", r, 1280)!, 1), "transport blocked")
  })
})

describe("a hop count that runs out", () => {
  it("is answered to either side, and opens nothing", () => {
    const nat = natOf(portNat())
    const last = Packet.udp(a, 5000, r, 9, undefined, 1)
    answered(nat.outbound(last, 0, random), icmpError(last, "ttlExceeded", lan))
    assert.strictEqual(nat.flowCount, 0)
    nat.outbound(Packet.udp(a, 5000, r, 9), 0, random)
    const back = Packet.udp(r, 9, ext, 5000, undefined, 1)
    answered(nat.inbound(back, 1), icmpError(back, "ttlExceeded", ext))
    dropped(
      nat.outbound(
        icmpError({ ...back, dst: a }, "portUnreachable", a)! && { ...icmpError(back, "portUnreachable", a)!, ttl: 1 },
        1,
        random
      ),
      "ttl exceeded"
    )
  })
  it("dies in a router too", () => {
    const nat = natOf(ROUTED)
    const packet = Packet.udp(a, 5000, r, 9, undefined, 1)
    answered(nat.outbound(packet, 0, random), icmpError(packet, "ttlExceeded", lan))
    answered(nat.inbound(packet, 0), icmpError(packet, "ttlExceeded", ext))
    assert.deepStrictEqual(forwarded(nat.inbound({ ...packet, ttl: 2 }, 0)), packet)
  })
})

describe("families", () => {
  const a6 = ip("2001:db8:1::2")
  const r6 = ip("2001:db8:2::1")

  it("have rules of their own", () => {
    const nat = Nat.make(Result.getOrThrow(deviceNamed("ds-lite")), { external: [ext] })
    forwarded(nat.outbound(Packet.udp(a, 5000, r, 9), 0, random))
    const packet = Packet.udp(a6, 5000, r6, 9)
    assert.deepStrictEqual(forwarded(nat.outbound(packet, 0, random)), { ...packet, ttl: 63 })
    assert.deepStrictEqual(forwarded(nat.inbound(Packet.udp(r6, 9, a6, 5000), 1)).dst, a6)
    dropped(nat.inbound(Packet.udp(r6, 10, a6, 5000), 1), "filtered")
    dropped(nat.inbound(Packet.udp(r6, 9, a6, 5001), 1), "no mapping")
  })
  it("that are absent go nowhere", () => {
    const nat = natOf(portNat())
    dropped(nat.outbound(Packet.udp(a6, 1, r6, 2), 0, random), "family not carried")
    dropped(nat.inbound(Packet.udp(r6, 1, a6, 2), 0), "family not carried")
  })
  it("a packet for somebody else is none of a NAT's", () =>
    dropped(natOf(portNat()).inbound(Packet.udp(r, 1, ext2, 2), 0), "not for this device"))
})

describe("a firewall", () => {
  it("refuses in the name of its policy, and lets errors out", () => {
    const nat = natOf(firewall({ udp: firewallUdp({ unsolicited: "icmp" }), tcp: firewallTcp({ unsolicited: "rst" }) }))
    const stranger = Packet.udp(r, 9, a, 5000)
    answered(nat.inbound(stranger, 0), icmpError(stranger, "adminProhibited", a))
    const error = icmpError(stranger, "portUnreachable", a)!
    assert.deepStrictEqual(forwarded(nat.outbound(error, 0, random)), { ...error, ttl: 63 })
  })
  it("with an open filter needs no state for what comes in", () => {
    const nat = natOf(firewall({ udp: firewallUdp({ filtering: "open" }) }))
    assert.deepStrictEqual(
      forwarded(nat.inbound(Packet.udp(r, 9, a, 5000), 0)),
      Packet.udp(r, 9, a, 5000, undefined, 63)
    )
    assert.strictEqual(nat.flowCount, 0)
  })
})

describe("address translation", () => {
  const open = addressNat({ udp: firewallUdp({ filtering: "open" }), tcp: firewallTcp({ filtering: "open" }) })

  it("gives every inside host one address, while there are any", () => {
    const nat = natOf(addressNat(), { external: [ext, ext2], owners: [{ inside: b, external: ext }] })
    const source = (host: Ip.Ip) => {
      const verdict = nat.outbound(Packet.udp(host, 5000, r, 9), 0, random)
      return verdict._tag === "Forward" ? verdict.packet.src : verdict
    }
    assert.deepStrictEqual([source(a), source(b), source(a)], [ext2, ext, ext2])
    assert.deepStrictEqual(source(ip("10.0.0.9")), { _tag: "Drop", reason: "no external address" })
  })
  it("with an open filter lets everybody in to the owner of an address, errors and hairpins too", () => {
    const nat = natOf(open, { external: [ext, ext2], owners: [{ inside: a, external: ext }] })
    const arrived = forwarded(nat.inbound(Packet.udp(r, 9, ext, 5000), 0))
    assert.deepStrictEqual(arrived, Packet.udp(r, 9, a, 5000, undefined, 63))
    const error = forwarded(nat.outbound(icmpError(arrived, "portUnreachable", a)!, 0, random))
    assert.deepStrictEqual(error._tag === "IcmpError" && [error.src, error.quote.dst], [ext, ext])
    dropped(nat.inbound(Packet.udp(r, 9, ext2, 5000), 0), "no mapping")
    const hairpinned = forwarded(nat.outbound(Packet.udp(b, 6000, ext, 5000), 0, random))
    assert.deepStrictEqual(hairpinned, Packet.udp(ext2, 6000, a, 5000, undefined, 63))
  })
})

describe("a fixed mapping", () => {
  const request = { transport: "Udp", inside: a, insidePort: 5000 } as const
  const stranger = (nat: Nat.Nat, port: number, now = 0): Verdict => nat.inbound(Packet.udp(r, 9, ext, port), now)

  it("lets everybody in, and out by the same port, until it is removed", () => {
    const nat = natOf(portNat())
    const facts = Result.getOrThrow(nat.addMapping({ ...request, outsidePort: 7000 }, 0, random))
    assert.deepStrictEqual(facts, {
      transport: "Udp",
      inside: a,
      insidePort: 5000,
      outside: ext,
      outsidePort: 7000,
      fixed: true,
      expiresAt: Infinity,
      remotes: []
    })
    assert.strictEqual(forwarded(stranger(nat, 7000)).dst, a)
    const out = forwarded(nat.outbound(Packet.udp(a, 5000, ip("192.0.2.1"), 1), 0, random))
    assert.strictEqual(out._tag === "Udp" && out.srcPort, 7000)
    assert.isTrue(nat.removeMapping(request, 1))
    assert.isFalse(nat.removeMapping(request, 1))
    assert.strictEqual(forwarded(stranger(nat, 7000, 1)).dst, a, "who talks over it goes on")
    dropped(nat.inbound(Packet.udp(r, 10, ext, 7000), 1), "filtered")
  })

  it("ends when its lifetime does, unless renewed", () => {
    const nat = natOf(portNat({ ...both({ filtering: "endpoint-independent" }), portQuota: 1 }))
    const add = (now: number) => Result.getOrThrow(nat.addMapping({ ...request, lifetime: 1000 }, now, random))
    assert.strictEqual(add(0).expiresAt, 1000)
    assert.strictEqual(add(900).expiresAt, 1900)
    assert.deepStrictEqual(
      nat.addMapping({ ...request, insidePort: 5001 }, 901, random),
      Result.fail("port quota reached")
    )
    assert.strictEqual(nat.mappings(1899).length, 1)
    assert.deepStrictEqual(nat.mappings(1900), [])
    dropped(stranger(nat, 5000, 1900), "no mapping")
    assert.isTrue(
      Result.isSuccess(nat.addMapping({ ...request, insidePort: 5001 }, 1901, random)),
      "the quota is free again"
    )
  })

  it("stays where its endpoint is mapped already, and leaves others' ports alone", () => {
    const nat = natOf(portNat(both({ allocation: { _tag: "Random" } })))
    const left = forwarded(nat.outbound(Packet.udp(a, 5000, r, 9), 0, random))
    const port = left._tag === "Udp" ? left.srcPort : 0
    assert.strictEqual(Result.getOrThrow(nat.addMapping(request, 1, random)).outsidePort, port)
    const other = nat.addMapping({ transport: "Udp", inside: b, insidePort: 1, outsidePort: port }, 1, random)
    assert.deepStrictEqual(other, Result.fail("no free port"))
    assert.isTrue(
      Result.isSuccess(nat.addMapping({ transport: "Tcp", inside: b, insidePort: 1, outsidePort: port }, 1, random))
    )
  })

  it("is a pinhole in a firewall, and nothing where the transport is blocked", () => {
    const wall = natOf(firewall())
    const hole = Result.getOrThrow(wall.addMapping({ ...request, outsidePort: 7000 }, 0, random))
    assert.deepStrictEqual([hole.outside, hole.outsidePort], [a, 5000])
    assert.strictEqual(forwarded(wall.inbound(Packet.udp(r, 9, a, 5000), 0)).dst, a)
    const blocked = Nat.make(Result.getOrThrow(deviceNamed("udp-blocked")), { external: [ext] })
    assert.deepStrictEqual(blocked.addMapping(request, 0, random), Result.fail("transport blocked"))
    assert.deepStrictEqual(natOf(ROUTED).addMapping(request, 0, random), Result.fail("transport blocked"))
  })
})

describe("fixed mappings beside others", () => {
  it("outlive the resets that end others", () => {
    const nat = natOf(portNat({ tcp: natTcp({ onReset: "mapping" }) }))
    Result.getOrThrow(nat.addMapping({ transport: "Tcp", inside: a, insidePort: 8080 }, 0, random))
    const segment = (flags: number) => nat.inbound(Packet.tcp(r, 9, ext, 8080, { flags }), 1)._tag
    assert.deepStrictEqual([segment(Packet.SYN), segment(Packet.RST), segment(Packet.SYN)], Array(3).fill("Forward"))
  })

  it("share a port that is shared, but not a flow on it", () => {
    const nat = Nat.make(Result.getOrThrow(deviceNamed("linux-router")), { external: [ext] })
    nat.outbound(Packet.udp(b, 5000, r, 9), 0, random)
    Result.getOrThrow(nat.addMapping({ transport: "Udp", inside: a, insidePort: 6000, outsidePort: 5000 }, 0, random))
    assert.strictEqual(forwarded(nat.inbound(Packet.udp(r, 9, ext, 5000), 1)).dst, b)
    assert.strictEqual(forwarded(nat.inbound(Packet.udp(r, 10, ext, 5000), 1)).dst, a)
    dropped(nat.outbound(Packet.udp(a, 6000, r, 9), 1, random), "no free port")
  })
})

describe("filters", () => {
  it("what came in under another's permission does not outlast it", () => {
    const nat = natOf(
      portNat({
        udp: natUdp({
          filtering: "address-dependent",
          refreshInbound: false,
          timeouts: { unreplied: 100, replied: 100 }
        })
      })
    )
    const other = ip("192.0.2.1")
    nat.outbound(Packet.udp(a, 5000, r, 9), 0, random)
    forwarded(nat.inbound(Packet.udp(r, 10, ext, 5000), 60))
    nat.outbound(Packet.udp(a, 5000, other, 9), 90, random)
    dropped(nat.inbound(Packet.udp(r, 10, ext, 5000), 120), "filtered")
    forwarded(nat.inbound(Packet.udp(other, 11, ext, 5000), 120))
  })
})

describe("pooling", () => {
  const sources = (pooling: "paired" | "arbitrary"): ReadonlyArray<Ip.Ip> => {
    const nat = natOf(portNat({ pooling }), { external: [ext, ext2] })
    const lucks = [0.1, 0.9, 0.1]
    const source = (port: number, now: number): Ip.Ip =>
      forwarded(nat.outbound(Packet.udp(a, port, r, 9), now, () => lucks.shift()!)).src
    return [source(5001, 0), source(5002, 1), source(5003, 10_000_000)]
  }
  it("pairs a host with an address while it holds a port there (RFC 4787 REQ-2)", () =>
    assert.deepStrictEqual(sources("paired"), [ext, ext, ext2]))
  it("or takes any address for each mapping", () => assert.deepStrictEqual(sources("arbitrary"), [ext, ext2, ext]))
})

describe("limits", () => {
  const send = (nat: Nat.Nat, port: number, now: number) => nat.outbound(Packet.udp(a, port, r, 9), now, random)
  const isOpen = (nat: Nat.Nat, port: number, now: number) =>
    nat.inbound(Packet.udp(r, 9, ext, port), now)._tag === "Forward"

  it("a full table takes no more, or forgets the longest unused", () => {
    const closed = natOf(portNat({ tableSize: 2 }))
    for (const port of [1, 2]) send(closed, 5000 + port, port)
    dropped(send(closed, 5003, 3), "table full")
    const evicting = natOf(portNat({ tableSize: 2, whenFull: "evict-oldest" }))
    for (const port of [1, 2]) send(evicting, 5000 + port, port)
    send(evicting, 5001, 3)
    forwarded(send(evicting, 5003, 4))
    assert.deepStrictEqual(
      [5001, 5002, 5003].map((port) => isOpen(evicting, port, 5)),
      [true, false, true]
    )
  })

  it("strangers do not empty a table they may not enter", () => {
    const nat = natOf(portNat({ tableSize: 1, whenFull: "evict-oldest" }))
    send(nat, 5000, 0)
    for (let port = 5000; port < 5100; port++) nat.inbound(Packet.udp(ip("192.0.2.9"), 9, ext, port), 1)
    assert.isTrue(isOpen(nat, 5000, 2))
  })

  it("a quota counts ports, not flows, of all transports together", () => {
    const nat = natOf(portNat({ portQuota: 2 }))
    send(nat, 5000, 0)
    nat.outbound(Packet.udp(a, 5000, r, 10), 0, random)
    forwarded(nat.outbound(Packet.tcp(a, 5000, r, 9, { flags: Packet.SYN }), 0, random))
    dropped(send(nat, 5001, 0), "port quota reached")
    forwarded(nat.outbound(Packet.udp(b, 5001, r, 9), 0, random))
  })

  it("a stranger who was answered keeps the port from those who then send to him", () => {
    const nat = Nat.make(Result.getOrThrow(deviceNamed("linux-masquerade-bare")), { external: [ext] })
    const early = Packet.udp(r, 9, ext, 5000)
    answered(nat.inbound(early, 0), icmpError(early, "portUnreachable", ext))
    const left = forwarded(nat.outbound(Packet.udp(a, 5000, r, 9), 1, () => 0.5))
    assert.notStrictEqual(left._tag === "Udp" && left.srcPort, 5000)
    assert.strictEqual(nat.inbound(early, 2)._tag, "Answer")
    const other = forwarded(nat.outbound(Packet.udp(a, 5001, r, 9), 3, random))
    assert.strictEqual(other._tag === "Udp" && other.srcPort, 5001)
  })
})

describe("scale", () => {
  it("forgets everything it learned, and a packet among 50,000 flows is no search", () => {
    const nat = natOf(portNat({ udp: natUdp({ refreshInbound: true }), tcp: natTcp() }))
    const before = process.cpuUsage()
    const send = (at: number, now: number) =>
      nat.outbound(Packet.udp(ip("10.0.0.2"), 1024 + (at % 64_000), r, 9), now, random)._tag
    for (let at = 0; at < 50_000; at++) assert.strictEqual(send(at, 0), "Forward")
    assert.strictEqual(nat.flowCount, 50_000)
    for (let at = 0; at < 50_000; at++) send((at * 7919) % 50_000, 1)
    const { system, user } = process.cpuUsage(before)
    assert.strictEqual(nat.flowCount, 50_000)
    nat.outbound(Packet.udp(b, 1, r, 9), 10_000_000, random)
    assert.strictEqual(nat.flowCount, 1)
    // About a second of work, in microseconds; looking through the table for each packet would take minutes.
    assert.isBelow(system + user, 20e6)
  })
})
