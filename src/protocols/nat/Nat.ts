/**
 * A NAT, firewall or router as a deterministic state machine: packets in, verdicts out.
 *
 * Time (`now`, milliseconds, never going back) and luck (`random`, in [0, 1), drawn only where the device chooses freely)
 * are arguments, so the same calls give the same verdicts. It works on real addresses, ports, TCP flags and ICMP, and
 * keeps nothing but what a device would: making one costs a few objects, a table appears with the first packet of its
 * transport, and a packet costs the same however many flows there are.
 *
 *     const nat = Nat.make(device, { external: [publicAddress] })
 *     const verdict = nat.outbound(packet, now, random)    // from a host inside
 *     const verdict = nat.inbound(packet, now)             // from the internet
 *
 * The caller carries packets to the device: those from inside to another inside address never come here.
 */
import * as Result from "effect/Result"
import type { NatDevice } from "../../schemas/NatDevice.ts"
import type { Family, Ip } from "../packet/Ip.ts"
import { familyOf } from "../packet/Ip.ts"
import type { IpPacket } from "../packet/IpPacket.ts"
import { icmpError } from "../packet/reply.ts"
import type { Mapping } from "./Flow.ts"
import { Gate } from "./Gate.ts"
import type { Table } from "./Table.ts"
import type { Reason, Side, Verdict } from "./Verdict.ts"
import { answer, drop, forward } from "./Verdict.ts"

export interface NatAddresses {
  /** External addresses of either family; a family that is only filtered or routed needs none. */
  readonly external: ReadonlyArray<Ip>
  /** The device's own addresses on the inside, one a family at most: where its ICMP errors come from. */
  readonly inside?: ReadonlyArray<Ip> | undefined
  /** For address translation: who owns which external address. Others get one when they first send, while there are any. */
  readonly owners?: ReadonlyArray<{ readonly inside: Ip; readonly external: Ip }> | undefined
}

/** A mapping as seen from outside the model: what a port-mapping protocol or a trace shows. */
export interface MappingFacts {
  readonly transport: MappedTransport
  readonly inside: Ip
  readonly insidePort: number
  readonly outside: Ip
  readonly outsidePort: number
  /** Added by hand or by a port-mapping protocol. */
  readonly fixed: boolean
  /** When it ends unless used or renewed; `Infinity` for a fixed one without end. */
  readonly expiresAt: number
  /** The remote endpoints talking over it, the newest first. */
  readonly remotes: ReadonlyArray<{ readonly ip: Ip; readonly port: number }>
}

export type MappedTransport = "Udp" | "Tcp"

export interface MappingRequest {
  readonly transport: MappedTransport
  readonly inside: Ip
  readonly insidePort: number
  /** Absent: the device chooses, by its own rule. */
  readonly outsidePort?: number | undefined
  /** Absent: for ever. */
  readonly lifetime?: number | undefined
}

export class Nat {
  readonly device: NatDevice
  readonly #addresses: NatAddresses
  #gate4: Gate | undefined = undefined
  #gate6: Gate | undefined = undefined

  constructor(device: NatDevice, addresses: NatAddresses) {
    this.device = device
    this.#addresses = addresses
  }

  /** A packet from an inside host: to the internet, or to one of the device's own external addresses. */
  outbound(packet: IpPacket, now: number, random: () => number): Verdict {
    const gate = this.#gate(familyOf(packet.src))
    return gate === undefined ? this.#stateless("outside", packet) : gate.outbound(packet, now, random)
  }

  /** A packet from the internet to one of the device's external addresses, or through it to an inside one. */
  inbound(packet: IpPacket, now: number): Verdict {
    const gate = this.#gate(familyOf(packet.dst))
    return gate === undefined ? this.#stateless("inside", packet) : gate.inbound(packet, now)
  }

