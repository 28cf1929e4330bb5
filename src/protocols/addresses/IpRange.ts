/**
 * Ranges of IP addresses: from a first to a last one, both included, of one family. A block (`10.0.0.0/24`) and a single
 * address are ranges too.
 *
 * Addresses outside are `effect/net` values; inside they are bigints, so that an IPv6 range of 2^128 counts as exactly as
 * one of 4. The only module that knows the package `ip-address`. A range is a plain value: compare with `Equal.equals`.
 */
import * as Data from "effect/Data"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { Address4, Address6 } from "ip-address"

export interface IpRange<out A extends NetAddress.IpAddress = NetAddress.IpAddress> {
  readonly first: A
  readonly last: A
}

/** What is not a range, or not in one, and why. */
export class IpRangeError extends Data.TaggedError("IpRangeError")<{
  readonly input: string
  readonly problem: string
}> {
  override get message() {
    return `${this.input}: ${this.problem}`
  }
}

const fail = (input: string, problem: string) => Result.fail(new IpRangeError({ input, problem }))

/** Bits of an address of this family. */
export const widthOf = (family: NetAddress.IpFamily): 32 | 128 => (family === "IPv4" ? 32 : 128)

/** The address as a number, most significant byte first. */
export const toBigInt = (address: NetAddress.IpAddress): bigint =>
  (NetAddress.isIpv4Address(address)
    ? Address4.fromByteArray([...NetAddress.ipv4ToOctets(address)])
    : Address6.fromUnsignedByteArray([...NetAddress.ipv6ToOctets(address)])
  ).bigInt()

/** The address with this number; fails below 0 and beyond the family's last address. */
export const fromBigInt = (
  family: NetAddress.IpFamily,
  value: bigint
): Result.Result<NetAddress.IpAddress, IpRangeError> =>
  value < BigInt(0) || value >> BigInt(widthOf(family)) !== BigInt(0)
    ? fail(String(value), `no ${family} address has this number`)
    : Result.succeed(unchecked(family, value))

const unchecked = (family: NetAddress.IpFamily, value: bigint): NetAddress.IpAddress =>
  family === "IPv4"
    ? NetAddress.ipFromStringUnsafe(Address4.fromBigInt(value).correctForm())
    : NetAddress.ipFromStringUnsafe(Address6.fromBigInt(value).correctForm())

/** The address `distance` further up, or down when negative; fails where the family ends. */
export const offset = (
  address: NetAddress.IpAddress,
  distance: bigint | number
): Result.Result<NetAddress.IpAddress, IpRangeError> => {
  if (typeof distance === "number" && !Number.isInteger(distance)) return fail(String(distance), "not a whole number")
  return Result.mapError(
    fromBigInt(NetAddress.familyOf(address), toBigInt(address) + BigInt(distance)),
    () => new IpRangeError({ input: NetAddress.formatIp(address), problem: `no address ${distance} away from it` })
  )
}

/** From one address to another; fails when they are of two families or the wrong way round. */
export const make = (first: NetAddress.IpAddress, last: NetAddress.IpAddress): Result.Result<IpRange, IpRangeError> => {
  const input = `${NetAddress.formatIp(first)}-${NetAddress.formatIp(last)}`
  if (NetAddress.familyOf(first) !== NetAddress.familyOf(last)) return fail(input, "one end is IPv4, the other IPv6")
  return toBigInt(first) > toBigInt(last)
    ? fail(input, "its last address is before its first")
    : Result.succeed({ first, last })
}

/** The range of one address. */
export const single = (address: NetAddress.IpAddress): IpRange => ({ first: address, last: address })

/** All addresses of a block, its network and broadcast addresses included. */
export const fromNetwork = (network: IpNetwork.IpNetwork): IpRange => ({
  first: IpNetwork.firstAddress(network),
  last: IpNetwork.lastAddress(network)
})

