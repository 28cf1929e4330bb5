/**
 * Packets a Linux kernel (6.18) made, in answer to packets of ours: to a closed UDP port, a closed TCP port, an echo
 * request, and packets whose hop count ran out. `from` sent them; `about` is the packet of ours each answers.
 */
import * as Ip from "../../../src/protocols/packet/Ip.ts"
import type { IpPacket } from "../../../src/protocols/packet/IpPacket.ts"
import { echo, SYN, tcp, udp } from "../../../src/protocols/packet/IpPacket.ts"

const ip = Ip.fromStringUnsafe
const text = new TextEncoder().encode("effect-p2p")

interface Golden {
  readonly name: string
  readonly hex: string
  readonly about: IpPacket
}

const families = {
  4: { host: ip("10.0.0.2"), router: ip("10.0.0.1"), far: ip("198.51.100.1") },
  6: { host: ip("2001:db8:1::2"), router: ip("2001:db8:1::1"), far: ip("2001:db8:2::1") }
} as const

export const router = { 4: families[4].router, 6: families[6].router } as const

const about = (family: Ip.Family) => {
  const { far, host, router } = families[family]
  return {
    closedUdp: udp(host, 5000, router, 4000, text),
    closedTcp: tcp(host, 5000, router, 4000, { flags: SYN, seq: 77 }),
    ping: echo("request", host, router, 7, 9, text),
    farUdp: udp(host, 5000, far, 4000, text, 1),
    farTcp: tcp(host, 5000, far, 4000, { flags: SYN, ttl: 1 }),
    farPing: echo("request", host, far, 7, 9, text, 1)
  }
}

const v4 = about(4)
const v6 = about(6)

export const resets: ReadonlyArray<Golden> = [
  {
    name: "reset, IPv4",
    about: v4.closedTcp,
    hex: "4500002800004000400626ce0a0000010a0000020fa01388000000000000004e5014000078580000"
  },
  {
    name: "reset, IPv6",
    about: v6.closedTcp,
    hex: "600d9d6b0014064020010db800010000000000000000000120010db80001000000000000000000020fa01388000000000000004e5014000030e40000"
  }
]

export const echoReplies: ReadonlyArray<Golden> = [
  {
    name: "echo reply, IPv4",
    about: v4.ping,
    hex: "45000026cc76000040019a5e0a0000010a000002000070cf000700096566666563742d703270"
  },
  {
    name: "echo reply, IPv6",
    about: v6.ping,
    hex: "6000e6b600123a4020010db800010000000000000000000120010db80001000000000000000000028100940b000700096566666563742d703270"
  }
]

export const errors: ReadonlyArray<Golden & { readonly kind: "portUnreachable" | "ttlExceeded" }> = [
  {
    name: "port unreachable, IPv4",
    kind: "portUnreachable",
    about: v4.closedUdp,
    hex: "45c00042cc750000400199830a0000010a00000203031123000000004500002600004000401126c50a0000020a00000113880fa00012397f6566666563742d703270"
  },
  {
    name: "ttl exceeded for UDP, IPv4",
    kind: "ttlExceeded",
    about: v4.farUdp,
    hex: "45c00042cc770000400199810a0000010a0000020b00295a000000004500002600004000011145910a000002c633640113880fa00012194b6566666563742d703270"
  },
  {
    name: "ttl exceeded for TCP, IPv4",
    kind: "ttlExceeded",
    about: v4.farTcp,
    hex: "45c00044cc7800004001997e0a0000010a0000020b0029510000000045000028000040000106459a0a000002c633640113880fa000000000000000005002ffff58840000"
  },
  {
    name: "ttl exceeded for echo, IPv4",
    kind: "ttlExceeded",
    about: v4.farPing,
    hex: "45c00042cc7900004001997f0a0000010a0000020b00f4ff000000004500002600004000010145a10a000002c6336401080068cf000700096566666563742d703270"
  },
  {
    name: "port unreachable, IPv6",
    kind: "portUnreachable",
    about: v6.closedUdp,
    hex: "600b728500423a4020010db800010000000000000000000120010db8000100000000000000000002010431d900000000600000000012114020010db800010000000000000000000220010db800010000000000000000000113880fa00012f20a6566666563742d703270"
  },
  {
    name: "ttl exceeded for UDP, IPv6",
    kind: "ttlExceeded",
    about: v6.farUdp,
    hex: "6009ff3600423a4020010db800010000000000000000000120010db80001000000000000000000020300301c00000000600000000012110120010db800010000000000000000000220010db800020000000000000000000113880fa00012f2096566666563742d703270"
  },
  {
    name: "ttl exceeded for TCP, IPv6",
    kind: "ttlExceeded",
    about: v6.farTcp,
    hex: "6009ff3600443a4020010db800010000000000000000000120010db800010000000000000000000203003b0f00000000600000000014060120010db800010000000000000000000220010db800020000000000000000000113880fa000000000000000005002ffff31430000"
  },
  {
    name: "ttl exceeded for echo, IPv6",
    kind: "ttlExceeded",
    about: v6.farPing,
    hex: "6009ff3600423a4020010db800010000000000000000000120010db800010000000000000000000203000745000000006000000000123a0120010db800010000000000000000000220010db80002000000000000000000018000950a000700096566666563742d703270"
  }
]

export const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"))
