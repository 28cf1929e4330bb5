/**
 * The output of macOS `ifconfig -a -v`, old releases and new. Without `-v` it is read too, with less in it.
 *
 * ```
 * en0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500 index 4
 * 	ether 00:00:5e:00:53:01
 * 	inet6 fe80::1c:2%en0 prefixlen 64 secured scopeid 0x4
 * 	inet 192.0.2.7 netmask 0xffffff00 broadcast 192.0.2.255
 * 	media: autoselect
 * 	status: active
 * 	type: Wi-Fi
 * ```
 *
 * An interface begins at the left margin, everything about it is indented. Unknown lines say nothing we need. A line that
 * should be an address and is not is skipped and reported. Nothing here throws.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { InterfaceAddress, Kind } from "../../schemas/NetworkInterface.ts"
import { type InterfaceFacts, type Parsed, type SkippedLine, skippedLine } from "./facts.ts"
import { mac, natural, positive } from "./fields.ts"
import { interfaceAddress } from "./scope.ts"

/** What the block of one interface said, before it is made sense of. */
interface Block {
  readonly name: string
  readonly flags: ReadonlySet<string>
  readonly mtu: number | undefined
  index: number | undefined
  mac: NetAddress.MacAddress | undefined
  /** `status:`, `type:` and `media:` as they were, and whether it has members, a VLAN tag or bonded links. */
  status?: string
  type?: string
  media?: string
  isBridge: boolean
  isVirtual: boolean
  readonly addresses: Array<{ address: NetAddress.IpAddress; prefixLength: number; scopeId: number | undefined }>
}

const header = /^(\S+): flags=[0-9a-fA-F]+<([^>]*)>(?: metric \d+)?(?: mtu (\d+))?(?: rtref \d+)?(?: index (\d+))?/

/** The length of a netmask written as `0xffffff00` or `255.255.255.0`; `undefined` if its ones are not all in front. */
export const maskLength = (text: string): number | undefined => {
  const dotted = NetAddress.ipv4FromString(text)
  let value: number
  if (Result.isSuccess(dotted))
    value = NetAddress.ipv4ToOctets(dotted.success).reduce((sum, octet) => sum * 256 + octet, 0)
  else if (/^0x[0-9a-fA-F]{1,8}$/.test(text)) value = Number.parseInt(text.slice(2), 16)
  else return undefined
  const bits = value.toString(2).padStart(32, "0")
  if (!/^1*0*$/.test(bits)) return undefined
  const zero = bits.indexOf("0")
  return zero < 0 ? 32 : zero
}

// The word after a key: `prefixlen 64`, `--> 10.0.0.1`.
const after = (words: ReadonlyArray<string>, key: string): string | undefined => {
  const at = words.indexOf(key)
  return at < 0 ? undefined : words[at + 1]
}

// False when the line should be an address and is none.
const readAddress = (block: Block, words: ReadonlyArray<string>): boolean => {
  const [keyword, text = ""] = words
  const [host = "", slash] = text.split("/")
  const address = NetAddress.ipFromString(host.split("%", 1)[0] ?? "")
  if (Result.isFailure(address)) return false
  if ((keyword === "inet6") !== NetAddress.isIpv6Address(address.success)) return false
  const width = NetAddress.width(address.success)
  const mask = after(words, "netmask")
  const prefixLength =
    natural(slash) ??
    (keyword === "inet6" ? natural(after(words, "prefixlen")) : mask === undefined ? width : maskLength(mask))
  if (prefixLength === undefined || prefixLength > width) return false
  const scopeId = positive(after(words, "scopeid"))
  if (scopeId !== undefined && host.includes("%")) block.index ??= scopeId
  // Another host may still claim it, or did (RFC 4862): it cannot be bound.
  if (words.includes("tentative") || words.includes("duplicated")) return true
  block.addresses.push({ address: address.success, prefixLength, scopeId })
  return true
}

// False when the line should mean something and does not.
const readLine = (block: Block, line: string): boolean => {
  const words = line.trim().split(/\s+/)
  const rest = line
    .trim()
    .slice((words[0] ?? "").length)
    .trim()
  switch (words[0]) {
    case "inet":
    case "inet6":
      return readAddress(block, words)
    case "ether":
    case "lladdr":
      // FireWire has eight octets; such an address is no MAC, and an all-zero one is none.
      block.mac ??= mac(words[1])
      return true
    case "status:":
      block.status = rest
      return true
    case "type:":
      block.type = rest
      return true
    case "media:":
      block.media = rest
      return true
    case "member:":
    case "Configuration:":
      block.isBridge = true
      return true
    case "vlan:":
    case "bond":
      block.isVirtual = true
      return true
    default:
      return true
  }
}

const kindOf = (block: Block): Kind => {
  if (block.flags.has("LOOPBACK")) return "loopback"
  if (block.isBridge) return "bridge"
  if (block.isVirtual) return "virtual"
  if (block.type === "Wi-Fi") return "wireless"
  if (block.type === "Cellular") return "cellular"
  if (block.type === "Ethernet") return "ethernet"
  if (block.flags.has("POINTOPOINT")) return "tunnel"
  // Without `-v` only the wire's speed tells: Wi-Fi prints a bare "autoselect".
  return /\dbase/i.test(block.media ?? "") ? "ethernet" : "unknown"
}

const factsOf = (block: Block): InterfaceFacts => {
  const { flags } = block
  const addresses: ReadonlyArray<InterfaceAddress> = block.addresses.map((entry) =>
    interfaceAddress(entry.address, entry.prefixLength, entry.scopeId ?? block.index)
  )
  const up = flags.has("UP")
  return {
    name: block.name,
    ...(block.index === undefined ? {} : { index: block.index }),
    ...(block.mac === undefined ? {} : { mac: block.mac }),
    kind: kindOf(block),
    flags: {
      up,
      // Many Apple devices say RUNNING with nothing plugged in; their status is the truth.
      running: up && flags.has("RUNNING") && block.status !== "inactive",
      loopback: flags.has("LOOPBACK"),
      pointToPoint: flags.has("POINTOPOINT"),
      multicast: flags.has("MULTICAST"),
      broadcast: flags.has("BROADCAST")
    },
    ...(block.mtu === undefined ? {} : { mtu: block.mtu }),
    addresses
  }
}

/** The interfaces in the output of `ifconfig -a -v`; empty when there is not one. `source` names it in skipped lines. */
export const parseIfconfig = (text: string, source: string): Parsed<ReadonlyArray<InterfaceFacts>> => {
  const blocks = new Map<string, Block>()
  const skipped: Array<SkippedLine> = []
  let block: Block | undefined
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue
    if (/^\s/.test(line)) {
      if (block === undefined || !readLine(block, line)) skipped.push(skippedLine(source, index + 1, line))
      continue
    }
    const match = header.exec(line)
    if (match === null || match[1] === undefined) {
      // What follows belongs to an interface whose name could not be read.
      block = undefined
      skipped.push(skippedLine(source, index + 1, line))
      continue
    }
    block = {
      name: match[1],
      flags: new Set((match[2] ?? "").split(",")),
      mtu: positive(match[3]),
      index: positive(match[4]),
      mac: undefined,
      isBridge: false,
      isVirtual: false,
      addresses: []
    }
    blocks.set(block.name, block)
  }
  return { value: [...blocks.values()].map(factsOf), skipped }
}
