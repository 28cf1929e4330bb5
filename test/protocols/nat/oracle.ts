/**
 * A second opinion on the NAT model: the same rules as plain tables, looked through from top to bottom for every packet.
 *
 * Nothing of the model is used but its packets and types. There are no queues: what is dead is found by comparing times.
 * There are no keys: rows are found by comparing fields. Where luck decides, the oracle takes the model's choice from
 * outside, says whether the rules allowed it, and goes on with it.
 */
import { assert } from "@effect/vitest"
import type { Endpointed, IpPacket, TcpPacket } from "../../../src/protocols/packet/IpPacket.ts"
import * as Packet from "../../../src/protocols/packet/IpPacket.ts"
import { familyOf, type Ip } from "../../../src/protocols/packet/Ip.ts"
import type { Verdict } from "../../../src/protocols/nat/Verdict.ts"
import type * as NatDevice from "../../../src/schemas/NatDevice.ts"

type Transport = Endpointed["_tag"]
type Rules = NatDevice.Firewall | NatDevice.AddressNat | NatDevice.PortNat

export interface End {
  readonly ip: Ip
  readonly port: number
}

interface MappingRow {
  readonly transport: Transport
  readonly inside: End
  readonly outside: End
  /** What the mapping rule ties it to, `undefined` for one that was fixed from the start. */
  scope: string | undefined
  fixedUntil: number
  readonly stranger: boolean
}

interface FlowRow {
  readonly mapping: MappingRow
  readonly remote: End
  keeps: boolean
  usedAt: number
  timeout: number
  /** The story of a TCP flow, or of datagrams: one letter for each direction. */
  readonly story: Array<{ readonly out: boolean; readonly flags: number }>
}

/** What the oracle expects; `port` stands for "as the rules choose", already checked. */
export type Expected =
  | { readonly tag: "Drop"; readonly reason: string }
  | { readonly tag: "Forward"; readonly side: string; readonly src: End; readonly dst: End }
  | { readonly tag: "Answer"; readonly reason: string; readonly kind: string }

const same = (a: End, b: End): boolean => a.ip === b.ip && a.port === b.port

const drop = (reason: string): Expected => ({ tag: "Drop", reason })

const isTcp = (packet: IpPacket): packet is TcpPacket => packet._tag === "Tcp"

export class Oracle {
  readonly #rules: Rules
  readonly #pool: ReadonlyArray<Ip>
  mappings: Array<MappingRow> = []
  flows: Array<FlowRow> = []
  readonly #owners: Array<{ readonly inside: Ip; readonly outside: Ip }> = []
  readonly #last: { [T in Transport]?: { readonly inside: number; readonly outside: number } } = {}

  constructor(rules: Rules, pool: ReadonlyArray<Ip>) {
    this.#rules = rules
    this.#pool = rules._tag === "Firewall" ? [] : pool
  }

  /** `choice` is the outside end the model has for this flow now, if it has it. */
  outbound(packet: Endpointed, now: number, choice: End | undefined): Expected {
    this.#bury(now)
    const toSelf = this.#pool.includes(packet.dst)
    const hairpinning = this.#rules._tag === "Firewall" ? "none" : this.#rules.hairpinning
    if (toSelf && hairpinning === "none") return drop("no hairpinning")
    if (toSelf && hairpinning === "refused") {
      if (isTcp(packet)) return packet.flags & Packet.RST ? drop("no hairpinning") : answers("no hairpinning", "Tcp")
      return answers("no hairpinning", packet._tag === "Udp" ? "portUnreachable" : "Echo")
    }
    if (packet.ttl <= 1) return answers("ttl exceeded", "ttlExceeded")
    const blocked = this.#blocked(packet)
    if (blocked !== undefined) return blocked
    const transport = packet._tag
    const inside: End =
      packet._tag === "Echo" ? { ip: packet.src, port: packet.id } : { ip: packet.src, port: packet.srcPort }
    const remote: End = packet._tag === "Echo" ? { ip: packet.dst, port: 0 } : { ip: packet.dst, port: packet.dstPort }
    let flow = this.flows.find(
      (f) => f.mapping.transport === transport && same(f.mapping.inside, inside) && same(f.remote, remote)
    )
    if (flow === undefined) {
      const opened = this.#open(packet, inside, remote, now, choice)
      if (typeof opened === "string") return drop(opened)
      flow = opened
    }
    flow.keeps = true
    const { outside } = flow.mapping
    this.#used(flow, true, packet, now)
    if (!toSelf) return { tag: "Forward", side: "outside", src: outside, dst: remote }
    const landed = this.#enter(packet, remote, outside, now)
    if (typeof landed === "string") return drop(landed)
    return { tag: "Forward", side: "inside", src: hairpinning === "internal-source" ? inside : outside, dst: landed }
  }

