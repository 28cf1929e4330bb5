/** What changed between two lists of interfaces, as plain data. */
import * as Equal from "effect/Equal"
import type { DefaultRoute, Family, InterfaceChange, NetworkInterface } from "../../schemas/NetworkInterface.ts"

const families: ReadonlyArray<Family> = ["IPv4", "IPv6"]

/** The default route of a family in a list, if it has one. */
export const defaultRoute = (interfaces: ReadonlyArray<NetworkInterface>, family: Family): DefaultRoute | undefined => {
  const found = interfaces.find((entry) => entry.isDefault[family])
  if (found === undefined) return undefined
  const gateway = found.gateways.find((entry) => entry.family === family)
  return gateway === undefined ? { interface: found.name } : { interface: found.name, gateway: gateway.address }
}

// A name can be reused at once by another interface; the index tells, where both sides know it.
const same = (a: NetworkInterface, b: NetworkInterface): boolean =>
  a.name === b.name && (a.index === undefined || b.index === undefined || a.index === b.index)

// Addresses and default routes have events of their own.
const rest = (entry: NetworkInterface) => [entry.index, entry.mac, entry.kind, entry.flags, entry.mtu, entry.gateways]

/**
 * The changes that lead from one list to the other: first what went (interfaces, then addresses), then what came, then
 * updates, then default routes. Empty when the lists say the same, in whatever order.
 */
export const diff = (
  before: ReadonlyArray<NetworkInterface>,
  after: ReadonlyArray<NetworkInterface>
): ReadonlyArray<InterfaceChange> => {
  const removed: Array<InterfaceChange> = []
  const added: Array<InterfaceChange> = []
  const addressesRemoved: Array<InterfaceChange> = []
  const addressesAdded: Array<InterfaceChange> = []
  const updated: Array<InterfaceChange> = []
  const previous = new Map(before.map((entry) => [entry.name, entry]))
  const next = new Map(after.map((entry) => [entry.name, entry]))

  for (const entry of before) {
    const now = next.get(entry.name)
    if (now === undefined || !same(entry, now)) removed.push({ _tag: "Removed", interface: entry })
  }
  for (const entry of after) {
    const was = previous.get(entry.name)
    if (was === undefined || !same(was, entry)) {
      added.push({ _tag: "Added", interface: entry })
      continue
    }
    const { name } = entry
    for (const address of was.addresses) {
      if (entry.addresses.some((other) => Equal.equals(other, address))) continue
      addressesRemoved.push({ _tag: "AddressRemoved", interface: name, address })
    }
    for (const address of entry.addresses) {
      if (was.addresses.some((other) => Equal.equals(other, address))) continue
      addressesAdded.push({ _tag: "AddressAdded", interface: name, address })
    }
    if (!Equal.equals(rest(was), rest(entry))) updated.push({ _tag: "Updated", before: was, after: entry })
  }

  const routes: Array<InterfaceChange> = []
  for (const family of families) {
    const was = defaultRoute(before, family)
    const now = defaultRoute(after, family)
    if (Equal.equals(was, now)) continue
    routes.push({
      _tag: "DefaultRouteChanged",
      family,
      ...(was === undefined ? {} : { before: was }),
      ...(now === undefined ? {} : { after: now })
    })
  }
  return [...removed, ...addressesRemoved, ...added, ...addressesAdded, ...updated, ...routes]
}
