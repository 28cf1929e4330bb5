/**
 * The interfaces of a Linux network namespace, from texts and facts already read. Any source but the name list may be
 * missing; what it would have said is then unknown.
 */
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import type { InterfaceAddress, InterfaceFlags } from "../../schemas/NetworkInterface.ts"
import { deviceNames } from "./deviceNames.ts"
import { assemble, type InterfaceFacts, type Snapshot } from "./facts.ts"
import { mac as macOf, positive } from "./fields.ts"
import { linuxKind, type SysfsFacts } from "./linuxKind.ts"
import { defaultRoutes4, defaultRoutes6, type Inet6Address, inet6Addresses } from "./procNet.ts"
import { interfaceAddress } from "./scope.ts"

/** An address as `os.networkInterfaces()` gives it, for a device that is up and running. */
export interface OsAddress {
  readonly device: string
  readonly mac: string
  readonly internal: boolean
  readonly address: InterfaceAddress
}

/** Everything that is read on Linux. Texts are whole files. */
export interface LinuxSources {
  readonly addresses: ReadonlyArray<OsAddress>
  readonly littleEndian: boolean
  readonly dev?: string | undefined
  readonly route?: string | undefined
  readonly ipv6Route?: string | undefined
  readonly ifInet6?: string | undefined
  /** `/sys/class/net`, by interface name. */
  readonly sysfs?: ReadonlyMap<string, SysfsFacts> | undefined
  /** `/proc/net/dev_snmp6/<name>`, by interface name: another place that knows the index. */
  readonly snmp6?: ReadonlyMap<string, string> | undefined
}

// linux/if.h
const IFF_UP = 0x1
const IFF_BROADCAST = 0x2
const IFF_LOOPBACK = 0x8
const IFF_POINTOPOINT = 0x10
const IFF_MULTICAST = 0x1000

/**
 * Whether sysfs shows the namespace `/proc/net` shows. A process that entered a namespace without mounting sysfs anew
 * (`unshare -n`) still sees the devices of the old one there, under names that may exist in both.
 */
export const sysfsBelongs = (sources: LinuxSources): boolean => {
  const { sysfs } = sources
  if (sysfs === undefined) return false
  if (sources.dev !== undefined) {
    const names = deviceNames(sources.dev)
    if (names.length !== sysfs.size || !names.every((name) => sysfs.has(name))) return false
  }
  const indexes = inet6Addresses(sources.ifInet6 ?? "").value
  return (
    indexes.every((entry) => positive(sysfs.get(entry.device)?.ifindex) === entry.index) &&
    sources.addresses.every((entry) => {
      const facts = sysfs.get(entry.device)
      const address = macOf(facts?.address)
      const mac = macOf(entry.mac)
      // os.networkInterfaces() gives zeros for links without a MAC, so only two real ones can contradict each other.
      return facts !== undefined && (address === undefined || mac === undefined || Equal.equals(address, mac))
    })
  )
}

const flagsOf = (facts: SysfsFacts | undefined, os: ReadonlyArray<OsAddress>, inUse: boolean): InterfaceFlags => {
  const bits = facts?.flags === undefined ? Number.NaN : Number(facts.flags)
  if (!Number.isInteger(bits)) {
    // os.networkInterfaces() lists only what is up and running, and says of loopback that it is internal.
    const running = os.length > 0
    const loopback = os.some((entry) => entry.internal)
    return { up: running || inUse, running, loopback, pointToPoint: false, multicast: false, broadcast: false }
  }
  const up = (bits & IFF_UP) !== 0
  const state = facts?.operstate?.trim()
  return {
    up,
    // Drivers that do not track their state (loopback, tun) say "unknown"; the kernel counts that as running (RFC 2863).
    running: up && (state === "up" || state === "unknown"),
    loopback: (bits & IFF_LOOPBACK) !== 0,
    pointToPoint: (bits & IFF_POINTOPOINT) !== 0,
    multicast: (bits & IFF_MULTICAST) !== 0,
    broadcast: (bits & IFF_BROADCAST) !== 0
  }
}

const addressesOf = (
  os: ReadonlyArray<OsAddress>,
  inet6: ReadonlyArray<Inet6Address> | undefined
): ReadonlyArray<InterfaceAddress> => {
  const found: Array<InterfaceAddress> = []
  for (const { address } of os) {
    // if_inet6 knows more: which addresses are still being checked, and those of a link that lost its carrier.
    if (inet6 !== undefined && NetAddress.isIpv6Address(address.address)) continue
    found.push(address)
  }
  for (const entry of inet6 ?? []) {
    if (entry.usable) found.push(interfaceAddress(entry.address, entry.prefixLength, entry.index))
  }
  return found
}

/** The snapshot of a Linux network namespace. */
export const linuxSnapshot = (sources: LinuxSources): Snapshot => {
  const inet6 = sources.ifInet6 === undefined ? undefined : inet6Addresses(sources.ifInet6)
  const routes4 = defaultRoutes4(sources.route ?? "", sources.littleEndian)
  const routes6 = defaultRoutes6(sources.ipv6Route ?? "")
  const sysfs = sysfsBelongs(sources) ? sources.sysfs : undefined

  const names = new Set(deviceNames(sources.dev ?? ""))
  for (const entry of sources.addresses) names.add(entry.device)
  for (const entry of inet6?.value ?? []) names.add(entry.device)

  // The kernel takes routes and IPv6 addresses away when an interface goes down.
  const inUse = new Set([...routes4.value, ...routes6.value].map((route) => route.interface))
  for (const entry of inet6?.value ?? []) inUse.add(entry.device)

  const interfaces: Array<InterfaceFacts> = []
  for (const name of names) {
    const os = sources.addresses.filter((entry) => entry.device === name)
    const six = inet6?.value.filter((entry) => entry.device === name)
    const facts = sysfs?.get(name)
    const flags = flagsOf(facts, os, inUse.has(name))
    const index =
      positive(facts?.ifindex) ??
      six?.[0]?.index ??
      positive(/^ifIndex\s+(\d+)$/m.exec(sources.snmp6?.get(name) ?? "")?.[1]) ??
      os.find((entry) => entry.address.scopeId !== undefined)?.address.scopeId
    const mac = macOf(facts?.address) ?? macOf(os[0]?.mac)
    const mtu = positive(facts?.mtu)
    interfaces.push({
      name,
      ...(index === undefined ? {} : { index }),
      ...(mac === undefined ? {} : { mac }),
      kind: facts === undefined ? (flags.loopback ? "loopback" : "unknown") : linuxKind(facts),
      flags,
      ...(mtu === undefined ? {} : { mtu }),
      addresses: addressesOf(os, six)
    })
  }
  return {
    value: assemble(interfaces, [...routes4.value, ...routes6.value]),
    skipped: [...routes4.skipped, ...routes6.skipped, ...(inet6?.skipped ?? [])]
  }
}
