/**
 * The default routes in the output of macOS `netstat -rn`, old releases and new.
 *
 * ```
 * Internet:
 * Destination        Gateway            Flags        Refs      Use   Netif Expire      older releases
 * Destination        Gateway            Flags               Netif Expire               newer ones
 * default            192.0.2.1          UGScg                 en0
 * default            link#18            UCSIg           bridge100      !
 * Internet6:
 * default            fe80::%utun0       UGcIg               utun0
 * ```
 *
 * A gateway can be an address, an interface (`link#18`, `utun7`) or a hardware address; only an address is a next hop.
 * Nothing here throws.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Family } from "../../schemas/NetworkInterface.ts"
import { type DefaultRouteFacts, type Parsed, type SkippedLine, skippedLine } from "./facts.ts"

// macOS routes have no metric. Every socket uses the one without scope; a scoped one serves sockets bound to its interface.
const unscopedMetric = 0
const scopedMetric = 1

// Older releases cut the interface column to this width, so that `bridge100` reads `bridge10`.
const oldNameWidth = 8

const nameOf = (text: string, known: ReadonlyArray<string>): string | undefined => {
  if (known.includes(text)) return text
  const candidates = text.length === oldNameWidth ? known.filter((name) => name.startsWith(text)) : []
  return candidates.length === 1 ? candidates[0] : undefined
}

// `fe80::%utun0`, with nothing after the prefix, is how the system writes "this link".
const nextHop = (text: string, family: Family): NetAddress.IpAddress | undefined => {
  const address = NetAddress.ipFromString(text.split("%", 1)[0] ?? "")
  if (Result.isFailure(address) || NetAddress.familyOf(address.success) !== family) return undefined
  if (NetAddress.isUnspecified(address.success) || NetAddress.formatIp(address.success) === "fe80::") return undefined
  return address.success
}

/**
 * The default routes in the output of `netstat -rn`; `known` are the interface names of `ifconfig`. Reject and blackhole
 * routes are no routes. A default route by an interface nobody knows is skipped and reported.
 */
export const parseNetstat = (
  text: string,
  known: ReadonlyArray<string>,
  source: string
): Parsed<ReadonlyArray<DefaultRouteFacts>> => {
  const value: Array<DefaultRouteFacts> = []
  const skipped: Array<SkippedLine> = []
  let family: Family | undefined
  let column = -1
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const words = line.trim().split(/\s+/)
    const [destination, gateway, flags] = words
    if (/^Internet6?:$/.test(line.trim())) {
      family = line.trim() === "Internet6:" ? "IPv6" : "IPv4"
      column = -1
    } else if (destination === "Destination") {
      column = words.indexOf("Netif")
    } else if (destination === "default" || destination === "::/0" || destination === "0.0.0.0/0") {
      const name = nameOf(words[column] ?? "", known)
      if (family === undefined || gateway === undefined || flags === undefined || name === undefined) {
        skipped.push(skippedLine(source, index + 1, line))
        continue
      }
      if (!flags.includes("U") || flags.includes("R") || flags.includes("B")) continue
      const scoped = flags.includes("I")
      const hop = nextHop(gateway, family)
      value.push({
        family,
        interface: name,
        ...(hop === undefined ? {} : { gateway: hop }),
        metric: scoped ? scopedMetric : unscopedMetric,
        scoped
      })
    }
  }
  return { value, skipped }
}
