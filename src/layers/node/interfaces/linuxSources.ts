/** Reads what Linux says about the interfaces of this process's network namespace. */
import { closeSync, openSync, readdirSync, readSync } from "node:fs"
import { endianness } from "node:os"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import { deviceNames } from "../../../protocols/interfaces/deviceNames.ts"
import type { DefaultRouteFacts } from "../../../protocols/interfaces/facts.ts"
import { type LinuxSources, sysfsBelongs } from "../../../protocols/interfaces/linux.ts"
import type { SysfsFacts } from "../../../protocols/interfaces/linuxKind.ts"
import { defaultRoutes4, defaultRoutes6 } from "../../../protocols/interfaces/procNet.ts"
import { InterfacesError, SourceFailed } from "../../../services/Interfaces.ts"
import { codeOf } from "../errno.ts"
import { osAddresses } from "./osAddresses.ts"

const littleEndian = endianness() === "LE"

const sysfsRoot = "/sys/class/net"

// About 30,000 routes, which take the kernel tens of milliseconds. A machine with more is a router, not a peer.
const maxTable = 4 * 1024 * 1024

// sysfs files are one page at most.
const maxFact = 4096

// Interfaces come and go between the reads; a second look settles it. When sysfs shows another namespace, no look does.
const maxLooks = 3

const failed = (source: string, kind: SourceFailed["kind"], cause: unknown) =>
  new InterfacesError({ reason: new SourceFailed({ op: "list", source, kind, cause }) })

// The kernel writes these files at the moment they are read, from memory: nothing to wait for, so a thread of Node's pool
// for each step would cost ten times the read itself. They have no size to ask for, so they are read until they end.
const scratch = Buffer.allocUnsafe(64 * 1024)

const readAll = (path: string, limit: number): string => {
  const file = openSync(path, "r")
  try {
    const chunks: Array<Buffer> = []
    let total = 0
    for (;;) {
      const read = readSync(file, scratch)
      if (read === 0) return Buffer.concat(chunks).toString("utf8")
      total += read
      if (total > limit) throw Object.assign(new Error(`more than ${limit} bytes`), { code: "EFBIG" })
      chunks.push(Buffer.from(scratch.subarray(0, read)))
    }
  } finally {
    closeSync(file)
  }
}

// What the kernel, the sandbox or the moment does not give; anything else is a failure of the machine and is said.
const absent = new Set(["ENOENT", "ENOTDIR", "EACCES", "EPERM", "ENODEV", "EINVAL"])

const orAbsent = <A>(path: string, read: () => A): Effect.Effect<A | undefined, InterfacesError> =>
  Effect.try({ try: read, catch: (cause) => cause }).pipe(
    Effect.catch((cause) => {
      const code = codeOf(cause)
      if (absent.has(code)) return Effect.undefined
      return Effect.fail(failed(path, code === "EFBIG" ? "TooLarge" : "Failed", cause))
    })
  )

const text = (path: string, limit: number) => orAbsent(path, () => readAll(path, limit))

const entries = (path: string) => orAbsent(path, () => readdirSync(path))

const factFiles = ["ifindex", "type", "flags", "mtu", "address", "operstate", "uevent", "tun_flags"] as const

const facts = Effect.fnUntraced(function* (name: string) {
  const directory = `${sysfsRoot}/${name}`
  const listed = yield* entries(directory)
  // `bonding_masters` is a file among the interfaces, and an interface may be gone by now.
  if (listed === undefined || !listed.includes("ifindex")) return undefined
  const found: { -readonly [K in keyof SysfsFacts]: SysfsFacts[K] } = { entries: listed }
  for (const file of factFiles) {
    if (listed.includes(file)) found[file] = yield* text(`${directory}/${file}`, maxFact)
  }
  return [name, found] as const
})

const sysfs = Effect.gen(function* () {
  const names = yield* entries(sysfsRoot)
  if (names === undefined) return undefined
  const found = yield* Effect.forEach(names, facts)
  return new Map<string, SysfsFacts>(found.filter((entry) => entry !== undefined))
})

const snmp6 = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
  const found = new Map<string, string>()
  for (const name of names) {
    const content = yield* text(`/proc/net/dev_snmp6/${name}`, maxFact * 4)
    if (content !== undefined) found.set(name, content)
  }
  return found
})

const look = Effect.gen(function* () {
  const sources: LinuxSources = {
    dev: yield* text("/proc/net/dev", maxTable),
    sysfs: yield* sysfs,
    addresses: yield* osAddresses,
    littleEndian,
    route: yield* text("/proc/net/route", maxTable),
    ipv6Route: yield* text("/proc/net/ipv6_route", maxTable),
    ifInet6: yield* text("/proc/net/if_inet6", maxTable)
  }
  return sources
})

/** Everything `linuxSnapshot` wants to know. */
export const linuxSources: Effect.Effect<LinuxSources, InterfacesError> = Effect.gen(function* () {
  let sources = yield* look
  for (let looks = 1; looks < maxLooks && sources.sysfs !== undefined && !sysfsBelongs(sources); looks++) {
    sources = yield* look
  }
  if (sysfsBelongs(sources)) return sources
  return { ...sources, snmp6: yield* snmp6(deviceNames(sources.dev ?? "")) }
})

const described = (route: DefaultRouteFacts): string =>
  `${route.family} ${route.interface} ${route.gateway === undefined ? "" : NetAddress.formatIp(route.gateway)} ${route.metric}`

/** A text that differs whenever an address, a default route or the set of interfaces does: a few reads, cheap to repeat. */
export const linuxFingerprint: Effect.Effect<string, InterfacesError> = Effect.gen(function* () {
  // Not the texts themselves: the counters among them change with every packet.
  const names = deviceNames((yield* text("/proc/net/dev", maxTable)) ?? "")
  const routes4 = defaultRoutes4((yield* text("/proc/net/route", maxTable)) ?? "", littleEndian)
  const routes6 = defaultRoutes6((yield* text("/proc/net/ipv6_route", maxTable)) ?? "")
  const addresses = (yield* text("/proc/net/if_inet6", maxTable)) ?? ""
  return [names.join(" "), ...routes4.value.map(described), ...routes6.value.map(described), addresses].join("\n")
})