/** Reads `10.0.0.7`, `10.0.0.0/24`, `10.0.0.9-10.0.0.20`, and the same in IPv6. A block must have no host bits set. */
export const fromString = (input: string): Result.Result<IpRange, IpRangeError> => {
  const ends = input.split("-")
  if (input.includes("/")) return Result.map(reading(input, IpNetwork.fromString(input)), fromNetwork)
  if (ends.length > 2) return fail(input, "more than two ends")
  return Result.flatMap(reading(input, NetAddress.ipFromString(ends[0]!.trim())), (first) =>
    ends.length === 1
      ? Result.succeed(single(first))
      : Result.flatMap(reading(input, NetAddress.ipFromString(ends[1]!.trim())), (last) => make(first, last))
  )
}

// The whole input beside what is wrong with a part of it.
const reading = <A>(
  input: string,
  result: Result.Result<A, NetAddress.NetAddressError>
): Result.Result<A, IpRangeError> =>
  Result.mapError(result, (error) => new IpRangeError({ input, problem: error.message }))

/** As {@link fromString}, for ranges written in source; throws on anything else. */
export const fromStringUnsafe = (input: string): IpRange => Result.getOrThrow(fromString(input))

/** The shortest form that {@link fromString} reads back: address, block, or both ends. */
export const format = (range: IpRange): string => {
  const first = NetAddress.formatIp(range.first)
  const bits = blockBits(range)
  if (bits === undefined) return `${first}-${NetAddress.formatIp(range.last)}`
  return bits === 0 ? first : `${first}/${widthOf(familyOf(range)) - bits}`
}

export const familyOf = (range: IpRange): NetAddress.IpFamily => NetAddress.familyOf(range.first)

/** How many addresses; without listing them. */
export const count = (range: IpRange): bigint => toBigInt(range.last) - toBigInt(range.first) + BigInt(1)

/** The address at `index`, from 0; negative indices count from the end, -1 being the last address. */
export const nth = (range: IpRange, index: bigint | number): Result.Result<NetAddress.IpAddress, IpRangeError> => {
  if (typeof index === "number" && !Number.isInteger(index)) return fail(String(index), "not a whole number")
  const wanted = BigInt(index)
  const size = count(range)
  const from = wanted < BigInt(0) ? size + wanted : wanted
  return from < BigInt(0) || from >= size
    ? fail(format(range), `has ${size} addresses, so none at index ${index}`)
    : Result.succeed(unchecked(familyOf(range), toBigInt(range.first) + from))
}

/** Where an address stands in a range: the index {@link nth} finds it at. */
export const indexOf = (range: IpRange, address: NetAddress.IpAddress): Result.Result<bigint, IpRangeError> =>
  contains(range, address)
    ? Result.succeed(toBigInt(address) - toBigInt(range.first))
    : fail(NetAddress.formatIp(address), `not in ${format(range)}`)

/** Every address in order, made as it is asked for. */
export const addresses = function* (range: IpRange): Generator<NetAddress.IpAddress, void> {
  const family = familyOf(range)
  const last = toBigInt(range.last)
  for (let value = toBigInt(range.first); value <= last; value += BigInt(1)) yield unchecked(family, value)
}

/** False for an address of the other family: an IPv4-mapped IPv6 address is an IPv6 one. */
export const contains = (range: IpRange, address: NetAddress.IpAddress): boolean =>
  containsRange(range, single(address))

export const containsRange = (range: IpRange, part: IpRange): boolean =>
  familyOf(range) === familyOf(part) &&
  toBigInt(range.first) <= toBigInt(part.first) &&
  toBigInt(part.last) <= toBigInt(range.last)

/** Whether some address is in both. */
export const overlaps = (a: IpRange, b: IpRange): boolean =>
  familyOf(a) === familyOf(b) && toBigInt(a.first) <= toBigInt(b.last) && toBigInt(b.first) <= toBigInt(a.last)

/** What is in both; fails when nothing is. */
export const intersection = (a: IpRange, b: IpRange): Result.Result<IpRange, IpRangeError> =>
  overlaps(a, b)
    ? Result.succeed({
        first: toBigInt(a.first) > toBigInt(b.first) ? a.first : b.first,
        last: toBigInt(a.last) < toBigInt(b.last) ? a.last : b.last
      })
    : fail(format(a), `has no address in common with ${format(b)}`)

