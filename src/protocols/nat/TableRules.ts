/** The rules of one transport at one device, every field present: what a `Table` plays. */
import type * as NatDevice from "../../schemas/NatDevice.ts"

export interface TableRules {
  readonly tcp: boolean
  readonly filtering: NatDevice.Filtering
  readonly remotePorts: ReadonlyArray<number> | undefined
  readonly refreshInbound: boolean
  readonly unsolicited: "drop" | "rst" | "icmp"
  /** In milliseconds, by `tracking.State`. */
  readonly timeouts: readonly [number, number, number]
  readonly onReset: NatDevice.OnReset
  readonly onFinish: NatDevice.OnClose
  readonly pickup: boolean
  /** Where the outside endpoint of a mapping comes from: the inside one, the host's own address, or a pool of ports. */
  readonly translation: "none" | "address" | "port"
  readonly mapping: NatDevice.Dependence
  readonly allocation: NatDevice.Allocation
  readonly range: NatDevice.PortRange
  readonly parity: boolean
  readonly overloading: boolean
  readonly strangersHoldPorts: boolean
}

/** RFC 5508 REQ-2: an ICMP query session lives at least 60 seconds. */
const ECHO_TIMEOUT_MS = 60_000

// Where ports stand still, a mapping is the inside endpoint itself.
const still = {
  mapping: "endpoint-independent",
  allocation: { _tag: "Equal" },
  range: { first: 0, last: 65535 },
  parity: false,
  overloading: false,
  strangersHoldPorts: false
} as const

const closing = { onReset: "keep", onFinish: "keep", pickup: false } as const

type Translation = TableRules["translation"]

/**
 * Echo has no rules of its own in a device: an identifier is mapped for all remotes and kept where it is free, replies
 * come from addresses that were asked (RFC 5508 section 3.1), and a firewall that is open is open for echo.
 */
export const echoRules = (translation: Translation, open: boolean): TableRules => ({
  tcp: false,
  filtering: open ? "open" : "address-dependent",
  remotePorts: undefined,
  refreshInbound: true,
  unsolicited: "drop",
  timeouts: [ECHO_TIMEOUT_MS, ECHO_TIMEOUT_MS, ECHO_TIMEOUT_MS],
  ...closing,
  translation,
  ...still
})

export const udpRules = (translation: Translation, rules: NatDevice.FirewallUdp | NatDevice.NatUdp): TableRules => ({
  tcp: false,
  filtering: rules.filtering,
  remotePorts: rules.remotePorts,
  refreshInbound: rules.refreshInbound,
  unsolicited: rules.unsolicited,
  timeouts: [rules.timeouts.unreplied, rules.timeouts.replied, rules.timeouts.replied],
  ...closing,
  translation,
  ...("mapping" in rules ? mappingOf(rules) : still),
  strangersHoldPorts: "mapping" in rules && rules.strangersHoldPorts
})

export const tcpRules = (translation: Translation, rules: NatDevice.FirewallTcp | NatDevice.NatTcp): TableRules => ({
  tcp: true,
  filtering: rules.filtering,
  remotePorts: rules.remotePorts,
  refreshInbound: rules.refreshInbound,
  unsolicited: rules.unsolicited,
  timeouts: [rules.timeouts.opening, rules.timeouts.established, rules.timeouts.closing],
  onReset: rules.onReset,
  onFinish: rules.onFinish,
  pickup: rules.pickup,
  translation,
  ...("mapping" in rules ? mappingOf(rules) : still),
  strangersHoldPorts: false
})

const mappingOf = (rules: NatDevice.NatUdp | NatDevice.NatTcp) => ({
  mapping: rules.mapping,
  allocation: rules.allocation,
  range: rules.range,
  parity: rules.parity,
  overloading: rules.overloading
})
