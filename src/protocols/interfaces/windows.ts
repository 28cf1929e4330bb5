/**
 * The interfaces of Windows, from the JSON one PowerShell call prints.
 *
 * PowerShell's JSON has habits of its own: a byte order mark in front, a list of one printed as the thing itself, an empty
 * list as nothing or null, and enumerations as numbers or as words, depending on version and object. All are read. An
 * entry that makes no sense is skipped and reported by its place in its list. Nothing here throws.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Family, InterfaceAddress, InterfaceFlags, Kind } from "../../schemas/NetworkInterface.ts"
import {
  assemble,
  type DefaultRouteFacts,
  excerpt,
  type InterfaceFacts,
  type SkippedLine,
  skippedLine,
  type Snapshot,
  type Unreadable
} from "./facts.ts"
import { mac } from "./fields.ts"
import { interfaceAddress } from "./scope.ts"

/** What is asked, as a person would name it in an error. */
export const windowsSource = "PowerShell (Get-NetAdapter, Get-NetIPInterface, Get-NetIPAddress, Get-NetRoute)"

/**
 * The script. `ActiveStore` is what is in force, without what is only stored for the next start. A system without default
 * route makes `Get-NetRoute` fail; that is an answer. Hidden adapters are asked for since tunnels are among them.
 */
export const windowsScript = [
  "$ErrorActionPreference = 'Stop'",
  "$ProgressPreference = 'SilentlyContinue'",
  "[Console]::OutputEncoding = New-Object System.Text.UTF8Encoding $false",
  "$adapters = @(Get-NetAdapter -IncludeHidden | Select-Object Name, InterfaceIndex, InterfaceType, NdisMedium, NdisPhysicalMedium, MacAddress, MtuSize, InterfaceAdminStatus, InterfaceOperationalStatus, Virtual, Hidden)",
  "$interfaces = @(Get-NetIPInterface -PolicyStore ActiveStore | Select-Object InterfaceAlias, InterfaceIndex, AddressFamily, NlMtu, InterfaceMetric, ConnectionState)",
  "$addresses = @(Get-NetIPAddress -PolicyStore ActiveStore | Select-Object InterfaceIndex, IPAddress, PrefixLength, AddressState)",
  "$routes = @(Get-NetRoute -PolicyStore ActiveStore -DestinationPrefix '0.0.0.0/0', '::/0' -ErrorAction SilentlyContinue | Select-Object InterfaceIndex, AddressFamily, NextHop, RouteMetric)",
  "ConvertTo-Json -Compress -Depth 3 -InputObject @{ adapters = $adapters; interfaces = $interfaces; addresses = $addresses; routes = $routes }"
].join("\n")

type Entry = Readonly<Record<string, unknown>>

// ifType of RFC 2863's registry (IANAifType-MIB)
const IF_ETHERNET = 6
const IF_PPP = 23
const IF_LOOPBACK = 24
const IF_WIFI = 71
const IF_TUNNEL = 131
const IF_BRIDGE = 209
const cellularTypes = new Set([243, 244])

// NDIS_MEDIUM: what speaks bare IP (WireGuard, most VPNs)
const MEDIUM_IP = 19

// NDIS_PHYSICAL_MEDIUM
const MEDIUM_WWAN = 8
const MEDIUM_WIFI = 9

const entriesOf = (value: unknown): ReadonlyArray<unknown> =>
  Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]

const stringOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

const numberOf = (value: unknown): number | undefined => {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

// An enumeration as number or as word: `is(entry.AddressFamily, 2, "IPv4")`.
const is = (value: unknown, number: number, word: string): boolean =>
  numberOf(value) === number || (typeof value === "string" && value.toLowerCase() === word.toLowerCase())

const familyOf = (value: unknown): Family | undefined =>
  is(value, 2, "IPv4") ? "IPv4" : is(value, 23, "IPv6") ? "IPv6" : undefined

/** One interface, gathered from the lists by its index. */
interface Gathered {
  readonly index: number
  name: string | undefined
  adapter: Entry | undefined
  ip: boolean
  connected: boolean
  mtu: number | undefined
  readonly metric: { IPv4?: number; IPv6?: number }
  readonly addresses: Array<InterfaceAddress>
}

const kindOf = (found: Gathered): Kind => {
  // The loopback interface is no adapter; its addresses tell.
  if (found.addresses.some((entry) => entry.scope === "host")) return "loopback"
  const { adapter } = found
  if (adapter === undefined) return "unknown"
  const type = numberOf(adapter.InterfaceType)
  const medium = numberOf(adapter.NdisPhysicalMedium)
  if (type === IF_LOOPBACK) return "loopback"
  if (type === IF_WIFI || medium === MEDIUM_WIFI) return "wireless"
  if ((type !== undefined && cellularTypes.has(type)) || medium === MEDIUM_WWAN) return "cellular"
  if (type === IF_TUNNEL || type === IF_PPP || numberOf(adapter.NdisMedium) === MEDIUM_IP) return "tunnel"
  if (type === IF_BRIDGE) return "bridge"
  if (adapter.Virtual === true || is(adapter.Virtual, 1, "True")) return "virtual"
  return type === IF_ETHERNET ? "ethernet" : "unknown"
}

const flagsOf = (found: Gathered, kind: Kind): InterfaceFlags => {
  const { adapter } = found
  const up = adapter === undefined ? found.connected : is(adapter.InterfaceAdminStatus, 1, "Up")
  const running = adapter === undefined ? found.connected : is(adapter.InterfaceOperationalStatus, 1, "Up")
  // Windows does not print these; they follow from the link type.
  const type = numberOf(adapter?.InterfaceType)
  const broadcast = type === IF_ETHERNET || type === IF_WIFI
  return {
    up,
    running: up && running,
    loopback: kind === "loopback",
    pointToPoint: type === IF_PPP || type === IF_TUNNEL || numberOf(adapter?.NdisMedium) === MEDIUM_IP,
    multicast: broadcast || kind === "loopback",
    broadcast
  }
}

// Loopback says it takes anything (4294967295); that is no size.
const mtuOf = (value: unknown): number | undefined => {
  const mtu = numberOf(value)
  return mtu !== undefined && mtu > 0 && mtu < 0xffffffff ? mtu : undefined
}

const parseJson = (text: string): Result.Result<Entry, Unreadable> => {
  const fail = (detail: string) => Result.fail({ source: windowsSource, text: excerpt(text), detail })
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ""))
    return Predicate.isObject(value) ? Result.succeed(value as Entry) : fail("not a JSON object")
  } catch {
    return fail("not JSON")
  }
}

