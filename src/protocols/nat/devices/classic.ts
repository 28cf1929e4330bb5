/**
 * The textbook NAT types (RFC 3489 section 5) with each of the five deltas: one kind of behaviour at a time, for matrices.
 *
 * The same rules serve UDP and TCP. No hairpinning, silence to strangers, IPv4 only: what is not the point is switched off.
 * Three types have no ports to choose, so they come once.
 */
import type * as NatDevice from "../../../schemas/NatDevice.ts"
import { ABSENT, blocked, both, firewall, portNat, ROUTED } from "./rules.ts"

export const TYPES = [
  "open-internet",
  "symmetric-firewall",
  "full-cone",
  "restricted-cone",
  "port-restricted-cone",
  "symmetric",
  "blocked"
] as const
export type Type = (typeof TYPES)[number]

export const DELTAS = ["equal", "preserving", "independent", "dependent", "random"] as const
export type Delta = (typeof DELTAS)[number]

const allocations: { readonly [D in Delta]: NatDevice.Allocation } = {
  equal: { _tag: "Equal" },
  preserving: { _tag: "Preserving", offset: 1000 },
  independent: { _tag: "Independent", step: 3 },
  dependent: { _tag: "Dependent", step: 2 },
  random: { _tag: "Random" }
}

const deltaWords: { readonly [D in Delta]: string } = {
  equal: "the external port is the internal one",
  preserving: "the external port is the internal one plus 1000",
  independent: "every new external port is the last one plus 3",
  dependent: "the external port goes up by 2 when the internal one goes up by 1, else it is random",
  random: "external ports are random"
}

type Cone = Exclude<Type, "open-internet" | "symmetric-firewall" | "blocked">

const cones: { readonly [C in Cone]: Pick<NatDevice.NatUdp, "mapping" | "filtering"> & { readonly words: string } } = {
  "full-cone": {
    mapping: "endpoint-independent",
    filtering: "endpoint-independent",
    words: "One mapping for all remotes, open to everybody"
  },
  "restricted-cone": {
    mapping: "endpoint-independent",
    filtering: "address-dependent",
    words: "One mapping for all remotes, open to addresses that were sent to"
  },
  "port-restricted-cone": {
    mapping: "endpoint-independent",
    filtering: "address-and-port-dependent",
    words: "One mapping for all remotes, open to endpoints that were sent to"
  },
  symmetric: {
    mapping: "address-and-port-dependent",
    filtering: "address-and-port-dependent",
    words: "A mapping for each remote endpoint, open to that endpoint alone"
  }
}

const cone = (type: Cone, delta: Delta): NatDevice.NatDevice => {
  const { filtering, mapping, words } = cones[type]
  return {
    name: `${type}-${delta}`,
    summary: `${words}; ${deltaWords[delta]}.`,
    ipv4: portNat(both({ mapping, filtering, allocation: allocations[delta] })),
    ipv6: ABSENT
  }
}

const openInternet: NatDevice.NatDevice = {
  name: "open-internet",
  summary: "No NAT and no firewall: a router that passes everything on.",
  ipv4: ROUTED,
  ipv6: ROUTED
}

const symmetricFirewall: NatDevice.NatDevice = {
  name: "symmetric-firewall",
  summary: "Public addresses behind a stateful firewall that lets in only endpoints that were sent to.",
  ipv4: firewall(),
  ipv6: firewall()
}

const blockedAll: NatDevice.NatDevice = {
  name: "blocked",
  summary: "Nothing passes, in either direction and without a word.",
  ipv4: firewall({ udp: blocked(), tcp: blocked(), icmp: "blocked" }),
  ipv6: firewall({ udp: blocked(), tcp: blocked(), icmp: "blocked" })
}

const coneTypes = ["full-cone", "restricted-cone", "port-restricted-cone", "symmetric"] as const

const coneDevices = coneTypes.flatMap((type) => DELTAS.map((delta) => cone(type, delta)))

/** The device of a type and a delta; a type without ports is the same for every delta. */
export const classic = (type: Type, delta: Delta): NatDevice.NatDevice => {
  switch (type) {
    case "open-internet":
      return openInternet
    case "symmetric-firewall":
      return symmetricFirewall
    case "blocked":
      return blockedAll
    default:
      return coneDevices[coneTypes.indexOf(type) * DELTAS.length + DELTAS.indexOf(delta)]!
  }
}

export const classicDevices: ReadonlyArray<NatDevice.NatDevice> = [
  openInternet,
  symmetricFirewall,
  ...coneDevices,
  blockedAll
]
