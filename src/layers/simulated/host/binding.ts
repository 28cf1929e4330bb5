/**
 * Where a socket starts from: the caller's address, port and interface turned into one local end, or the reason why that
 * cannot be. The same rules, in the same order, as on Node's sockets.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Ip } from "../../../protocols/packet/Ip.ts"
import type { NetKind } from "../../../schemas/NetKind.ts"
import type { InterfaceBinding, LocalOptions } from "../../../services/Tcp.ts"
import { addressOf, ipOf, isLinkLocal, isUnspecified, loopback4, loopback6 } from "./addresses.ts"
import { type Code, kindOf, SimulatedError } from "./errno.ts"
import type { Host } from "./Host.ts"
import type { Device } from "./Way.ts"

/** The common part of a failure to open, for the caller to put into its own reason. */
export interface Refusal {
  readonly kind: NetKind
  readonly detail?: string | undefined
  readonly cause?: unknown
}

/** `address` is `undefined` for every address of the family, of both for family 0. */
export interface Local {
  readonly address: Ip | undefined
  readonly family: 4 | 6 | 0
  readonly port: number
  readonly device: Device | undefined
  readonly binding: InterfaceBinding
}

/** A failed system call as a refusal. */
export const failed = (syscall: string, code: Code): Refusal => ({
  kind: kindOf(code),
  cause: new SimulatedError({ syscall, code })
})

export const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535

const no = (kind: NetKind, detail: string): Result.Result<never, Refusal> => Result.fail({ kind, detail })

/** Resolves the local end of a socket of a family. `dual`: an unspecified IPv6 address takes IPv4 as well. */
export const resolve = (
  host: Host,
  local: LocalOptions,
  family: NetAddress.IpFamily,
  dual: boolean
): Result.Result<Local, Refusal> => {
  const port = local.port ?? 0
  if (local.interface !== undefined) return onInterface(host, local.interface, local, family, port)
  if (!isPort(port)) return no("InvalidInput", `${port} is not a port: use 0 (any) to 65535`)
  if (local.address !== undefined && NetAddress.familyOf(local.address) !== family) {
    return no("FamilyMismatch", `the local address ${NetAddress.formatIp(local.address)} is not ${family}`)
  }
  const ip = local.address === undefined ? undefined : ipOf(local.address)
  const number = family === "IPv4" ? 4 : 6
  if (ip === undefined || isUnspecified(ip)) {
    return Result.succeed({
      address: undefined,
      family: number === 6 && dual ? 0 : number,
      port,
      device: undefined,
      binding: "none"
    })
  }
  return Result.succeed({ address: ip, family: number, port, device: undefined, binding: "none" })
}

const onInterface = (
  host: Host,
  name: string,
  local: LocalOptions,
  family: NetAddress.IpFamily,
  port: number
): Result.Result<Local, Refusal> => {
  const number = family === "IPv4" ? 4 : 6
  const device: Device | undefined = name === "lo" ? "lo" : host.nic(name)
  if (device === undefined) {
    return no("UnknownInterface", `there are ${["lo", ...host.nics.map((nic) => nic.name)].join(", ")}`)
  }
  const own =
    device === "lo"
      ? [number === 4 ? loopback4 : loopback6]
      : device.addresses.filter((entry) => entry.family === number).map((entry) => entry.ip)
  // A link-local address reaches the link only, so the others come first.
  const addresses = own.toSorted((a, b) => Number(isLinkLocal(a)) - Number(isLinkLocal(b)))
  if (addresses.length === 0) return no("AddressNotAvailable", `${name} has no ${family} address`)
  const wanted = local.address === undefined ? undefined : ipOf(local.address)
  const address = wanted === undefined || isUnspecified(wanted) ? addresses[0] : addresses.find((ip) => ip === wanted)
  if (address === undefined) return no("AddressNotAvailable", `${name} has ${addresses.join(", ")}`)
  if (!isPort(port)) return no("InvalidInput", `${port} is not a port: use 0 (any) to 65535`)
  return Result.succeed({ address, family: number, port, device, binding: "device" })
}

/** Whether a socket can be bound to an address here. */
export const isBindable = (host: Host, local: Local): boolean =>
  local.address === undefined || host.isOwn(local.address)

/** The endpoint a bound socket shows. */
export const shown = (host: Host, local: Local, port: number): NetAddress.InetAddress => {
  if (local.address === undefined) {
    return NetAddress.inetAddressUnsafe(
      local.family === 4 ? NetAddress.ipv4Unspecified : NetAddress.ipv6Unspecified,
      port
    )
  }
  const scopeId = local.device === undefined || local.device === "lo" ? 0 : host.indexOf(local.device)
  const address = addressOf(local.address)
  return NetAddress.isIpv6Address(address) && isLinkLocal(local.address)
    ? Result.getOrThrow(NetAddress.inetAddressV6(address, port, { scopeId }))
    : NetAddress.inetAddressUnsafe(address, port)
}

/** The same for a socket that hears whoever comes: by an interface with no address named, under every address of it. */
export const resolveEither = (
  host: Host,
  local: LocalOptions,
  family: NetAddress.IpFamily,
  dual: boolean
): Result.Result<Local, Refusal> => {
  const resolved = resolve(host, local, family, dual)
  if (local.address !== undefined || local.interface === undefined) return resolved
  const lacksIpv6 = Result.isFailure(resolved) && resolved.failure.kind === "AddressNotAvailable" && dual
  return Result.map(lacksIpv6 ? resolve(host, local, "IPv4", dual) : resolved, (bound) => ({
    ...bound,
    address: undefined,
    family: dual ? 0 : 6
  }))
}
