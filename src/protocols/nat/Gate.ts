/**
 * One address family at one device: translates, filters and hairpins its packets, and the ICMP errors about them.
 *
 * Checks come in the kernel's order: where a packet goes is looked up before its hop count, so one whose hop count runs out
 * here refreshes the flow it came in by; but it starts none.
 */
import type { AddressNat, Firewall, PortNat } from "../../schemas/NatDevice.ts"
import type { Ip } from "../packet/Ip.ts"
import type { Endpointed, IcmpErrorPacket, IpPacket } from "../packet/IpPacket.ts"
import { RST, withDestination, withSource } from "../packet/IpPacket.ts"
import { echoReply, icmpError, reset } from "../packet/reply.ts"
import * as Ends from "./ends.ts"
import type { Mapping } from "./Flow.ts"
import { Ledger } from "./Ledger.ts"
import { Table } from "./Table.ts"
import { echoRules, tcpRules, udpRules } from "./TableRules.ts"
import type { Reason, Verdict } from "./Verdict.ts"
import { answer, drop, forward } from "./Verdict.ts"

export type StatefulRules = Firewall | AddressNat | PortNat

/** The addresses of one family a device has. */
export interface GateAddresses {
  /** External addresses, first come first served. A firewall needs none. */
  readonly external: ReadonlyArray<Ip>
  /** The device's own address on the inside; its ICMP errors come from there. */
  readonly inside: Ip | undefined
}

/** Where a packet from outside goes. */
type InsideEnd = Pick<Mapping, "inside" | "insidePort">

export class Gate {
  readonly rules: StatefulRules
  readonly ledger: Ledger
  readonly #external: ReadonlySet<Ip>
  readonly #inside: Ip | undefined
  #udp: Table | undefined = undefined
  #tcp: Table | undefined = undefined
  #echo: Table | undefined = undefined

  constructor(rules: StatefulRules, addresses: GateAddresses) {
    const ports = rules._tag === "PortNat" ? rules : undefined
    this.rules = rules
    this.#external = new Set(rules._tag === "Firewall" ? [] : addresses.external)
    this.#inside = addresses.inside
    this.ledger = new Ledger(
      {
        tableSize: rules.tableSize,
        whenFull: rules.whenFull,
        portQuota: ports?.portQuota,
        pooling: ports?.pooling ?? "paired"
      },
      [...this.#external]
    )
  }

  outbound(packet: IpPacket, now: number, random: () => number): Verdict {
    this.ledger.expire(now)
    const home = this.#external.has(packet.dst)
    const hairpinning = this.rules._tag === "Firewall" ? "none" : this.rules.hairpinning
    if (home && hairpinning === "none") return drop("no hairpinning")
    if (home && hairpinning === "refused") return answer("no hairpinning", refusal(packet))
    if (packet.ttl <= 1) return this.#toInside("ttl exceeded", packet, "ttlExceeded")
    if (packet._tag === "IcmpError") return this.#errorOut(packet, home)
    const table = this.tableOf(packet._tag)
    if (table === undefined) return this.#refuse(packet)
    const { dst, src, ttl } = packet
    const mapping = table.send(src, Ends.nearOut(packet), dst, Ends.farOut(packet), Ends.flagsOf(packet), now, random)
    if (typeof mapping === "string") return drop(mapping)
    const sent = withSource(packet, mapping.outside, mapping.outsidePort, ttl - 1)
    return home ? this.#hairpin(packet, sent, table, hairpinning === "internal-source", now) : forward("outside", sent)
  }

  inbound(packet: IpPacket, now: number): Verdict {
    this.ledger.expire(now)
    if (this.rules._tag !== "Firewall" && !this.#external.has(packet.dst)) return drop("not for this device")
    if (packet._tag === "IcmpError") return this.#errorIn(packet)
    const table = this.tableOf(packet._tag)
    if (table === undefined) return drop("transport blocked")
    const found = this.#enter(packet, table, now)
    if (typeof found === "string") return this.#unsolicited(found, packet, table, now)
    if (packet.ttl <= 1) return answer("ttl exceeded", icmpError(packet, "ttlExceeded", packet.dst))
    return forward("inside", withDestination(packet, found.inside, found.insidePort, packet.ttl - 1))
  }

  /** The table of a transport, made when its first packet comes; none where the transport is blocked. */
  tableOf(transport: Endpointed["_tag"]): Table | undefined {
    switch (transport) {
      case "Udp":
        return (this.#udp ??= this.#open(
          this.rules.udp._tag === "Udp" ? udpRules(this.#translation, this.rules.udp) : undefined
        ))
      case "Tcp":
        return (this.#tcp ??= this.#open(
          this.rules.tcp._tag === "Tcp" ? tcpRules(this.#translation, this.rules.tcp) : undefined
        ))
      case "Echo":
        return (this.#echo ??= this.#open(
          this.rules.icmp === "carried" ? echoRules(this.#translation, this.#isOpen) : undefined
        ))
    }
  }

  get #translation(): "none" | "address" | "port" {
    return this.rules._tag === "Firewall" ? "none" : this.rules._tag === "AddressNat" ? "address" : "port"
  }

  get #isOpen(): boolean {
    return this.rules.udp._tag === "Udp" && this.rules.udp.filtering === "open"
  }

