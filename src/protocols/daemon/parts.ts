/**
 * Which sockets a daemon listens on: what was asked for, against the interfaces there are. Pure, so that it can be read and
 * tested as a table.
 */
import * as Equal from "effect/Equal"
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
  /** Absent: those the machine has. Named, each must be found in every place that is not an address itself. */
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

const isFamily =
  (family: Family) =>
  ({ address }: Pick<Spot, "address">): boolean =>
    NetAddress.familyOf(address) === family

const familiesOf = (interfaces: ReadonlyArray<NetworkInterface>): ReadonlyArray<Family> =>
  (["IPv4", "IPv6"] as const).filter((family) => interfaces.some(({ addresses }) => addresses.some(isFamily(family))))

const local = (interfaces: ReadonlyArray<NetworkInterface>): ReadonlyArray<Spot> =>
  interfaces.flatMap(({ addresses, name }) =>
    addresses
      .filter(({ scope }) => scope === "site" || scope === "link")
      .map(({ address, scope }): Spot => (scope === "link" ? { address, interface: name } : { address }))
  )

const named = (
  name: string,
  interfaces: ReadonlyArray<NetworkInterface>
): Result.Result<ReadonlyArray<Spot>, string> => {
  const found = interfaces.find((entry) => entry.name === name)
  if (found !== undefined) return Result.succeed(found.addresses.map(({ address }) => ({ address, interface: name })))
  const known = interfaces.map((entry) => entry.name).join(", ")
  return Result.fail(`no interface is called ${name}: there are ${known === "" ? "none" : known}`)
}

/** Everything a place stands for, in both families. */
const spotsOf = (
  place: Place,
  interfaces: ReadonlyArray<NetworkInterface>
): Result.Result<ReadonlyArray<Spot>, string> => {
  if (place === "all") {
    return Result.succeed([{ address: NetAddress.ipv4Unspecified }, { address: NetAddress.ipv6Unspecified }])
  }
  if (place === "loopback") {
    return Result.succeed([{ address: NetAddress.ipv4Loopback }, { address: NetAddress.ipv6Loopback }])
  }
  if (place === "local") return Result.succeed(local(interfaces))
  if ("interface" in place) return named(place.interface, interfaces)
  const linked = local(interfaces).filter((spot) => spot.interface !== undefined && Equal.equals(spot.address, place))
  return Result.succeed(linked.length > 0 ? linked : [{ address: place }])
}

const subject = (place: Place): string => {
  if (place === "local") return "the local networks of this machine have"
  if (typeof place === "string") return "this machine has"
  return "interface" in place ? `${place.interface} has` : `${NetAddress.formatIp(place)} is`
}

/** Those of the families asked for. */
const inFamilies = (
  place: Place,
  spots: ReadonlyArray<Spot>,
  wanted: Wanted["families"],
  there: ReadonlyArray<Family>
): Result.Result<ReadonlyArray<Spot>, string> => {
  const isAddress = typeof place !== "string" && !("interface" in place)
  // Whether the machine can have an address that was asked for is for the machine to say.
  if (isAddress && wanted === undefined) return Result.succeed(spots)
  const families = wanted ?? there
  const found = spots.filter((spot) => families.some((family) => isFamily(family)(spot)))
  const lacking =
    isAddress || wanted === undefined
      ? found.length === 0
        ? families
        : []
      : wanted.filter((family) => !found.some(isFamily(family)))
  return lacking.length === 0
    ? Result.succeed(found)
    : Result.fail(`${subject(place)} no ${lacking.join(" or ")} address`)
}

const keyOf = ({ address, interface: device, port, transport }: Part): string =>
  `${transport} ${port} ${NetAddress.formatIp(address)} ${device ?? ""}`

/** Whether another part hears all that this one would: a second socket would be refused, or hear nothing. */
const isCovered = (part: Part, all: ReadonlyMap<string, Part>): boolean => {
  const whole = NetAddress.familyOf(part.address) === "IPv4" ? NetAddress.ipv4Unspecified : NetAddress.ipv6Unspecified
  return (
    (!NetAddress.isUnspecified(part.address) &&
      all.has(keyOf({ transport: part.transport, port: part.port, address: whole }))) ||
    (part.interface !== undefined && all.has(keyOf({ ...part, interface: undefined })))
  )
}

/** Every combination asked for, once. Fails with what cannot be meant, and where it would come to nothing. */
export const parts = (
  wanted: Wanted,
  interfaces: ReadonlyArray<NetworkInterface>
): Result.Result<ReadonlyArray<Part>, string> => {
  const badPort = wanted.ports.find((port) => !Number.isInteger(port) || port < 0 || port > 65_535)
  if (badPort !== undefined) return Result.fail(`${badPort} is not a port: use 0 (any) to 65535`)
  const there = familiesOf(interfaces)
  const all = new Map<string, Part>()
  for (const place of wanted.on) {
    const spots = Result.flatMap(spotsOf(place, interfaces), (spots) =>
      inFamilies(place, spots, wanted.families, there)
    )
    if (Result.isFailure(spots)) return Result.fail(spots.failure)
    for (const spot of spots.success) {
      for (const transport of wanted.transports) {
        for (const port of wanted.ports) {
          const part = { transport, ...spot, port }
          all.set(keyOf(part), part)
        }
      }
    }
  }
  const needed = [...all.values()].filter((part) => !isCovered(part, all))
  return needed.length > 0
    ? Result.succeed(needed)
    : Result.fail("nothing to listen on: name at least one place, port, transport and family the machine has")
}