/** Zeroes at the end of a number, at most `limit`. */
const trailingZeros = (value: bigint, limit: number): number => {
  let bits = 0
  while (bits < limit && ((value >> BigInt(bits)) & BigInt(1)) === BigInt(0)) bits += 1
  return bits
}

/** Host bits of the block a range is, `undefined` when it is none. */
const blockBits = (range: IpRange): number | undefined => {
  const size = count(range)
  const bits = trailingZeros(size, widthOf(familyOf(range)))
  return size === BigInt(1) << BigInt(bits) && toBigInt(range.first) % size === BigInt(0) ? bits : undefined
}

/** The fewest blocks that cover exactly this range, in order: at most 2 for each bit of an address. */
export const networks = (range: IpRange): ReadonlyArray<IpNetwork.IpNetwork> => {
  const family = familyOf(range)
  const width = widthOf(family)
  const end = toBigInt(range.last) + BigInt(1)
  const blocks: Array<IpNetwork.IpNetwork> = []
  for (let from = toBigInt(range.first); from < end;) {
    let bits = trailingZeros(from, width)
    while (from + (BigInt(1) << BigInt(bits)) > end) bits -= 1
    blocks.push(IpNetwork.makeUnsafe(unchecked(family, from), width - bits))
    from += BigInt(1) << BigInt(bits)
  }
  return blocks
}

/** An IPv4 address inside an IPv6 one, and by which mechanism. `port` is the NAT's external UDP port of a Teredo client. */
export type Embedded =
  | { readonly _tag: "Mapped" | "Nat64" | "SixToFour"; readonly address: NetAddress.Ipv4Address }
  | {
      readonly _tag: "Teredo"
      readonly address: NetAddress.Ipv4Address
      readonly port: number
      readonly server: NetAddress.Ipv4Address
    }

/** RFC 6052 section 2.1: the well-known prefix of NAT64. Networks may use prefixes of their own. */
export const NAT64_PREFIX = IpNetwork.fromStringUnsafe("64:ff9b::/96")

const v4 = (address: Address4 | string): NetAddress.Ipv4Address =>
  Result.getOrThrow(NetAddress.ipv4FromString(typeof address === "string" ? address : address.correctForm()))

/**
 * The IPv4 address that is part of an IPv6 one: IPv4-mapped (RFC 4291 section 2.5.5.2), NAT64 (RFC 6052, with the network's
 * own prefixes if given), 6to4 (RFC 3056), Teredo (RFC 4380 section 4: the client's external endpoint). Fails for others.
 */
export const embedded = (
  address: NetAddress.Ipv6Address,
  nat64: ReadonlyArray<IpNetwork.IpNetwork> = [NAT64_PREFIX]
): Result.Result<Embedded, IpRangeError> => {
  const text = NetAddress.formatIp(address)
  const six = Address6.fromUnsignedByteArray([...NetAddress.ipv6ToOctets(address)])
  for (const prefix of nat64) {
    if (!IpNetwork.contains(prefix, address)) continue
    if (![32, 40, 48, 56, 64, 96].includes(prefix.prefixLength)) {
      return fail(IpNetwork.format(prefix), "a NAT64 prefix has 32, 40, 48, 56, 64 or 96 bits (RFC 6052 section 2.2)")
    }
    const found = six.toAddress4Nat64(IpNetwork.format(prefix))
    if (found !== null) return Result.succeed({ _tag: "Nat64", address: v4(found) })
  }
  if (NetAddress.isIpv4Mapped(address)) return Result.succeed({ _tag: "Mapped", address: v4(six.to4()) })
  if (six.is6to4()) return Result.succeed({ _tag: "SixToFour", address: v4(six.inspect6to4().gateway) })
  if (!six.isTeredo()) return fail(text, "has no IPv4 address in it")
  const { client4, server4, udpPort } = six.inspectTeredo()
  return Result.succeed({ _tag: "Teredo", address: v4(client4), port: Number(udpPort), server: v4(server4) })
}
