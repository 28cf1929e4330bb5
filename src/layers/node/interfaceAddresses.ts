/**
 * The addresses of one interface, looked up by name, now and synchronously: what a socket needs before it can bind to the
 * interface its user chose. One `getifaddrs` call, plus one small file when the name was not in its answer.
 *
 * An interface the system knows but which has no usable address is told apart from one it does not know. On macOS and
 * Windows only interfaces that are up and have an address are seen, so there a disconnected one is `UnknownInterface`.
 */
import { readFileSync } from "node:fs"
import { networkInterfaces, type NetworkInterfaceInfo } from "node:os"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { deviceNames } from "../../protocols/interfaces/deviceNames.ts"
import { interfaceAddress } from "../../protocols/interfaces/scope.ts"
import type { AddressScope, Family, InterfaceAddress } from "../../schemas/NetworkInterface.ts"

/** What was found. `NoAddress.others` are the addresses of the other family; `UnknownInterface.known` the names there are. */
export type InterfaceAddresses =
  | { readonly _tag: "Addresses"; readonly name: string; readonly addresses: NonEmptyReadonlyArray<InterfaceAddress> }
  | {
      readonly _tag: "NoAddress"
      readonly name: string
      readonly family: Family | undefined
      readonly others: ReadonlyArray<InterfaceAddress>
    }
  | { readonly _tag: "UnknownInterface"; readonly name: string; readonly known: ReadonlyArray<string> }
  | { readonly _tag: "Unreadable"; readonly name: string; readonly cause: unknown }

/** The shape of `os.networkInterfaces()`. */
export type OsInterfaces = Readonly<Record<string, ReadonlyArray<NetworkInterfaceInfo> | undefined>>

// A socket bound to a link-local address reaches the link only, so the widest scope comes first.
const widest: Record<AddressScope, number> = { global: 0, site: 1, link: 2, host: 3 }

/**
 * The device an entry of `os.networkInterfaces()` belongs to. Linux files labelled addresses under their label (`eth0:1`);
 * a device name itself cannot hold a colon.
 */
export const deviceOf = (key: string): string => {
  const colon = key.indexOf(":")
  return colon > 0 ? key.slice(0, colon) : key
}

/** One entry of `os.networkInterfaces()` as an `InterfaceAddress`, or `undefined` where its address is not one we can read. */
export const fromOsEntry = (entry: NetworkInterfaceInfo): InterfaceAddress | undefined => {
  // Some systems append the zone (`fe80::1%en0`); the scope id says the same.
  const address = NetAddress.ipFromString(entry.address.split("%", 1)[0] ?? "")
  if (Result.isFailure(address)) return undefined
  const width = NetAddress.width(address.success)
  // `cidr` is null when the mask is not a prefix: then the address alone is what we know.
  const prefix = entry.cidr === null ? width : Number(entry.cidr.slice(entry.cidr.lastIndexOf("/") + 1))
  const prefixLength = Number.isInteger(prefix) && prefix >= 0 && prefix <= width ? prefix : width
  return interfaceAddress(address.success, prefixLength, entry.family === "IPv6" ? entry.scopeid : undefined)
}

/** `addressesOf` over facts already read: `os.networkInterfaces()`, and the text of `/proc/net/dev` where there is one. */
export const select = (
  interfaces: OsInterfaces,
  procNetDev: () => string | undefined,
  name: string,
  family?: Family | undefined
): InterfaceAddresses => {
  const all: Array<InterfaceAddress> = []
  const names = new Set<string>()
  for (const [key, entries] of Object.entries(interfaces)) {
    const device = deviceOf(key)
    names.add(device)
    if (device !== name) continue
    for (const entry of entries ?? []) {
      const address = fromOsEntry(entry)
      if (address !== undefined) all.push(address)
    }
  }
  if (!names.has(name)) {
    for (const known of deviceNames(procNetDev() ?? "")) names.add(known)
    if (!names.has(name)) return { _tag: "UnknownInterface", name, known: [...names] }
  }
  const [first, ...rest] = all
    .filter((entry) => family === undefined || NetAddress.familyOf(entry.address) === family)
    .toSorted((a, b) => widest[a.scope] - widest[b.scope])
  return first === undefined
    ? { _tag: "NoAddress", name, family, others: all }
    : { _tag: "Addresses", name, addresses: [first, ...rest] }
}

const readProcNetDev = (): string | undefined => {
  try {
    return readFileSync("/proc/net/dev", "utf8")
  } catch {
    // Absent off Linux and in some sandboxes; then the names of os.networkInterfaces() are all there is to go by.
    return undefined
  }
}

/**
 * The addresses of the interface called `name`, of one family or of both, widest scope first (global, site, link, host).
 * Total: never throws. `Unreadable` carries the error of `os.networkInterfaces()`.
 */
export const addressesOf = (name: string, family?: Family | undefined): InterfaceAddresses => {
  let interfaces: OsInterfaces
  try {
    interfaces = networkInterfaces()
  } catch (cause) {
    return { _tag: "Unreadable", name, cause }
  }
  return select(interfaces, readProcNetDev, name, family)
}
