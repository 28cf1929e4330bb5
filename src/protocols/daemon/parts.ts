/**
 * Which sockets a daemon listens on: what was asked for, against the interfaces there are. Pure, so that it can be read and
 * tested as a table.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Family, NetworkInterface } from "../../schemas/NetworkInterface.ts"

/**
 * Where to listen. `all`: every address of this machine. `loopback`: this machine only. `local`: the networks this machine
 * is on, and not the internet: its private and link-local addresses. Or an address, or an interface by name.
 */
export type Place = "all" | "loopback" | "local" | NetAddress.IpAddress | { readonly interface: string }

export interface Wanted {
  readonly on: ReadonlyArray<Place>
  readonly ports: ReadonlyArray<number>
  readonly transports: ReadonlyArray<"tcp" | "udp">
  /** Absent: those the machine has. */
  readonly families?: ReadonlyArray<Family> | undefined
}

/** One socket. */
export interface Part {
  readonly transport: "tcp" | "udp"
  readonly address: NetAddress.IpAddress
  readonly port: number
  /** Set where the address means nothing without it, or where the interface was what was asked for. */
  readonly interface?: string | undefined
}

type Spot = Pick<Part, "address" | "interface">

const unspecified = { IPv4: NetAddress.ipv4Unspecified, IPv6: NetAddress.ipv6Unspecified }
const loopback = { IPv4: NetAddress.ipv4Loopback, IPv6: NetAddress.ipv6Loopback }

const familiesOf = (interfaces: ReadonlyArray<NetworkInterface>): ReadonlyArray<Family> =>
  (["IPv4", "IPv6"] as const).filter((family) =>
    interfaces.some(({ addresses }) => addresses.some(({ address }) => NetAddress.familyOf(address) === family))
  )

const local = (interfaces: ReadonlyArray<NetworkInterface>, families: ReadonlyArray<Family>): ReadonlyArray<Spot> =>
  interfaces.flatMap(({ addresses, name }) =>
    addresses
      .filter(
        ({ address, scope }) =>
          (scope === "site" || scope === "link") && families.includes(NetAddress.familyOf(address))
      )
      .map(({ address, scope }): Spot => (scope === "link" ? { address, interface: name } : { address }))
  )

const named = (
  name: string,
  interfaces: ReadonlyArray<NetworkInterface>,
  families: ReadonlyArray<Family>
): Result.Result<ReadonlyArray<Spot>, string> => {
  const found = interfaces.find((entry) => entry.name === name)
  if (found === undefined) {
    return Result.fail(`no interface is called ${name}: there are ${interfaces.map((entry) => entry.name).join(", ")}`)
  }
  const spots = found.addresses
    .filter(({ address }) => families.includes(NetAddress.familyOf(address)))
    .map(({ address }): Spot => ({ address, interface: name }))
  return spots.length > 0 ? Result.succeed(spots) : Result.fail(`${name} has no ${families.join(" or ")} address`)
}

const spotsOf = (
  place: Place,
  interfaces: ReadonlyArray<NetworkInterface>,
  families: ReadonlyArray<Family>
): Result.Result<ReadonlyArray<Spot>, string> => {
  if (place === "all") return Result.succeed(families.map((family) => ({ address: unspecified[family] })))
  if (place === "loopback") return Result.succeed(families.map((family) => ({ address: loopback[family] })))
  if (place === "local") {
    const spots = local(interfaces, families)
    return spots.length > 0
      ? Result.succeed(spots)
      : Result.fail(`this machine has no private or link-local ${families.join(" or ")} address`)
  }
  return "interface" in place ? named(place.interface, interfaces, families) : Result.succeed([{ address: place }])
}

/** Every combination asked for, once. Fails with what cannot be meant, and where it would come to nothing. */
export const parts = (
  wanted: Wanted,
  interfaces: ReadonlyArray<NetworkInterface>
): Result.Result<ReadonlyArray<Part>, string> => {
  const families = wanted.families ?? familiesOf(interfaces)
  const badPort = wanted.ports.find((port) => !Number.isInteger(port) || port < 0 || port > 65_535)
  if (badPort !== undefined) return Result.fail(`${badPort} is not a port: use 0 (any) to 65535`)
  const all = new Map<string, Part>()
  for (const place of wanted.on) {
    const spots = spotsOf(place, interfaces, families)
    if (Result.isFailure(spots)) return Result.fail(spots.failure)
    for (const spot of spots.success) {
      for (const transport of wanted.transports) {
        for (const port of wanted.ports) {
          const key = `${transport} ${NetAddress.formatIp(spot.address)} ${spot.interface ?? ""} ${port}`
          all.set(key, { transport, ...spot, port })
        }
      }
    }
  }
  return all.size > 0
    ? Result.succeed([...all.values()])
    : Result.fail("nothing to listen on: name at least one place, one port and one transport the machine has")
}