  inbound(packet: Endpointed, now: number): Expected {
    this.#bury(now)
    if (this.#rules._tag !== "Firewall" && !this.#pool.includes(packet.dst)) return drop("not for this device")
    const blocked = this.#blocked(packet)
    if (blocked !== undefined) return drop("transport blocked")
    const outside: End =
      packet._tag === "Echo" ? { ip: packet.dst, port: packet.id } : { ip: packet.dst, port: packet.dstPort }
    const remote: End = packet._tag === "Echo" ? { ip: packet.src, port: 0 } : { ip: packet.src, port: packet.srcPort }
    const landed = this.#enter(packet, outside, remote, now)
    if (typeof landed === "string") return this.#unsolicited(packet, landed, outside, remote, now)
    if (packet.ttl <= 1) return answers("ttl exceeded", "ttlExceeded")
    return { tag: "Forward", side: "inside", src: remote, dst: landed }
  }

  // --- rows -------------------------------------------------------------------------------------------------------

  #transport(
    transport: Transport
  ): NatDevice.NatUdp | NatDevice.NatTcp | NatDevice.FirewallUdp | NatDevice.FirewallTcp | undefined {
    const rules = transport === "Udp" ? this.#rules.udp : transport === "Tcp" ? this.#rules.tcp : undefined
    return rules === undefined || rules._tag === "Blocked" ? undefined : rules
  }