/** The snapshot of a Windows machine. Fails when the text is not JSON, or names no interface, since every system has one. */
export const windowsSnapshot = (text: string): Result.Result<Snapshot, Unreadable> => {
  const parsed = parseJson(text)
  if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
  const root = parsed.success
  const skipped: Array<SkippedLine> = []
  const all = new Map<number, Gathered>()

  // Hands every sound entry of a list to `read`, which gives false for one it cannot make sense of.
  const each = (list: string, read: (entry: Entry, found: Gathered) => boolean): void => {
    for (const [place, entry] of entriesOf(root[list]).entries()) {
      const index = Predicate.isObject(entry) ? numberOf((entry as Entry).InterfaceIndex) : undefined
      if (index !== undefined && index > 0) {
        const found = all.get(index) ?? gathered(index)
        if (read(entry as Entry, found)) {
          all.set(index, found)
          continue
        }
      }
      skipped.push(skippedLine(`${windowsSource}: ${list}`, place + 1, JSON.stringify(entry) ?? ""))
    }
  }

  each("interfaces", (entry, found) => {
    const name = stringOf(entry.InterfaceAlias)
    const family = familyOf(entry.AddressFamily)
    if (name === undefined || family === undefined) return false
    found.name = name
    found.ip = true
    found.connected ||= is(entry.ConnectionState, 1, "Connected")
    found.mtu ??= mtuOf(entry.NlMtu)
    found.metric[family] = numberOf(entry.InterfaceMetric) ?? 0
    return true
  })
  each("adapters", (entry, found) => {
    const name = stringOf(entry.Name)
    if (name === undefined) return false
    found.name ??= name
    found.adapter = entry
    found.mtu ??= mtuOf(entry.MtuSize)
    return true
  })
  each("addresses", (entry, found) => {
    const host = (stringOf(entry.IPAddress) ?? "").split("%", 1)[0] ?? ""
    const address = NetAddress.ipFromString(host)
    const prefixLength = numberOf(entry.PrefixLength)
    if (Result.isFailure(address) || prefixLength === undefined) return false
    if (prefixLength > NetAddress.width(address.success)) return false
    // Tentative, duplicate and invalid addresses cannot be bound; so it is with those of an unplugged cable.
    const state = entry.AddressState
    const usable = state === undefined || is(state, 4, "Preferred") || is(state, 3, "Deprecated")
    if (usable) found.addresses.push(interfaceAddress(address.success, prefixLength, found.index))
    return true
  })

  const routes: Array<DefaultRouteFacts> = []
  each("routes", (entry, found) => {
    const family = familyOf(entry.AddressFamily)
    const hop = NetAddress.ipFromString((stringOf(entry.NextHop) ?? "").split("%", 1)[0] ?? "")
    const metric = numberOf(entry.RouteMetric)
    if (family === undefined || metric === undefined || found.name === undefined || Result.isFailure(hop)) return false
    if (NetAddress.familyOf(hop.success) !== family) return false
    if (found.ip && !found.connected) return true
    routes.push({
      family,
      interface: found.name,
      // The unspecified address is how Windows writes "on the link".
      ...(NetAddress.isUnspecified(hop.success) ? {} : { gateway: hop.success }),
      // Windows compares the sum (Get-NetRoute, "RouteMetric").
      metric: metric + (found.metric[family] ?? 0)
    })
    return true
  })

  const interfaces: Array<InterfaceFacts> = []
  const names = new Set<string>()
  for (const found of all.values()) {
    // NDIS lists filter drivers as hidden adapters. What has no IP interface cannot be used by any socket.
    const hidden = found.adapter?.Hidden === true || is(found.adapter?.Hidden, 1, "True")
    if (found.name === undefined || (hidden && !found.ip)) continue
    if (names.has(found.name)) {
      // Names are unique; two can look the same only while one is being renamed.
      skipped.push(skippedLine(`${windowsSource}: index`, found.index, found.name))
      continue
    }
    names.add(found.name)
    const kind = kindOf(found)
    const address = mac(stringOf(found.adapter?.MacAddress))
    interfaces.push({
      name: found.name,
      index: found.index,
      ...(address === undefined ? {} : { mac: address }),
      kind,
      flags: flagsOf(found, kind),
      ...(found.mtu === undefined ? {} : { mtu: found.mtu }),
      addresses: found.addresses
    })
  }
  if (interfaces.length === 0) {
    return Result.fail({ source: windowsSource, text: excerpt(text), detail: "no interface in it" })
  }
  return Result.succeed({ value: assemble(interfaces, routes), skipped })
}

const gathered = (index: number): Gathered => ({
  index,
  name: undefined,
  adapter: undefined,
  ip: false,
  connected: false,
  mtu: undefined,
  metric: {},
  addresses: []
})
