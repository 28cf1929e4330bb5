/**
 * A real Linux NAT to hold a model against: a network namespace whose two cards are TUN devices in our hands. A packet
 * written to `lan` arrives from an inside host, what the kernel forwards is read from `wan`, and the reverse; no other
 * host or process takes part. The kernel handles a packet within the write, so reading after it is reading the verdict.
 *
 * The namespace has no name: it lives by our file descriptors, and is gone with them however this process ends.
 *
 * Needs root, `ip`, `nft`, /dev/net/tun, and koffi for `unshare`, `setns` and one `ioctl`; `unavailable` says what is
 * missing.
 */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import { OUTSIDE } from "./rulesets.ts"

/** The router's own inside addresses; inside hosts are next to them. */
export const LAN_ROUTER = "10.0.0.1"
export const LAN_ROUTER_6 = "2001:db8:1::1"

interface Native {
  readonly unshare: (flags: number) => number
  readonly setns: (fd: number, type: number) => number
  readonly ioctl: (fd: number, request: number, argument: Uint8Array) => number
}

const CLONE_NEWNET = 0x4000_0000
const TUNSETIFF = 0x4004_54ca
const IFF_TUN_NO_PI = 0x1001

const loadNative = (): Native => {
  const libc = createRequire(import.meta.url)("koffi").load("libc.so.6")
  return {
    unshare: libc.func("int unshare(int flags)"),
    setns: libc.func("int setns(int fd, int type)"),
    ioctl: libc.func("int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)")
  }
}

/** Why this machine cannot play, `undefined` if it can. */
export const unavailable = (): string | undefined => {
  if (process.platform !== "linux") return "network namespaces are Linux's"
  if (process.getuid?.() !== 0) return "network namespaces need root"
  if (!Fs.existsSync("/dev/net/tun")) return "no /dev/net/tun"
  try {
    loadNative()
    execFileSync("ip", ["-V"], { stdio: "pipe" })
    execFileSync("nft", ["--version"], { stdio: "pipe" })
    return undefined
  } catch (cause) {
    return `cannot run ip, nft or koffi: ${String(cause)}`
  }
}

/** Packets the kernel sent, by card. */
export interface Emerged {
  readonly inside: ReadonlyArray<Uint8Array>
  readonly outside: ReadonlyArray<Uint8Array>
}

export class NatLab {
  readonly #cards: { readonly lan: number; readonly wan: number }
  readonly #buffer = new Uint8Array(65_536)

  /** Builds the namespace and loads the rules; the caller must `close` it. */
  constructor(ruleset: string) {
    this.#cards = inNewNamespace((native) => {
      const cards = { lan: openTun(native, "lan"), wan: openTun(native, "wan") }
      execFileSync("sh", ["-ec", SET_UP], { stdio: "pipe" })
      execFileSync("nft", ["-f", "-"], { input: ruleset, stdio: "pipe" })
      return cards
    })
    this.#drain()
  }

  /** What comes out where when these bytes arrive from an inside host. */
  fromInside(packet: Uint8Array): Emerged {
    Fs.writeSync(this.#cards.lan, packet)
    return this.#drain()
  }

  /** What comes out where when these bytes arrive from the internet. */
  fromOutside(packet: Uint8Array): Emerged {
    Fs.writeSync(this.#cards.wan, packet)
    return this.#drain()
  }

  close(): void {
    Fs.closeSync(this.#cards.lan)
    Fs.closeSync(this.#cards.wan)
  }

  #drain(): Emerged {
    return { inside: this.#readAll(this.#cards.lan), outside: this.#readAll(this.#cards.wan) }
  }

  #readAll(card: number): ReadonlyArray<Uint8Array> {
    const packets: Array<Uint8Array> = []
    for (;;) {
      try {
        const packet = this.#buffer.slice(0, Fs.readSync(card, this.#buffer))
        if (!isMulticast(packet)) packets.push(packet)
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === "EAGAIN") return packets
        throw cause
      }
    }
  }
}

// The router's own: multicast reports and router solicitations of IPv6, at times of its choosing.
const isMulticast = (packet: Uint8Array): boolean => packet[0]! >> 4 === 6 && packet[24] === 0xff

// A namespace belongs to a thread, and a child process starts in that of the thread that starts it. All of `body` is
// synchronous, so nothing else of this process runs while we are away.
const inNewNamespace = <A>(body: (native: Native) => A): A => {
  const native = loadNative()
  const home = Fs.openSync("/proc/thread-self/ns/net", "r")
  try {
    if (native.unshare(CLONE_NEWNET) !== 0) throw new Error("the kernel gives no network namespace")
    try {
      return body(native)
    } finally {
      enter(native, home)
    }
  } finally {
    Fs.closeSync(home)
  }
}

const enter = (native: Native, namespace: number): void => {
  if (native.setns(namespace, CLONE_NEWNET) !== 0) throw new Error("cannot leave the network namespace again")
}

// Reverse-path checks and redirects off, so that the rules alone decide; ICMP errors unlimited, since all come at once. By the
// masks of what is limited: the limits by destination are not the only ones.
const SET_UP = `
  sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratemask=0
  sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.lan.rp_filter=0 net.ipv4.conf.wan.rp_filter=0
  sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.lan.send_redirects=0 net.ipv4.conf.wan.send_redirects=0
  ip addr add ${LAN_ROUTER}/24 dev lan
  ip addr add ${LAN_ROUTER_6}/64 dev lan nodad
  ip addr add ${OUTSIDE}/24 dev wan
  ip link set lo up
  ip link set lan up
  ip link set wan up
  ip route add default dev wan
  ip -6 route add default dev wan
`

const openTun = (native: Native, name: string): number => {
  const fd = Fs.openSync("/dev/net/tun", Fs.constants.O_RDWR | Fs.constants.O_NONBLOCK)
  const request = Buffer.alloc(40)
  request.write(name)
  request.writeUInt16LE(IFF_TUN_NO_PI, 16)
  if (native.ioctl(fd, TUNSETIFF, request) < 0) {
    Fs.closeSync(fd)
    throw new Error(`the kernel gives no TUN device "${name}"`)
  }
  return fd
}
