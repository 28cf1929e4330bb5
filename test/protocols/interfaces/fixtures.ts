/** Reads the fixtures, and writes an interface as one line so that expectations can be read. */
import { readFileSync } from "node:fs"
import type { NetworkInterfaceInfo } from "node:os"
import * as NetAddress from "effect/net/NetAddress"
import { deviceOf, fromOsEntry } from "../../../src/layers/node/interfaceAddresses.ts"
import type { LinuxSources, OsAddress } from "../../../src/protocols/interfaces/linux.ts"
import type { SysfsFacts } from "../../../src/protocols/interfaces/linuxKind.ts"
import type { NetworkInterface } from "../../../src/schemas/NetworkInterface.ts"

export const fixture = (path: string): string =>
  readFileSync(new URL(`../../fixtures/interfaces/${path}`, import.meta.url), "utf8")

interface Captured extends Omit<LinuxSources, "addresses" | "sysfs" | "snmp6"> {
  readonly os: Readonly<Record<string, ReadonlyArray<NetworkInterfaceInfo>>>
  readonly sysfs: Readonly<Record<string, SysfsFacts>>
  readonly snmp6?: Readonly<Record<string, string>>
}

export const linuxFixture = (name: string): LinuxSources => {
  const { os, sysfs, snmp6, ...texts } = JSON.parse(fixture(`linux/${name}.json`)) as Captured
  const addresses: Array<OsAddress> = []
  for (const [key, entries] of Object.entries(os)) {
    for (const entry of entries) {
      const address = fromOsEntry(entry)
      if (address === undefined) throw new Error(`fixture ${name}: ${entry.address} is no address`)
      addresses.push({ device: deviceOf(key), mac: entry.mac, internal: entry.internal, address })
    }
  }
  return { ...texts, addresses, sysfs: new Map(Object.entries(sysfs)), snmp6: new Map(Object.entries(snmp6 ?? {})) }
}

const flagLetters = [
  ["up", "U"],
  ["running", "R"],
  ["loopback", "L"],
  ["pointToPoint", "P"],
  ["multicast", "M"],
  ["broadcast", "B"]
] as const

/** `en0#4 wireless URMB mtu 1500 mac 00:… 192.0.2.7/24 site, fe80::1/64 link%4; via IPv4 192.0.2.1 metric 0; default IPv4` */
export const line = (entry: NetworkInterface): string => {
  const flags = flagLetters.map(([flag, letter]) => (entry.flags[flag] ? letter : "")).join("")
  const addresses = entry.addresses.map((own) => {
    const zone = own.scopeId === undefined ? "" : `%${own.scopeId}`
    return `${NetAddress.formatIp(own.address)}/${own.prefixLength} ${own.scope}${zone}`
  })
  const gateways = entry.gateways.map((hop) => `via ${NetAddress.formatIp(hop.address)} metric ${hop.metric}`)
  const defaults = (["IPv4", "IPv6"] as const).filter((family) => entry.isDefault[family])
  return [
    `${entry.name}${entry.index === undefined ? "" : `#${entry.index}`} ${entry.kind} ${flags === "" ? "-" : flags}`,
    ...(entry.mtu === undefined ? [] : [`mtu ${entry.mtu}`]),
    ...(entry.mac === undefined ? [] : [NetAddress.formatMacAddress(entry.mac)]),
    ...addresses,
    ...gateways,
    ...(defaults.length === 0 ? [] : [`default ${defaults.join(" ")}`])
  ].join(", ")
}

export const lines = (interfaces: ReadonlyArray<NetworkInterface>): ReadonlyArray<string> => interfaces.map(line)