  #filtering(transport: Transport): NatDevice.Filtering {
    if (transport !== "Echo") return this.#transport(transport)!.filtering
    return this.#rules.udp._tag === "Udp" && this.#rules.udp.filtering === "open" ? "open" : "address-dependent"
  }

  #refreshes(transport: Transport): boolean {
    return transport === "Echo" || this.#transport(transport)!.refreshInbound
  }

  #natRules(transport: Transport): NatDevice.NatUdp | NatDevice.NatTcp | undefined {
    const rules = this.#transport(transport)
    return rules !== undefined && "mapping" in rules ? rules : undefined
  }

  #overloads(transport: Transport): boolean {
    return this.#natRules(transport)?.overloading === true
  }

  #keepers(mapping: MappingRow): ReadonlyArray<FlowRow> {
    return this.flows.filter((f) => f.mapping === mapping && f.keeps)
  }

  #bury(now: number): void {
    this.flows = this.flows.filter((f) => f.usedAt + f.timeout > now)
    this.#bareMappings(undefined)
    for (const mapping of this.mappings)
      if (mapping.fixedUntil !== 0 && mapping.fixedUntil <= now) this.#loosen(mapping)
    this.#bareMappings(undefined)
  }

  // A fixed mapping that ends while it is in use is its endpoint's mapping, unless that has another.
  #loosen(mapping: MappingRow): void {
    mapping.fixedUntil = 0
    const { inside, transport } = mapping
    const rule = this.#natRules(transport)?.mapping ?? "endpoint-independent"
    const other = this.mappings.some((m) => m.transport === transport && same(m.inside, inside) && m.scope === "any")
    if (rule === "endpoint-independent" && !other) mapping.scope = "any"
  }

  // Mappings that nothing keeps go, with the flows that lean on them.
  #bareMappings(spared: MappingRow | undefined): void {
    this.mappings = this.mappings.filter((m) => m === spared || m.fixedUntil > 0 || this.#keepers(m).length > 0)
    this.flows = this.flows.filter((f) => this.mappings.includes(f.mapping))
  }

  #makeRoom(spared: MappingRow): void {
    if (this.#rules.tableSize === undefined || this.flows.length < this.#rules.tableSize) return
    const oldest = this.flows.reduce((a, b) => (b.usedAt < a.usedAt ? b : a))
    this.flows = this.flows.filter((f) => f !== oldest)
    this.#bareMappings(spared)
  }

  get #isFull(): boolean {
    const { tableSize, whenFull } = this.#rules
    return whenFull === "drop-new" && tableSize !== undefined && this.flows.length >= tableSize
  }

  #used(flow: FlowRow, out: boolean, packet: Endpointed, now: number): void {
    const transport = flow.mapping.transport
    const before = current(flow.story)
    flow.story.push({ out, flags: isTcp(packet) ? packet.flags : 0 })
    const rules = this.#transport(transport)
    if (rules?._tag === "Tcp" && isTcp(packet)) {
      const unanswered = !(before.some((s) => s.out) && before.some((s) => !s.out))
      const onReset = rules.onReset === "flow-if-unanswered" ? (unanswered ? "flow" : "keep") : rules.onReset
      const end = packet.flags & Packet.RST ? onReset : acknowledgedEnd(current(flow.story)) ? rules.onFinish : "keep"
      if (end !== "keep") {
        const whole = end === "mapping" && flow.mapping.fixedUntil === 0
        this.flows = this.flows.filter((f) => (whole ? f.mapping !== flow.mapping : f !== flow))
        this.#bareMappings(undefined)
        return
      }
    }
    if (!out && !this.#refreshes(transport)) return
    flow.usedAt = now
    flow.timeout = this.#timeout(flow)
  }

  #timeout(flow: FlowRow): number {
    const rules = this.#transport(flow.mapping.transport)
    if (rules === undefined) return 60_000
    if (rules._tag === "Udp") {
      const answered = flow.story.some((s) => s.out) && flow.story.some((s) => !s.out)
      return answered ? rules.timeouts.replied : rules.timeouts.unreplied
    }
    const story = current(flow.story)
    if (ended(story)) return rules.timeouts.closing
    const acked = (out: boolean) => story.some((s) => s.out === out && s.flags & Packet.ACK)
    return acked(true) && acked(false) ? rules.timeouts.established : rules.timeouts.opening
  }

  // --- decisions --------------------------------------------------------------------------------------------------

  #blocked(packet: Endpointed): Expected | undefined {
    if (packet._tag === "Echo") return this.#rules.icmp === "blocked" ? drop("transport blocked") : undefined
    const rules = packet._tag === "Udp" ? this.#rules.udp : this.#rules.tcp
    if (rules._tag !== "Blocked") return undefined
    if (rules.answer === "icmp") return answers("transport blocked", "adminProhibited")
    const resets = rules.answer === "rst" && isTcp(packet) && (packet.flags & Packet.RST) === 0
    return resets ? answers("transport blocked", "Tcp") : drop("transport blocked")
  }

  #open(packet: Endpointed, inside: End, remote: End, now: number, choice: End | undefined): FlowRow | string {
    const transport = packet._tag
    const rules = this.#transport(transport)
    if (rules?.remotePorts !== undefined && !rules.remotePorts.includes(remote.port)) return "remote port not allowed"
    if (isTcp(packet) && rules?._tag === "Tcp" && !starts(packet.flags, rules.pickup)) return "no flow"
    if (this.#isFull) return "table full"
    const fixed = this.mappings.find((m) => m.transport === transport && m.fixedUntil > 0 && same(m.inside, inside))
    const scope = this.#scope(transport, remote)
    const known = this.mappings.find(
      (m) => !this.#overloads(transport) && m.transport === transport && same(m.inside, inside) && m.scope === scope
    )
    const mapping = fixed ?? known ?? this.#allocate(transport, inside, remote, scope, choice)
    if (typeof mapping === "string") return mapping
    if (
      this.flows.some(
        (f) => f.mapping.transport === transport && same(f.mapping.outside, mapping.outside) && same(f.remote, remote)
      )
    ) {
      return "no free port"
    }
    return this.#begin(mapping, remote, now)
  }

  #begin(mapping: MappingRow, remote: End, now: number): FlowRow {
    this.#makeRoom(mapping)
    const rules = this.#transport(mapping.transport)
    const timeout =
      rules === undefined ? 60_000 : rules._tag === "Udp" ? rules.timeouts.unreplied : rules.timeouts.opening
    const flow: FlowRow = { mapping, remote, keeps: false, usedAt: now, timeout, story: [] }
    this.flows.push(flow)
    return flow
  }

  #scope(transport: Transport, remote: End): string {
    const rule = this.#natRules(transport)?.mapping ?? "endpoint-independent"
    return rule === "endpoint-independent"
      ? "any"
      : rule === "address-dependent"
        ? remote.ip
        : `${remote.ip} ${remote.port}`
  }

  #enter(packet: Endpointed, outside: End, remote: End, now: number): End | string {
    const found = this.#admit(packet, outside, remote, now)
    if (typeof found !== "string" || this.#filtering(packet._tag) !== "open") return found
    const owner =
      this.#rules._tag === "Firewall" ? outside.ip : this.#owners.find((o) => o.outside === outside.ip)?.inside
    return owner === undefined ? found : { ip: owner, port: outside.port }
  }

  #admit(packet: Endpointed, outside: End, remote: End, now: number): End | string {
    const transport = packet._tag
    const flow = this.flows.find(
      (f) => f.mapping.transport === transport && same(f.mapping.outside, outside) && same(f.remote, remote)
    )
    if (flow?.keeps === true) {
      this.#used(flow, false, packet, now)
      return flow.mapping.stranger ? "no mapping" : flow.mapping.inside
    }
    const mapping = this.mappings.find(
      (m) =>
        m.transport === transport &&
        !m.stranger &&
        same(m.outside, outside) &&
        (m.fixedUntil > 0 || !this.#overloads(transport))
    )
    if (mapping === undefined) return "no mapping"
    if (mapping.fixedUntil === 0 && !this.#passes(mapping, remote)) return "filtered"
    if (flow !== undefined) {
      this.#used(flow, false, packet, now)
      return mapping.inside
    }
    const rules = this.#transport(transport)
    if (isTcp(packet) && rules?._tag === "Tcp" && !starts(packet.flags, rules.pickup)) return "no flow"
    if (
      this.flows.some(
        (f) => f.mapping.transport === transport && same(f.mapping.inside, mapping.inside) && same(f.remote, remote)
      )
    ) {
      return mapping.inside
    }
    if (this.#isFull) return "table full"
    const begun = this.#begin(mapping, remote, now)
    if (this.#refreshes(transport)) begun.keeps = true
    this.#used(begun, false, packet, now)
    this.#bareMappings(undefined)
    return mapping.inside
  }

  #passes(mapping: MappingRow, remote: End): boolean {
    switch (this.#filtering(mapping.transport)) {
      case "open":
      case "endpoint-independent":
        return true
      case "address-dependent":
        return this.#keepers(mapping).some((f) => f.remote.ip === remote.ip)
      case "address-and-port-dependent":
        return false
    }
  }

  #unsolicited(packet: Endpointed, reason: string, outside: End, remote: End, now: number): Expected {
    const rules = this.#transport(packet._tag)
    const isReset = isTcp(packet) && (packet.flags & Packet.RST) !== 0
    if (rules === undefined || rules.unsolicited === "drop" || reason === "table full" || isReset) return drop(reason)
    if (rules.unsolicited === "rst") return answers(reason, "Tcp")
    if ("strangersHoldPorts" in rules && rules.strangersHoldPorts && !this.#isFull) {
      const known = this.flows.some(
        (f) => f.mapping.transport === "Udp" && same(f.mapping.outside, outside) && same(f.remote, remote)
      )
      if (!known) {
        const mapping: MappingRow = {
          transport: "Udp",
          inside: outside,
          outside,
          scope: undefined,
          fixedUntil: 0,
          stranger: true
        }
        this.mappings.push(mapping)
        const flow = this.#begin(mapping, remote, now)
        flow.keeps = true
        this.#used(flow, false, packet, now)
      }
    }
    return answers(reason, this.#rules._tag === "Firewall" ? "adminProhibited" : "portUnreachable")
  }

  // --- allocation -------------------------------------------------------------------------------------------------

  #allocate(
    transport: Transport,
    inside: End,
    remote: End,
    scope: string,
    choice: End | undefined
  ): MappingRow | string {
    const outside = this.#outsideEnd(transport, inside, remote, choice)
    if (typeof outside === "string") return outside
    const mapping: MappingRow = { transport, inside, outside, scope, fixedUntil: 0, stranger: false }
    this.mappings.push(mapping)
    if (this.#rules._tag === "PortNat") this.#last[transport] = { inside: inside.port, outside: outside.port }
    return mapping
  }

  #outsideEnd(transport: Transport, inside: End, remote: End, choice: End | undefined): End | string {
    if (this.#rules._tag === "Firewall") return inside
    if (this.#rules._tag === "AddressNat") {
      const owned = this.#owners.find((o) => o.inside === inside.ip)?.outside
      const free = this.#pool.find((ip) => this.#owners.every((o) => o.outside !== ip))
      const ip = owned ?? free
      if (ip === undefined) return "no external address"
      if (owned === undefined) this.#owners.push({ inside: inside.ip, outside: ip })
      return { ip, port: inside.port }
    }
    const held = this.mappings.filter((m) => !m.stranger && m.inside.ip === inside.ip)
    if (this.#rules.portQuota !== undefined && held.length >= this.#rules.portQuota) return "port quota reached"
    if (this.#pool.length === 0) return "no external address"
    const addresses = this.#rules.pooling === "paired" && held.length > 0 ? [held[0]!.outside.ip] : this.#pool
    if (choice === undefined) {
      const exhausted = addresses.some((ip) => !this.#ports(transport, inside, remote, ip).some())
      assert.isTrue(
        exhausted,
        `the model found no port for ${Packet.formatEndpoint(inside.ip, inside.port)}, there are some`
      )
      return "no free port"
    }
    assert.include(addresses, choice.ip, "the external address of a new mapping (RFC 4787 REQ-2)")
    const { must, may } = this.#ports(transport, inside, remote, choice.ip)
    if (must !== undefined) assert.strictEqual(choice.port, must, "the external port of a new mapping")
    else assert.isTrue(may(choice.port), `external port ${choice.port} of a new mapping`)
    return choice
  }

  /** The port the rules demand for a new mapping, or those they allow, and whether there is any. */
  #ports(transport: Transport, inside: End, remote: End, ip: Ip) {
    const rules = this.#natRules(transport)
    const { first, last } = rules?.range ?? { first: 0, last: 65_535 }
    const size = last - first + 1
    const wrapped = (port: number): number => first + ((((port - first) % size) + size) % size)
    const fits = (port: number): boolean =>
      port >= first &&
      port <= last &&
      (rules?.parity !== true || port % 2 === inside.port % 2) &&
      !this.#taken(transport, { ip, port }, remote)
    const straddles = first < 1024 && last >= 1024
    const may = (port: number): boolean => fits(port) && (!straddles || port < 1024 === inside.port < 1024)
    const upFrom = (start: number): number | undefined => {
      for (let step = 0; step < size; step++) if (fits(wrapped(start + step))) return wrapped(start + step)
      return undefined
    }
    const some = (): boolean => {
      for (let port = first; port <= last; port++) if (must !== undefined || may(port)) return true
      return false
    }
    const previous = this.#last[transport]
    const allocation = rules?.allocation ?? { _tag: "Equal" }
    let must: number | undefined
    let counts = false
    if (allocation._tag === "Equal" || allocation._tag === "Preserving") {
      const twins = this.mappings.filter(
        (m) => m.transport === transport && m.scope !== undefined && same(m.inside, inside)
      )
      const again = twins.at(-1)?.outside.port
      const wanted = allocation._tag === "Equal" ? inside.port : wrapped(inside.port + allocation.offset)
      if (again !== undefined && remote.port >= 0 && this.#overloads(transport) && fits(again)) must = again
      else if (fits(wanted)) must = wanted
    } else if (allocation._tag !== "Random") {
      counts = true
      const goesOn = allocation._tag === "Independent" || inside.port === (previous?.inside ?? -2) + 1
      if (previous !== undefined && goesOn) must = upFrom(previous.outside + allocation.step)
    }
    return { must, may: counts ? fits : may, some: counts ? () => upFrom(first) !== undefined : some }
  }

  #taken(transport: Transport, outside: End, remote: End): boolean {
    return this.mappings.some(
      (m) =>
        m.transport === transport &&
        same(m.outside, outside) &&
        (!this.#overloads(transport) ||
          m.fixedUntil > 0 ||
          this.flows.some((f) => f.mapping === m && same(f.remote, remote)))
    )
  }

  // --- fixed mappings -----------------------------------------------------------------------------------------------

  /** `choice` is what the model says it did. */
  fix(
    transport: "Udp" | "Tcp",
    inside: End,
    port: number | undefined,
    until: number,
    now: number,
    choice: End | string
  ): void {
    this.#bury(now)
    const expected = this.#fix(transport, inside, port, until, typeof choice === "string" ? undefined : choice)
    assert.deepStrictEqual(choice, expected, "what became of a request for a mapping")
  }

  #fix(
    transport: "Udp" | "Tcp",
    inside: End,
    wanted: number | undefined,
    until: number,
    choice: End | undefined
  ): End | string {
    if (this.#transport(transport) === undefined) return "transport blocked"
    const port = this.#rules._tag === "PortNat" ? wanted : undefined
    const mine = this.mappings.filter((m) => m.transport === transport && same(m.inside, inside))
    const fixed = mine.find((m) => m.fixedUntil > 0)
    const current = fixed ?? mine.find((m) => m.scope === "any" && !this.#overloads(transport))
    if (current !== undefined && (port === undefined || port === current.outside.port)) {
      current.fixedUntil = until
      return current.outside
    }
    if (fixed !== undefined) return "no free port"
    if (port === undefined) {
      // Any remote will do: nothing may share the port of a fixed mapping.
      const outside = this.#outsideEnd(transport, inside, { ip: inside.ip, port: -1 }, choice)
      if (typeof outside === "string") return outside
      if (this.#rules._tag === "PortNat") this.#last[transport] = { inside: inside.port, outside: outside.port }
      return this.#keepFixed(transport, inside, outside, until)
    }
    const held = this.mappings.filter((m) => !m.stranger && m.inside.ip === inside.ip)
    if (this.#rules._tag === "PortNat" && this.#rules.portQuota !== undefined && held.length >= this.#rules.portQuota)
      return "port quota reached"
    const addresses =
      held.length > 0 && this.#rules._tag === "PortNat" && this.#rules.pooling === "paired"
        ? [held[0]!.outside.ip]
        : this.#pool
    const taken = (ip: Ip): boolean => this.#taken(transport, { ip, port }, { ip, port: -1 })
    // Refused, it does not say at which of its addresses.
    if (choice === undefined) return addresses.some(taken) ? "no free port" : "granted"
    assert.include(addresses, choice.ip)
    return taken(choice.ip) ? "no free port" : this.#keepFixed(transport, inside, { ip: choice.ip, port }, until)
  }

  #keepFixed(transport: Transport, inside: End, outside: End, fixedUntil: number): End {
    this.mappings.push({ transport, inside, outside, scope: undefined, fixedUntil, stranger: false })
    return outside
  }

  unfix(transport: "Udp" | "Tcp", inside: End, now: number): boolean {
    this.#bury(now)
    const mapping = this.mappings.find((m) => m.transport === transport && m.fixedUntil > 0 && same(m.inside, inside))
    if (mapping === undefined) return false
    this.#loosen(mapping)
    this.#bareMappings(undefined)
    return true
  }
}

const answers = (reason: string, kind: string): Expected => ({ tag: "Answer", reason, kind })

const starts = (flags: number, pickup: boolean): boolean => {
  const core = flags & (Packet.SYN | Packet.ACK | Packet.FIN | Packet.RST)
  return core === Packet.SYN || (pickup && core === Packet.ACK)
}

type Story = FlowRow["story"]

const finished = (story: Story): boolean =>
  [true, false].every((out) => story.some((s) => s.out === out && s.flags & Packet.FIN))

const ended = (story: Story): boolean =>
  finished(story) || (story.length > 0 && (story.at(-1)!.flags & Packet.RST) !== 0)

/** The story since the last SYN that came after an end. */
const current = (story: Story): Story => {
  let from = 0
  story.forEach(({ flags }, at) => {
    if ((flags & (Packet.SYN | Packet.ACK)) === Packet.SYN && ended(story.slice(from, at))) from = at
  })
  return story.slice(from)
}

/** Whether some segment without FIN came after a FIN in both directions. */
const acknowledgedEnd = (story: Story): boolean =>
  story.some((s, at) => (s.flags & Packet.FIN) === 0 && finished(story.slice(0, at)))

/** A verdict in the oracle's words. */
export const inWords = (verdict: Verdict): Expected => {
  if (verdict._tag === "Drop") return drop(verdict.reason)
  const { packet } = verdict
  if (verdict._tag === "Answer") return answers(verdict.reason, packet._tag === "IcmpError" ? packet.kind : packet._tag)
  assert.notStrictEqual(packet._tag, "IcmpError")
  if (packet._tag === "IcmpError") return drop("an error")
  const outward = verdict.side === "outside"
  const src = { ip: packet.src, port: packet._tag === "Echo" ? (outward ? packet.id : 0) : packet.srcPort }
  const dst = { ip: packet.dst, port: packet._tag === "Echo" ? (outward ? 0 : packet.id) : packet.dstPort }
  return { tag: "Forward", side: verdict.side, src, dst }
}

export const rulesOf = (device: NatDevice.NatDevice, ip: Ip): NatDevice.FamilyRules =>
  familyOf(ip) === 4 ? device.ipv4 : device.ipv6