  /**
   * Ties an inside endpoint to an outside one for everybody: a port forward, a PCP or UPnP mapping, a firewall pinhole.
   * Again for the same inside endpoint it renews. A mapping that endpoint has already is fixed where it is. Fails with the
   * reason: a taken outside port, a spent quota, a blocked transport.
   */
  addMapping(request: MappingRequest, now: number, random: () => number): Result.Result<MappingFacts, Reason> {
    const table = this.#table(request.transport, request.inside, now)
    if (table === undefined) return Result.fail("transport blocked")
    const until = request.lifetime === undefined ? Infinity : now + request.lifetime
    const mapping = table.fix(request.inside, request.insidePort, request.outsidePort ?? -1, until, random)
    return typeof mapping === "string" ? Result.fail(mapping) : Result.succeed(factsOf(request.transport, mapping))
  }

  /** Ends a mapping made by {@link addMapping}; flows that use it go on. False when there is none. */
  removeMapping(request: Pick<MappingRequest, "transport" | "inside" | "insidePort">, now: number): boolean {
    return this.#table(request.transport, request.inside, now)?.unfix(request.inside, request.insidePort) ?? false
  }

  /** Every live mapping of both families. Looks at all of them: for people and protocols, not for every packet. */
  mappings(now: number): ReadonlyArray<MappingFacts> {
    return [this.#gate4, this.#gate6].flatMap((gate) => {
      gate?.ledger.expire(now)
      return (["Udp", "Tcp"] as const).flatMap((transport) =>
        (gate?.tableOf(transport)?.mappings() ?? []).map((mapping) => factsOf(transport, mapping))
      )
    })
  }

  /** Flows remembered now, of both families and all transports. */
  get flowCount(): number {
    return (this.#gate4?.ledger.flows ?? 0) + (this.#gate6?.ledger.flows ?? 0)
  }

  // The gate of a family, made with its first packet; none where the family is not looked at.
  #gate(family: Family): Gate | undefined {
    const known = family === 4 ? this.#gate4 : this.#gate6
    if (known !== undefined) return known
    const rules = family === 4 ? this.device.ipv4 : this.device.ipv6
    if (rules._tag === "Absent" || rules._tag === "Routed") return undefined
    const ofFamily = (ip: Ip): boolean => familyOf(ip) === family
    const { external, inside, owners = [] } = this.#addresses
    const gate = new Gate(rules, { external: external.filter(ofFamily), inside: inside?.find(ofFamily) })
    for (const owner of owners) if (ofFamily(owner.inside)) gate.ledger.own(owner.inside, owner.external)
    if (family === 4) this.#gate4 = gate
    else this.#gate6 = gate
    return gate
  }

  // The table a mapping of `inside` belongs to, as it is now.
  #table(transport: MappedTransport, inside: Ip, now: number): Table | undefined {
    const gate = this.#gate(familyOf(inside))
    gate?.ledger.expire(now)
    return gate?.tableOf(transport)
  }

  #stateless(side: Side, packet: IpPacket): Verdict {
    const rules = familyOf(packet.src) === 4 ? this.device.ipv4 : this.device.ipv6
    if (rules._tag === "Absent") return drop("family not carried")
    if (packet.ttl > 1) return forward(side, { ...packet, ttl: packet.ttl - 1 })
    const family = familyOf(packet.src)
    const own = side === "outside" ? this.#addresses.inside : this.#addresses.external
    const from = own?.find((ip) => familyOf(ip) === family) ?? packet.dst
    return answer("ttl exceeded", icmpError(packet, "ttlExceeded", from))
  }
}

/** A device at the given addresses, with nothing remembered. */
export const make = (device: NatDevice, addresses: NatAddresses): Nat => new Nat(device, addresses)

const factsOf = (transport: MappedTransport, mapping: Mapping): MappingFacts => {
  let expiresAt = mapping.fixedUntil
  const remotes: Array<MappingFacts["remotes"][number]> = []
  for (let flow = mapping.flows; flow !== undefined; flow = flow.elder) {
    remotes.push({ ip: flow.remote, port: flow.remotePort })
    if (flow.keeps) expiresAt = Math.max(expiresAt, flow.expiresAt)
  }
  return {
    transport,
    inside: mapping.inside,
    insidePort: mapping.insidePort,
    outside: mapping.outside,
    outsidePort: mapping.outsidePort,
    fixed: mapping.fixedUntil > 0,
    expiresAt,
    remotes
  }
}
