/** What a Linux interface is, from what sysfs says about it (never from its name). */
import type { Kind } from "../../schemas/NetworkInterface.ts"
import { natural } from "./fields.ts"

/**
 * The facts of `/sys/class/net/<name>` that are read: file contents as they are, and which entries the directory has.
 * Anything may be missing: sysfs itself, or a file this kernel does not have.
 */
export interface SysfsFacts {
  readonly entries: ReadonlyArray<string>
  readonly ifindex?: string | undefined
  readonly type?: string | undefined
  readonly flags?: string | undefined
  readonly mtu?: string | undefined
  readonly address?: string | undefined
  readonly operstate?: string | undefined
  readonly uevent?: string | undefined
  readonly tun_flags?: string | undefined
}

// linux/if_arp.h
const ARPHRD_ETHER = 1
const ARPHRD_RAWIP = 519
const ARPHRD_LOOPBACK = 772
const wirelessTypes = new Set([801, 802, 803])
// SLIP, CSLIP, PPP, IPIP, IP6IP6, SIT, GRE, GRE over IPv6, and NONE (tun, WireGuard).
const tunnelTypes = new Set([256, 257, 512, 768, 769, 776, 778, 823, 0xfffe])

// linux/if_tun.h
const IFF_TUN = 0x0001

/** The `DEVTYPE` a driver declares in the `uevent` file: `wlan`, `wwan`, `bridge`, `vlan`, `bond`, `wireguard`, ... */
const deviceType = (uevent: string | undefined): string | undefined => /^DEVTYPE=(\S+)$/m.exec(uevent ?? "")?.[1]

/** The kind of an interface. The most telling fact decides: a bridge and a Wi-Fi card are both of Ethernet's link type. */
export const linuxKind = (facts: SysfsFacts): Kind => {
  const type = natural(facts.type)
  const declared = deviceType(facts.uevent)
  const has = (entry: string): boolean => facts.entries.includes(entry)
  if (type === ARPHRD_LOOPBACK) return "loopback"
  if (has("wireless") || has("phy80211") || declared === "wlan") return "wireless"
  if (type !== undefined && wirelessTypes.has(type)) return "wireless"
  if (declared === "wwan" || type === ARPHRD_RAWIP) return "cellular"
  if (has("bridge") || declared === "bridge") return "bridge"
  const tun = natural(facts.tun_flags)
  if (tun !== undefined) return (tun & IFF_TUN) !== 0 ? "tunnel" : "virtual"
  if (declared === "wireguard" || declared === "ppp") return "tunnel"
  if (type !== undefined && tunnelTypes.has(type)) return "tunnel"
  // `device` links to the hardware below; VLANs, bonds, veth and dummies have none.
  if (type === ARPHRD_ETHER) return has("device") ? "ethernet" : "virtual"
  return "unknown"
}
