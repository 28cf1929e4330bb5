/**
 * The order in which the addresses of a name are tried, and when each attempt starts (RFC 8305).
 */
import * as NetAddress from "effect/net/NetAddress"

/** How long the A answer waits for the AAAA answer (RFC 8305 section 3). */
export const RESOLUTION_DELAY_MS = 50

/** Between the starts of two attempts (RFC 8305 section 5). */
export const ATTEMPT_DELAY_MS = 250

/** Attempts at most; a name with more addresses is configured for load, not for choice. */
export const MAX_ATTEMPTS = 16

/**
 * Families in turn, IPv6 first unless the resolver's own order (RFC 6724) begins with IPv4, the order within a family
 * kept, repeats left out (RFC 8305 section 4 with First Address Family Count 1).
 */
export const interleave = (addresses: ReadonlyArray<NetAddress.IpAddress>): ReadonlyArray<NetAddress.IpAddress> => {
  const seen = new Set<string>()
  const families: { [F in NetAddress.IpFamily]: Array<NetAddress.IpAddress> } = { IPv6: [], IPv4: [] }
  for (const address of addresses) {
    const text = NetAddress.formatIp(address)
    if (seen.has(text)) continue
    seen.add(text)
    families[NetAddress.familyOf(address)].push(address)
  }
  const first = addresses[0] === undefined ? "IPv6" : NetAddress.familyOf(addresses[0])
  const [a, b] = first === "IPv6" ? [families.IPv6, families.IPv4] : [families.IPv4, families.IPv6]
  const ordered: Array<NetAddress.IpAddress> = []
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    if (a[at] !== undefined) ordered.push(a[at]!)
    if (b[at] !== undefined) ordered.push(b[at]!)
  }
  return ordered.slice(0, MAX_ATTEMPTS)
}
