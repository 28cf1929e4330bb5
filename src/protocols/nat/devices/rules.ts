/** Building blocks for device descriptions: every field with a default, so that a device states only what makes it itself. */
import type * as NatDevice from "../../../schemas/NatDevice.ts"

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

export const seconds = (count: number): number => count * SECOND

/** RFC 4787 REQ-5c: five minutes recommended. */
export const RFC_UDP_TIMEOUTS = { unreplied: 5 * MINUTE, replied: 5 * MINUTE }
/** RFC 5382 REQ-5: at least 4 minutes while opening or closing, at least 2 hours 4 minutes established. */
export const RFC_TCP_TIMEOUTS = { opening: 4 * MINUTE, established: 2 * HOUR + 4 * MINUTE, closing: 4 * MINUTE }

/** nf_conntrack's own: udp_timeout, udp_timeout_stream; tcp syn_sent, established, time_wait. */
export const LINUX_UDP_TIMEOUTS = { unreplied: 30 * SECOND, replied: 120 * SECOND }
export const LINUX_TCP_TIMEOUTS = { opening: 120 * SECOND, established: 5 * 24 * HOUR, closing: 120 * SECOND }

/** All ports that are not well-known. */
export const UNPRIVILEGED: NatDevice.PortRange = { first: 1024, last: 65535 }
export const ALL_PORTS: NatDevice.PortRange = { first: 1, last: 65535 }

export const firewallUdp = (own: Partial<NatDevice.FirewallUdp> = {}): NatDevice.FirewallUdp => ({
  _tag: "Udp",
  filtering: "address-and-port-dependent",
  refreshInbound: true,
  unsolicited: "drop",
  timeouts: RFC_UDP_TIMEOUTS,
  ...own
})

export const firewallTcp = (own: Partial<NatDevice.FirewallTcp> = {}): NatDevice.FirewallTcp => ({
  _tag: "Tcp",
  filtering: "address-and-port-dependent",
  refreshInbound: true,
  unsolicited: "drop",
  timeouts: RFC_TCP_TIMEOUTS,
  onReset: "keep",
  onFinish: "keep",
  pickup: false,
  ...own
})

const natDefaults = {
  filtering: "address-and-port-dependent",
  mapping: "endpoint-independent",
  allocation: { _tag: "Equal" },
  range: UNPRIVILEGED,
  parity: false,
  overloading: false
} as const

export const natUdp = (own: Partial<NatDevice.NatUdp> = {}): NatDevice.NatUdp => ({
  _tag: "Udp",
  refreshInbound: true,
  unsolicited: "drop",
  timeouts: RFC_UDP_TIMEOUTS,
  ...natDefaults,
  strangersHoldPorts: false,
  ...own
})

export const natTcp = (own: Partial<NatDevice.NatTcp> = {}): NatDevice.NatTcp => ({
  _tag: "Tcp",
  refreshInbound: true,
  unsolicited: "drop",
  timeouts: RFC_TCP_TIMEOUTS,
  onReset: "keep",
  onFinish: "keep",
  pickup: false,
  ...natDefaults,
  ...own
})

export const firewall = (own: Partial<NatDevice.Firewall> = {}): NatDevice.Firewall => ({
  _tag: "Firewall",
  icmp: "carried",
  whenFull: "drop-new",
  udp: firewallUdp(),
  tcp: firewallTcp(),
  ...own
})

export const addressNat = (own: Partial<NatDevice.AddressNat> = {}): NatDevice.AddressNat => ({
  _tag: "AddressNat",
  icmp: "carried",
  whenFull: "drop-new",
  hairpinning: "external-source",
  udp: firewallUdp(),
  tcp: firewallTcp(),
  ...own
})

export const portNat = (own: Partial<NatDevice.PortNat> = {}): NatDevice.PortNat => ({
  _tag: "PortNat",
  icmp: "carried",
  whenFull: "drop-new",
  hairpinning: "none",
  pooling: "paired",
  udp: natUdp(),
  tcp: natTcp(),
  ...own
})

/** The same mapping rules for UDP and TCP. */
export const both = (
  own: Partial<Pick<NatDevice.NatUdp, keyof typeof natDefaults>>
): Pick<NatDevice.PortNat, "udp" | "tcp"> => ({ udp: natUdp(own), tcp: natTcp(own) })

export const blocked = (answer: NatDevice.Blocked["answer"] = "drop"): NatDevice.Blocked => ({
  _tag: "Blocked",
  answer
})

export const ABSENT = { _tag: "Absent" } as const
export const ROUTED = { _tag: "Routed" } as const
