/**
 * How interfaces reach the internet, by address family: their addresses, and the addresses the internet sees. JSON when encoded.
 */
import * as Schema from "effect/Schema"
import { Family, InterfaceAddress } from "./NetworkInterface.ts"

/** A range of external addresses, both ends included: one address, or a block routed to the interface. */
export const ExternalRange = Schema.Struct({ first: Schema.IpAddressFromString, last: Schema.IpAddressFromString })
export type ExternalRange = typeof ExternalRange.Type

/** One way to the internet. */
export const Route = Schema.Struct({
  interface: Schema.String,
  family: Family,
  /** The addresses sockets bind to, the one that was asked from first. Several: all of them leave by the same external one. */
  local: Schema.Array(InterfaceAddress),
  /** IPv6 link-local addresses of the interface. */
  linkLocal: Schema.Array(InterfaceAddress),
  /** What the servers see. Of a block only the first address was asked from. */
  external: ExternalRange,
  /** Whether the outside address is the interface's own and of global scope: no translation on the way. */
  public: Schema.Boolean,
  /** Ids of the servers that saw this address: the more, the surer. */
  agreed: Schema.Array(Schema.String),
  /**
   * Servers that saw another address, or none because they did not answer, with what they said. Those that were not waited for
   * once enough had agreed are in neither list.
   */
  dissent: Schema.Array(Schema.Struct({ server: Schema.String, said: Schema.String }))
})
export type Route = typeof Route.Type

/** An address of an interface of which nothing is known outside, and why. */
export const RouteFailure = Schema.Struct({
  interface: Schema.String,
  family: Family,
  address: Schema.IpAddressFromString,
  problem: Schema.String
})
export type RouteFailure = typeof RouteFailure.Type
