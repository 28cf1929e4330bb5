/**
 * What a NAT, firewall or router does to packets, as data: the behaviour `protocols/nat` plays, in the words of RFC 4787,
 * RFC 5382 and RFC 5780. JSON in both forms, so devices can be listed, stored, edited and sent.
 *
 * Times are milliseconds. Ports are 0 to 65535.
 */
import * as Schema from "effect/Schema"

const Port = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))
const Count = Schema.Int.check(Schema.isGreaterThan(0))
const Millis = Schema.Int.check(Schema.isGreaterThan(0))

/** How much of a remote endpoint a rule looks at (RFC 4787 sections 4.1 and 5). */
export const Dependence = Schema.Literals(["endpoint-independent", "address-dependent", "address-and-port-dependent"])
export type Dependence = typeof Dependence.Type

/** Who may send in where ports stand still: as {@link Dependence}, or `open`, to anyone without a packet sent before. */
export const Filtering = Schema.Literals([...Dependence.literals, "open"])
export type Filtering = typeof Filtering.Type

/** Ports a NAT hands out, both ends included. */
export const PortRange = Schema.Struct({ first: Port, last: Port }).check(
  Schema.makeFilter(({ first, last }) => (first <= last ? undefined : `a port range from ${first} to ${last} is empty`))
)
export type PortRange = typeof PortRange.Type

/**
 * How the external port of a new mapping is chosen, as a number pattern (a "delta"). Where the chosen port is taken, the
 * next free one is: counted up from a random port in the range for `Equal` and `Preserving` (what Linux does), from the
 * chosen port for the others; at the end of the range it goes on at its start.
 */
export const Allocation = Schema.Union([
  /** The internal port, if it is in the range. */
  Schema.TaggedStruct("Equal", {}),
  /** The internal port moved by `offset`, wrapped into the range. */
  Schema.TaggedStruct("Preserving", { offset: Schema.Int }),
  /** The port of the last new mapping plus `step`, whatever the internal port; the first one is random. */
  Schema.TaggedStruct("Independent", { step: Schema.Int }),
  /** The port of the last new mapping plus `step` when the internal port is the last one's plus 1, else random. */
  Schema.TaggedStruct("Dependent", { step: Schema.Int }),
  Schema.TaggedStruct("Random", {})
])
export type Allocation = typeof Allocation.Type

/** A transport that is not let through, in either direction, and what the inside sender hears of it. */
export const Blocked = Schema.TaggedStruct("Blocked", {
  /** `icmp` is "administratively prohibited"; `rst` is for TCP only and means silence elsewhere. */
  answer: Schema.Literals(["drop", "icmp", "rst"])
})
export type Blocked = typeof Blocked.Type

const filteringFields = {
  filtering: Filtering,
  /** New flows may go to these remote ports only. Absent: to all. */
  remotePorts: Schema.optional(Schema.Array(Port)),
  /** Whether inbound packets keep a mapping alive, as outbound ones always do (RFC 4787 REQ-6). */
  refreshInbound: Schema.Boolean
}

const udpFields = {
  ...filteringFields,
  /** What a packet nobody asked for is answered with. */
  unsolicited: Schema.Literals(["drop", "icmp"]),
  /** Idle time until a flow is forgotten: before and after packets have gone in both directions. */
  timeouts: Schema.Struct({ unreplied: Millis, replied: Millis })
}

/** `keep`: the flow is forgotten after `timeouts.closing`. `flow`, `mapping`: at once, alone or with all of its mapping. */
export const OnClose = Schema.Literals(["keep", "flow", "mapping"])
export type OnClose = typeof OnClose.Type

/** As {@link OnClose}; `flow-if-unanswered`, what Linux does, is `flow` when the RST is the only answer there was, else `keep`. */
export const OnReset = Schema.Literals([...OnClose.literals, "flow-if-unanswered"])
export type OnReset = typeof OnReset.Type

const tcpFields = {
  ...filteringFields,
  unsolicited: Schema.Literals(["drop", "rst", "icmp"]),
  /** Idle time until a connection is forgotten, by its state (RFC 5382 section 5). */
  timeouts: Schema.Struct({ opening: Millis, established: Millis, closing: Millis }),
  /** After a RST in either direction. */
  onReset: OnReset,
  /** After a FIN in both directions and the acknowledgement of the second. */
  onFinish: OnClose,
  /** Whether a bare ACK starts a flow, as after a reboot of the device (Linux: `nf_conntrack_tcp_loose`). */
  pickup: Schema.Boolean
}

const mappingFields = {
  /** Filters look at what was sent from a mapping: without one nobody can send in, so there is no `open`. */
  filtering: Dependence,
  mapping: Dependence,
  allocation: Allocation,
  range: PortRange,
  /** Even internal ports get even external ones, odd ones odd (RFC 4787 REQ-4). */
  parity: Schema.Boolean,
  /** Two mappings may share an external port while their remote endpoints differ (RFC 4787 REQ-3 forbids it; Linux does it). */
  overloading: Schema.Boolean
}

