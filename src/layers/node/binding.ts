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

/** The same with an interface: the caller's address on it, or its first address of the family. */
const onInterface = (
  name: string,
  local: LocalOptions,
  family: NetAddress.IpFamily
): Result.Result<NetAddress.InetAddress, Refusal> => {
  const found = addressesOf(name, family)
  switch (found._tag) {
    case "UnknownInterface":
      return Result.fail({
        kind: "UnknownInterface",
        detail: `there are ${found.known.length === 0 ? "none" : found.known.join(", ")}`
      })
    case "NoAddress":
      return Result.fail({ kind: "AddressNotAvailable", detail: `${name} has no ${family} address` })
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

/**
 * Resolves, and where an interface is named and the native layer is there, binds. A device the process may not bind to
 * (EPERM) falls back to its address, and says so in `binding`.
 */
export const bind = (
  native: Option.Option<NativeCalls>,
  transport: OpenOptions["transport"],
  local: LocalOptions,
  family: NetAddress.IpFamily,
  options: { readonly reuse?: boolean | undefined; readonly ipv6Only?: boolean | undefined }
): Result.Result<Bound, Refusal> => {
  const name = local.interface
  const resolved =
    name === undefined
      ? plain(local, family)
      : Result.map(onInterface(name, local, family), (endpoint): Bound => ({
          local: endpoint,
          binding: "address",
          fd: undefined
        }))
  if (Result.isFailure(resolved) || Option.isNone(native) || name === undefined) return resolved
  const opened = native.value.open({ transport, address: resolved.success.local, interface: name, ...options })
  if (Result.isSuccess(opened)) {
    return Result.succeed({
      local: resolved.success.local,
      binding: "device",
      fd: opened.success
    })
  }
  if (codeOf(opened.failure) === "EPERM") return resolved
  return Result.fail({ kind: kindOf(opened.failure), local: resolved.success.local, cause: opened.failure })
}
