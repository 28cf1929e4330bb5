/**
 * The tables of Linux's `/proc/net` that concern interfaces. They belong to the network namespace of the process that reads
 * them. A line that makes no sense is skipped and reported; nothing here throws.
 *
 * ```
 * route:       Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT     header line; addresses in host order
 * ipv6_route:  dst/32 hex, dst prefix, src/32 hex, src prefix, next hop/32 hex, metric, refcount, use, flags, device   all hex
 * if_inet6:    address/32 hex, index, prefix, scope, flags, device                                                    all hex
 * ```
 */
import * as NetAddress from "effect/net/NetAddress"
import { type DefaultRouteFacts, type Parsed, type SkippedLine, skippedLine } from "./facts.ts"

// linux/route.h and linux/ipv6_route.h
const RTF_UP = 0x0001
const RTF_GATEWAY = 0x0002
const RTF_REJECT = 0x0200

// linux/if_addr.h
const IFA_F_DADFAILED = 0x08
const IFA_F_OPTIMISTIC = 0x04
const IFA_F_TENTATIVE = 0x40

const isHex = (text: string, digits: number): boolean => text.length === digits && /^[0-9a-fA-F]+$/.test(text)

const hexNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^[0-9a-fA-F]{1,8}$/.test(text) ? Number.parseInt(text, 16) : undefined

const bytesOf = (hex: string): Uint8Array => {
  const bytes = new Uint8Array(hex.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

const ipv6 = (hex: string): NetAddress.Ipv6Address => NetAddress.ipv6FromBytesUnsafe(bytesOf(hex))

// The kernel prints the 32-bit word of an IPv4 address as the machine holds it. Every machine Node runs on today but s390x
// holds it with the last byte first.
const ipv4 = (hex: string, littleEndian: boolean): NetAddress.Ipv4Address => {
  const bytes = bytesOf(hex)
  return NetAddress.ipv4FromBytesUnsafe(littleEndian ? bytes.toReversed() : bytes)
}

const zeros = (digits: number): string => "0".repeat(digits)

// Reads every line that is not blank; `read` gives `undefined` for one it cannot make sense of.
const lines = <A>(
  source: string,
  text: string,
  firstLine: number,
  read: (fields: ReadonlyArray<string>) => ReadonlyArray<A> | undefined
): Parsed<ReadonlyArray<A>> => {
  const value: Array<A> = []
  const skipped: Array<SkippedLine> = []
  for (const [index, line] of text.split("\n").entries()) {
    if (index < firstLine || line.trim() === "") continue
    const found = read(line.trim().split(/\s+/))
    if (found === undefined) skipped.push(skippedLine(source, index + 1, line))
    else value.push(...found)
  }
  return { value, skipped }
}

/** The IPv4 default routes of the main table in `/proc/net/route`. Reject routes and routes that are down are no routes. */
export const defaultRoutes4 = (text: string, littleEndian: boolean): Parsed<ReadonlyArray<DefaultRouteFacts>> =>
  lines("/proc/net/route", text, 1, (fields) => {
    const [device, destination, gateway, flagsText, , , metricText, mask] = fields
    const flags = hexNumber(flagsText)
    if (device === undefined || destination === undefined || gateway === undefined || mask === undefined)
      return undefined
    if (!isHex(destination, 8) || !isHex(gateway, 8) || !isHex(mask, 8) || flags === undefined) return undefined
    if (metricText === undefined || !/^\d{1,10}$/.test(metricText)) return undefined
    if (destination !== zeros(8) || mask !== zeros(8)) return []
    if ((flags & RTF_UP) === 0 || (flags & RTF_REJECT) !== 0) return []
    const route = { family: "IPv4", interface: device, metric: Number(metricText) } as const
    return (flags & RTF_GATEWAY) === 0 ? [route] : [{ ...route, gateway: ipv4(gateway, littleEndian) }]
  })

/**
 * The IPv6 default routes in `/proc/net/ipv6_route`, which holds all tables. The kernel's own reject route on `lo` is not
 * one, nor is a default for one source prefix only.
 */
export const defaultRoutes6 = (text: string): Parsed<ReadonlyArray<DefaultRouteFacts>> =>
  lines("/proc/net/ipv6_route", text, 0, (fields) => {
    const [destination, prefix, source, sourcePrefix, gateway, metricText, , , flagsText, device] = fields
    const metric = hexNumber(metricText)
    const flags = hexNumber(flagsText)
    if (destination === undefined || source === undefined || gateway === undefined || device === undefined)
      return undefined
    if (!isHex(destination, 32) || !isHex(source, 32) || !isHex(gateway, 32)) return undefined
    if (metric === undefined || flags === undefined) return undefined
    if (prefix === undefined || !isHex(prefix, 2) || sourcePrefix === undefined || !isHex(sourcePrefix, 2))
      return undefined
    if (destination !== zeros(32) || prefix !== "00" || sourcePrefix !== "00") return []
    if ((flags & RTF_UP) === 0 || (flags & RTF_REJECT) !== 0) return []
    const route = { family: "IPv6", interface: device, metric } as const
    return (flags & RTF_GATEWAY) === 0 ? [route] : [{ ...route, gateway: ipv6(gateway) }]
  })

/** An IPv6 address of `/proc/net/if_inet6`. `usable` is false while another host may still claim it, or did (RFC 4862). */
export interface Inet6Address {
  readonly device: string
  readonly index: number
  readonly address: NetAddress.Ipv6Address
  readonly prefixLength: number
  readonly usable: boolean
}

/** The IPv6 addresses in `/proc/net/if_inet6`. */
export const inet6Addresses = (text: string): Parsed<ReadonlyArray<Inet6Address>> =>
  lines("/proc/net/if_inet6", text, 0, (fields) => {
    const [address, indexText, prefixText, , flagsText, device] = fields
    const index = hexNumber(indexText)
    const prefixLength = hexNumber(prefixText)
    const flags = hexNumber(flagsText)
    if (address === undefined || !isHex(address, 32) || device === undefined) return undefined
    if (index === undefined || index === 0 || flags === undefined) return undefined
    if (prefixLength === undefined || prefixLength > 128) return undefined
    // An optimistic address may be bound while it is checked (RFC 4429).
    const checking = (flags & IFA_F_TENTATIVE) !== 0 && (flags & IFA_F_OPTIMISTIC) === 0
    const usable = !checking && (flags & IFA_F_DADFAILED) === 0
    return [{ device, index, address: ipv6(address), prefixLength, usable }]
  })
