/**
 * Where a socket starts from: the caller's address, port and interface turned into one local endpoint and a way to bind
 * it, or the reason why that cannot be.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { NetKind } from "../../schemas/NetKind.ts"
import type { InterfaceBinding, LocalOptions } from "../../services/Tcp.ts"
import { addressesOf } from "./interfaceAddresses.ts"
import type { NativeCalls, OpenOptions } from "./native/NativeCalls.ts"
import { codeOf, kindOf } from "./errno.ts"

/** The common part of a failure to open, for the caller to put into its own reason. */
export interface Refusal {
  readonly kind: NetKind
  /** The end that was to be bound, where it is known by then. */
  readonly local?: NetAddress.InetAddress | undefined
  readonly detail?: string | undefined
  readonly cause?: unknown
}

/** `fd` is set when the native layer bound the socket: whoever adopts it owns it. */
export interface Bound {
  readonly local: NetAddress.InetAddress
  readonly binding: InterfaceBinding
  readonly fd: number | undefined
}

const unspecified = (family: NetAddress.IpFamily): NetAddress.IpAddress =>
  family === "IPv4" ? NetAddress.ipv4Unspecified : NetAddress.ipv6Unspecified

export const validPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535

const badPort = (port: number): Refusal => ({
  kind: "InvalidInput",
  detail: `${port} is not a port: use 0 (any) to 65535`
})

/** Refuses a destination port of 0, and a link-local destination that does not say on which link it is. */
export const checkRemote = (remote: NetAddress.InetAddress, device: string | undefined): Refusal | undefined => {
  if (remote.port === 0) return { kind: "InvalidInput", detail: "0 is not a destination port: use 1 to 65535" }
  if (device !== undefined || !NetAddress.isInetAddressV6(remote) || remote.scopeId !== 0) return undefined
  if (!NetAddress.isLinkLocal(remote.address)) return undefined
  const host = NetAddress.formatIp(remote.address)
  return {
    kind: "InvalidInput",
    detail: `every link has such addresses: write the zone (the scope id of the interface, as in ${host}%2), or name an interface`
  }
}

/** What a local end without an interface comes to. */
export const plain = (local: LocalOptions, family: NetAddress.IpFamily): Result.Result<Bound, Refusal> => {
  const address = local.address ?? unspecified(family)
  const port = local.port ?? 0
  if (!validPort(port)) return Result.fail(badPort(port))
  if (NetAddress.familyOf(address) !== family) {
    return Result.fail({
      kind: "FamilyMismatch",
      detail: `the local address ${NetAddress.formatIp(address)} is not ${family}`
    })
  }
  return Result.succeed({ local: NetAddress.inetAddressUnsafe(address, port), binding: "none", fd: undefined })
}

// The caller's address on the interface, or its first one of the family: widest scope first.
const onInterface = (
  name: string,
  local: LocalOptions,
  family: NetAddress.IpFamily | undefined
): Result.Result<NetAddress.InetAddress, Refusal> => {
  const found = addressesOf(name, family)
  switch (found._tag) {
    case "UnknownInterface":
      return Result.fail({
        kind: "UnknownInterface",
        detail: `there are ${found.known.length === 0 ? "none" : found.known.join(", ")}`
      })
    case "NoAddress":
      return Result.fail({ kind: "AddressNotAvailable", detail: `${name} has no ${family ?? "IP"} address` })
    case "Unreadable":
      return Result.fail({ kind: "Unknown", detail: "the interfaces could not be read", cause: found.cause })
    case "Addresses": {
      const wanted = local.address
      const entry =
        wanted === undefined || NetAddress.isUnspecified(wanted)
          ? found.addresses[0]
          : found.addresses.find((entry) => NetAddress.formatIp(entry.address) === NetAddress.formatIp(wanted))
      if (entry === undefined) {
        return Result.fail({
          kind: "AddressNotAvailable",
          detail: `${name} has ${found.addresses.map((entry) => NetAddress.formatIp(entry.address)).join(", ")}`
        })
      }
      const port = local.port ?? 0
      if (!validPort(port)) return Result.fail(badPort(port))
      return Result.mapError(
        NetAddress.isIpv6Address(entry.address)
          ? NetAddress.inetAddressV6(entry.address, port, { scopeId: entry.scopeId ?? 0 })
          : NetAddress.inetAddress(entry.address, port),
        (cause): Refusal => ({ kind: "InvalidInput", cause })
      )
    }
  }
}

export interface ShareOptions {
  readonly reuse?: boolean | undefined
  readonly ipv6Only?: boolean | undefined
}

/**
 * Resolves, and where an interface is named and the native layer is there, binds. A device the process may not bind to
 * (EPERM) falls back to its address, and says so in `binding`.
 */
export const bind = (
  native: Option.Option<NativeCalls>,
  transport: OpenOptions["transport"],
  local: LocalOptions,
  family: NetAddress.IpFamily,
  options: ShareOptions
): Result.Result<Bound, Refusal> => {
  const name = local.interface
  if (name === undefined) return plain(local, family)
  return Result.flatMap(onInterface(name, local, family), (endpoint) =>
    tied(native, transport, name, [endpoint], endpoint, options)
  )
}

/**
 * The same for a socket that hears whoever comes by the interface, with no address of it named: on the device under every
 * address, else under one, the first of the family. No family: either, and on the device both.
 */
export const bindAny = (
  native: Option.Option<NativeCalls>,
  transport: OpenOptions["transport"],
  local: Pick<LocalOptions, "port"> & { readonly interface: string },
  family: NetAddress.IpFamily | undefined,
  options: ShareOptions
): Result.Result<Bound, Refusal> => {
  const { interface: name, port } = local
  const only = family ?? (options.ipv6Only === true ? "IPv6" : undefined)
  return Result.flatMap(onInterface(name, { port }, only), (endpoint) => {
    const families = only === undefined ? (["IPv6", "IPv4"] as const) : [only]
    const every = families.map((family) => NetAddress.inetAddressUnsafe(unspecified(family), endpoint.port))
    return tied(native, transport, name, every, endpoint, options)
  })
}

// The first of `ends` this machine has, on the device; `fallback` where the device is not for this process.
const tied = (
  native: Option.Option<NativeCalls>,
  transport: OpenOptions["transport"],
  name: string,
  ends: ReadonlyArray<NetAddress.InetAddress>,
  fallback: NetAddress.InetAddress,
  options: ShareOptions
): Result.Result<Bound, Refusal> => {
  const byAddress = Result.succeed<Bound>({ local: fallback, binding: "address", fd: undefined })
  if (Option.isNone(native)) return byAddress
  let refusal: Refusal | undefined
  for (const local of ends) {
    const opened = native.value.open({ transport, address: local, interface: name, ...options })
    if (Result.isSuccess(opened)) return Result.succeed({ local, binding: "device", fd: opened.success })
    if (codeOf(opened.failure) === "EPERM") return byAddress
    refusal = { kind: kindOf(opened.failure), local, cause: opened.failure }
    if (!lacksFamily(opened.failure)) break
  }
  return refusal === undefined ? byAddress : Result.fail(refusal)
}

/** Whether this is how a machine without IPv6 refuses the unspecified IPv6 address. */
export const lacksFamily = (cause: unknown): boolean => ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(codeOf(cause))

/** Hands a descriptor to whoever adopts it, and closes it where they throw instead. */
export const adopting = <A>(native: Option.Option<NativeCalls>, fd: number, adopt: (fd: number) => A): A => {
  try {
    return adopt(fd)
  } catch (cause) {
    Option.getOrThrow(native).close(fd)
    throw cause
  }
}
