/**
 * What a rendezvous listens on: what was asked for, against the interfaces there are. Pure, so that it can be read and tested as a
 * table.
 */
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Family, NetworkInterface } from "../../schemas/NetworkInterface.ts"

/** STUN servers on addresses of the machine's that were not named one by one; a host of a hundred addresses need not have as many. */
export const MAX_STUN = 16

export interface Wanted {
  /** An unspecified one stands for all of its family. Empty: all there are. */
  readonly listen: ReadonlyArray<NetAddress.IpAddress>
  readonly alternate: ReadonlyArray<NetAddress.IpAddress>
}

export interface StunPart {
  readonly address: NetAddress.IpAddress
  readonly alternate: NetAddress.IpAddress | undefined
}

export interface Plan {
  /** Where the broker listens. */
  readonly broker: ReadonlyArray<NetAddress.IpAddress>
  /** One STUN server each: it answers from the address it was asked at, so it has no use for one that stands for all. */
  readonly stun: ReadonlyArray<StunPart>
}

const families: ReadonlyArray<Family> = ["IPv4", "IPv6"]
const unspecified = { IPv4: NetAddress.ipv4Unspecified, IPv6: NetAddress.ipv6Unspecified }

const has =
  (address: NetAddress.IpAddress) =>
  (other: NetAddress.IpAddress): boolean =>
    Equal.equals(address, other)

const unique = (addresses: ReadonlyArray<NetAddress.IpAddress>): ReadonlyArray<NetAddress.IpAddress> =>
  addresses.filter((address, at) => addresses.findIndex(has(address)) === at)

/** The addresses of a family that others may reach this machine at: those of the default interface first, loopback last. */
const addressesOf = (
  family: Family,
  interfaces: ReadonlyArray<NetworkInterface>
): ReadonlyArray<NetAddress.IpAddress> => {
  const rank = ({ flags, isDefault }: NetworkInterface): number => (isDefault[family] ? 0 : flags.loopback ? 2 : 1)
  return interfaces
    .filter(({ flags }) => flags.up)
    .toSorted((a, b) => rank(a) - rank(b))
    .flatMap(({ addresses }) => addresses.filter(({ scope }) => scope !== "link").map(({ address }) => address))
    .filter((address) => NetAddress.familyOf(address) === family)
}

const named = (addresses: ReadonlyArray<NetAddress.IpAddress>): string => addresses.map(NetAddress.formatIp).join(", ")

/** Fails with what cannot be meant. */
export const plan = (wanted: Wanted, interfaces: ReadonlyArray<NetworkInterface>): Result.Result<Plan, string> => {
  const listen =
    wanted.listen.length > 0
      ? unique(wanted.listen)
      : families.flatMap((family) => (addressesOf(family, interfaces).length === 0 ? [] : [unspecified[family]]))
  if (listen.length === 0) return Result.fail("this machine has no address to listen on")
  const alternates = unique(wanted.alternate)
  const spots = unique(
    listen.flatMap((address) =>
      NetAddress.isUnspecified(address)
        ? addressesOf(NetAddress.familyOf(address), interfaces).slice(0, MAX_STUN)
        : [address]
    )
  ).filter((address) => !alternates.some(has(address)))
  const left = [...alternates]
  const stun = spots.map((address): StunPart => {
    const at = left.findIndex((other) => NetAddress.familyOf(other) === NetAddress.familyOf(address))
    return { address, alternate: at < 0 ? undefined : left.splice(at, 1)[0] }
  })
  if (left.length > 0) {
    return Result.fail(`no address of the same family is listened on that ${named(left)} could be the alternate of`)
  }
  return Result.succeed({ broker: listen, stun })
}