  #open(rules: Table["rules"] | undefined): Table | undefined {
    if (rules === undefined) return undefined
    const table = new Table(rules, this.ledger)
    this.ledger.tables.push(table)
    return table
  }

  // Where a packet from outside goes; an open filter needs no mapping for that.
  #enter(packet: Endpointed, table: Table, now: number): InsideEnd | Reason {
    const port = Ends.nearIn(packet)
    const found = table.receive(packet.dst, port, packet.src, Ends.farIn(packet), Ends.flagsOf(packet), now)
    return typeof found === "string" ? (this.#unmapped(table, packet.dst, port) ?? found) : found
  }

  // The inside end behind an open filter, where the address alone tells it.
  #unmapped(table: Table | undefined, outside: Ip, insidePort: number): InsideEnd | undefined {
    if (table?.rules.filtering !== "open") return undefined
    const inside = this.rules._tag === "Firewall" ? outside : this.ledger.ownerOf(outside)
    return inside === undefined ? undefined : { inside, insidePort }
  }

  #unsolicited(reason: Reason, packet: Endpointed, table: Table, now: number): Verdict {
    const { strangersHoldPorts, unsolicited } = table.rules
    if (unsolicited === "drop" || reason === "table full" || Ends.flagsOf(packet) & RST) return drop(reason)
    if (unsolicited === "rst") return answer(reason, packet._tag === "Tcp" ? reset(packet) : undefined)
    if (strangersHoldPorts) table.holdPort(packet.dst, Ends.nearIn(packet), packet.src, Ends.farIn(packet), now)
    // A NAT speaks for the closed port, a firewall for its policy (RFC 5382 REQ-4, RFC 6092 REC-17).
    const kind = this.rules._tag === "Firewall" ? "adminProhibited" : "portUnreachable"
    return answer(reason, icmpError(packet, kind, packet.dst))
  }

  // `sent` is the packet as it would have left; with an internal source the original is what arrives.
  #hairpin(packet: Endpointed, sent: Endpointed, table: Table, internalSource: boolean, now: number): Verdict {
    const found = this.#enter(sent, table, now)
    if (typeof found === "string") return drop(found)
    const arriving = internalSource ? packet : sent
    return forward("inside", withDestination(arriving, found.inside, found.insidePort, sent.ttl))
  }

  #refuse(packet: Endpointed): Verdict {
    const blocked = packet._tag === "Udp" ? this.rules.udp : packet._tag === "Tcp" ? this.rules.tcp : undefined
    if (blocked?._tag !== "Blocked" || blocked.answer === "drop") return drop("transport blocked")
    if (blocked.answer === "icmp") return this.#toInside("transport blocked", packet, "adminProhibited")
    return answer("transport blocked", packet._tag === "Tcp" ? reset(packet) : undefined)
  }

  // Without an inside address of its own the device speaks in the name of the destination, as a bridge does.
  #toInside(reason: Reason, packet: IpPacket, kind: "ttlExceeded" | "adminProhibited"): Verdict {
    return answer(reason, icmpError(packet, kind, this.#inside ?? packet.dst))
  }

  // RFC 5508 REQ-4: the quoted packet is one that left here; its sender is shown it as it was sent.
  #errorIn(packet: IcmpErrorPacket): Verdict {
    if (this.rules.icmp === "blocked") return drop("transport blocked")
    const { quote } = packet
    const table = this.tableOf(Ends.transportOf(quote))
    const found =
      table?.received(quote.src, quote.srcPort, quote.dst, quote.dstPort) ??
      this.#unmapped(table, quote.src, quote.srcPort)
    if (found === undefined) return drop("no flow")
    if (packet.ttl <= 1) return drop("ttl exceeded")
    const shown = Ends.quoteInside(quote, found.inside, found.insidePort)
    return forward("inside", { ...packet, dst: found.inside, ttl: packet.ttl - 1, quote: shown })
  }

  // RFC 5508 REQ-5: the quoted packet is one that came in here. A router further inside has no external address of its
  // own, so through a NAT every error leaves from the mapping's.
  #errorOut(packet: IcmpErrorPacket, home: boolean): Verdict {
    if (this.rules.icmp === "blocked") return drop("transport blocked")
    const { quote } = packet
    const near = Ends.nearQuoted(quote)
    const table = this.tableOf(Ends.transportOf(quote))
    const mapping = table?.sent(quote.dst, near, quote.src, Ends.farQuoted(quote))
    const outside = mapping?.outside ?? this.#outsideOf(table, quote.dst)
    if (outside === undefined) return drop("no flow")
    const src = this.rules._tag === "Firewall" ? packet.src : outside
    const shown = Ends.quoteOutside(quote, outside, mapping?.outsidePort ?? near)
    const sent: IcmpErrorPacket = { ...packet, src, ttl: packet.ttl - 1, quote: shown }
    return home ? this.#errorIn({ ...sent, ttl: packet.ttl }) : forward("outside", sent)
  }

  // A firewall lets out errors about anything; behind an open filter the address alone tells the outside end.
  #outsideOf(table: Table | undefined, inside: Ip): Ip | undefined {
    if (this.rules._tag === "Firewall") return inside
    return table?.rules.filtering === "open" ? this.ledger.ownedBy(inside) : undefined
  }
}

// What a host answers whose ports are all closed.
const refusal = (packet: IpPacket): IpPacket | undefined =>
  packet._tag === "Tcp"
    ? reset(packet)
    : packet._tag === "Echo"
      ? echoReply(packet)
      : icmpError(packet, "portUnreachable", packet.dst)