export const FirewallUdp = Schema.TaggedStruct("Udp", udpFields)
export const FirewallTcp = Schema.TaggedStruct("Tcp", tcpFields)

const overloads = (rules: {
  readonly overloading: boolean
  readonly mapping: Dependence
  readonly filtering: Dependence
}): string | undefined =>
  rules.overloading &&
  (rules.mapping !== "address-and-port-dependent" || rules.filtering !== "address-and-port-dependent")
    ? "overloading needs address-and-port-dependent mapping and filtering: the remote endpoint is all that tells two mappings on one port apart"
    : undefined

export const NatUdp = Schema.TaggedStruct("Udp", {
  ...udpFields,
  ...mappingFields,
  /**
   * An unsolicited datagram that the device itself answers takes its port for `timeouts.unreplied`, so that an inside host
   * sending to that stranger is mapped elsewhere: a Linux router without a drop rule on its outside does this.
   */
  strangersHoldPorts: Schema.Boolean
}).check(
  Schema.makeFilter(overloads),
  Schema.makeFilter((rules) =>
    rules.strangersHoldPorts && !(rules.overloading && rules.unsolicited === "icmp")
      ? "strangersHoldPorts needs overloading and unsolicited icmp"
      : undefined
  )
)
export const NatTcp = Schema.TaggedStruct("Tcp", { ...tcpFields, ...mappingFields }).check(Schema.makeFilter(overloads))

export type FirewallUdp = typeof FirewallUdp.Type
export type FirewallTcp = typeof FirewallTcp.Type
export type NatUdp = typeof NatUdp.Type
export type NatTcp = typeof NatTcp.Type

const stateFields = {
  /** `blocked`: neither echo nor ICMP errors pass, so path MTU discovery breaks. */
  icmp: Schema.Literals(["carried", "blocked"]),
  /** Flows remembered at most. Absent: no limit but memory. */
  tableSize: Schema.optional(Count),
  whenFull: Schema.Literals(["drop-new", "evict-oldest"])
}

const translationFields = {
  /**
   * What happens to a packet from inside to one of the device's own external endpoints (RFC 4787 section 6): it is dropped,
   * or refused by the device as any closed port would, or arrives at the mapping's owner from the sender's internal or
   * (REQ-9a) external endpoint.
   */
  hairpinning: Schema.Literals(["none", "refused", "internal-source", "external-source"])
}

/** Packets of this family go nowhere. */
export const Absent = Schema.TaggedStruct("Absent", {})
/** Packets of this family pass unchanged, without state. */
export const Routed = Schema.TaggedStruct("Routed", {})
/** A stateful firewall: addresses and ports stand still (RFC 6092 for IPv6). */
export const Firewall = Schema.TaggedStruct("Firewall", {
  ...stateFields,
  udp: Schema.Union([Blocked, FirewallUdp]),
  tcp: Schema.Union([Blocked, FirewallTcp])
})
/** One external address for each inside host, ports stand still: "basic NAT" (RFC 2663 section 4.1.1), 1:1 NAT. */
export const AddressNat = Schema.TaggedStruct("AddressNat", {
  ...stateFields,
  ...translationFields,
  udp: Schema.Union([Blocked, FirewallUdp]),
  tcp: Schema.Union([Blocked, FirewallTcp])
})
/** Inside hosts share external addresses, told apart by port: NAPT (RFC 2663 section 4.1.2). */
export const PortNat = Schema.TaggedStruct("PortNat", {
  ...stateFields,
  ...translationFields,
  /** With several external addresses: one for each inside host, or one for each mapping (RFC 4787 REQ-2). */
  pooling: Schema.Literals(["paired", "arbitrary"]),
  /** External ports an inside address may hold at once, all transports together (RFC 6888 REQ-4). Absent: no limit. */
  portQuota: Schema.optional(Count),
  udp: Schema.Union([Blocked, NatUdp]),
  tcp: Schema.Union([Blocked, NatTcp])
})

export type Firewall = typeof Firewall.Type
export type AddressNat = typeof AddressNat.Type
export type PortNat = typeof PortNat.Type

/** What a device does with one address family. */
export const FamilyRules = Schema.Union([Absent, Routed, Firewall, AddressNat, PortNat])
export type FamilyRules = typeof FamilyRules.Type

export const NatDevice = Schema.Struct({
  /** Stable, kebab-case: what people type. */
  name: Schema.String.check(Schema.isPattern(/^[a-z0-9]+(?:-[a-z0-9]+)*$/)),
  /** One sentence: what it models. */
  summary: Schema.NonEmptyString,
  ipv4: FamilyRules,
  ipv6: FamilyRules
})
export type NatDevice = typeof NatDevice.Type
