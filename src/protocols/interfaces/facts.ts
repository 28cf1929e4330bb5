/**
 * What the readers of the three systems have in common: the facts of an interface before routes are joined to it, a default
 * route, the lines nobody could read, and the step that joins them.
 */
import type * as NetAddress from "effect/net/NetAddress"
import type { Family, Gateway, NetworkInterface } from "../../schemas/NetworkInterface.ts"

/** An interface without what routes say about it. */
export type InterfaceFacts = Omit<NetworkInterface, "gateways" | "isDefault">

/**
 * A default route in use. `gateway` is absent when packets leave without a next hop. The lowest metric wins. A `scoped`
 * route serves only sockets bound to its interface, so it never makes the interface the default.
 */
export interface DefaultRouteFacts {
  readonly family: Family
  readonly interface: string
  readonly gateway?: NetAddress.IpAddress | undefined
  readonly metric: number
  readonly scoped?: boolean | undefined
}

/** A line of a source that was left out because it makes no sense. `line` counts from 1. */
export interface SkippedLine {
  readonly source: string
  readonly line: number
  readonly text: string
}

/** What could be read, and what could not. */
export interface Parsed<A> {
  readonly value: A
  readonly skipped: ReadonlyArray<SkippedLine>
}

/** A whole snapshot, as every reader gives it. */
export type Snapshot = Parsed<ReadonlyArray<NetworkInterface>>

/** A source that makes no sense as a whole. */
export interface Unreadable {
  readonly source: string
  readonly line?: number | undefined
  readonly text: string
  readonly detail: string
}

// Long enough to recognise a line by, short enough for a log.
const maxText = 200

/** The start of a text, for messages. */
export const excerpt = (text: string): string => (text.length > maxText ? `${text.slice(0, maxText)}…` : text)

/** A skipped line with its text cut to what a log can hold. */
export const skippedLine = (source: string, line: number, text: string): SkippedLine => ({
  source,
  line,
  text: excerpt(text)
})

const lowest = (routes: ReadonlyArray<DefaultRouteFacts>, family: Family): string | undefined => {
  let best: DefaultRouteFacts | undefined
  for (const route of routes) {
    // On equal metrics the system's own order decides, so the first stays.
    if (route.family !== family || route.scoped === true) continue
    if (best === undefined || route.metric < best.metric) best = route
  }
  return best?.interface
}

const order = (a: InterfaceFacts, b: InterfaceFacts): number =>
  (a.index ?? Number.MAX_SAFE_INTEGER) - (b.index ?? Number.MAX_SAFE_INTEGER) || (a.name < b.name ? -1 : 1)

/**
 * Joins default routes to interfaces: gateways per interface, lowest metric first, and at most one default interface per
 * family. Routes of interfaces that are not in the list or not up are left out. Sorted by index, then name.
 */
export const assemble = (
  interfaces: ReadonlyArray<InterfaceFacts>,
  routes: ReadonlyArray<DefaultRouteFacts>
): ReadonlyArray<NetworkInterface> => {
  const up = new Set(interfaces.filter((entry) => entry.flags.up).map((entry) => entry.name))
  const usable = routes.filter((route) => up.has(route.interface))
  const defaultOf = { IPv4: lowest(usable, "IPv4"), IPv6: lowest(usable, "IPv6") }
  const joined: Array<NetworkInterface> = []
  for (const entry of interfaces.toSorted(order)) {
    const gateways: Array<Gateway> = []
    for (const route of usable) {
      if (route.interface !== entry.name || route.gateway === undefined) continue
      gateways.push({ family: route.family, address: route.gateway, metric: route.metric })
    }
    joined.push({
      ...entry,
      gateways: gateways.toSorted((a, b) => a.metric - b.metric),
      isDefault: { IPv4: defaultOf.IPv4 === entry.name, IPv6: defaultOf.IPv6 === entry.name }
    })
  }
  return joined
}
