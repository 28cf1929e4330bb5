/**
 * A network interface as the operating system names it: what it is, its addresses, and how it leaves the local network.
 *
 * These are plain values that compare structurally (`Equal.equals`). Their encoded form is JSON: addresses and MACs are
 * strings in canonical form, so `Schema.encodeSync(NetworkInterfaces)` gives what `p2p interfaces --json` prints.
 */
import * as Schema from "effect/Schema"

/** An address family, spelled as `effect/net` and Node spell it. */
export const Family = Schema.Literals(["IPv4", "IPv6"])
export type Family = typeof Family.Type

/**
 * What an interface is, derived from facts the system states (link type, driver, media), never from its name.
 *
 * `virtual` is an Ethernet-like device with no hardware of its own below it: veth, dummy, VLAN, bond, virtual switch port.
 * `tunnel` carries IP packets without a link of its own: tun, WireGuard, PPP, GRE, utun.
 * `unknown` means the system did not say.
 */
export const Kind = Schema.Literals([
  "loopback",
  "ethernet",
  "wireless",
  "cellular",
  "tunnel",
  "bridge",
  "virtual",
  "unknown"
])
export type Kind = typeof Kind.Type

/**
 * How far an address reaches, told by the address alone so that every system agrees:
 * `host` is loopback; `link` is link-local (169.254/16, fe80::/10); `site` is private use (RFC 1918), shared carrier space
 * (100.64/10, RFC 6598), unique local (fc00::/7) and the old site-local (fec0::/10); everything else is `global`.
 */
export const AddressScope = Schema.Literals(["host", "link", "site", "global"])
export type AddressScope = typeof AddressScope.Type

/** Whether the interface is switched on (`up`), able to carry packets now (`running`), and what kind of link it has. */
export const InterfaceFlags = Schema.Struct({
  up: Schema.Boolean,
  running: Schema.Boolean,
  loopback: Schema.Boolean,
  pointToPoint: Schema.Boolean,
  multicast: Schema.Boolean,
  broadcast: Schema.Boolean
})
export type InterfaceFlags = typeof InterfaceFlags.Type

/** An interface index, and an IPv6 scope id, which is one. Positive. */
const Index = Schema.Int.check(Schema.isGreaterThan(0))

/** An address an interface has and sockets can bind to. `scopeId` is present for IPv6 link-local addresses, which mean nothing without it. */
export const InterfaceAddress = Schema.Struct({
  address: Schema.IpAddressFromString,
  prefixLength: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 128 })),
  scope: AddressScope,
  scopeId: Schema.optional(Index)
})
export type InterfaceAddress = typeof InterfaceAddress.Type

/**
 * The next hop of a default route. `metric` is the system's own; the lowest wins. macOS has none: there it is 0 for the
 * route every socket uses and 1 for one used only by sockets bound to the interface.
 */
export const Gateway = Schema.Struct({
  family: Family,
  address: Schema.IpAddressFromString,
  metric: Schema.Int
})
export type Gateway = typeof Gateway.Type

/**
 * A network interface.
 *
 * `mtu` is in bytes. `mac` is absent where the link has none. `isDefault` is true for at most one interface per family: the
 * one with the default route of lowest metric. A default route with no next hop (tunnels, PPP) makes the interface the
 * default though `gateways` is empty.
 */
export const NetworkInterface = Schema.Struct({
  name: Schema.NonEmptyString,
  index: Schema.optional(Index),
  mac: Schema.optional(Schema.MacAddressFromString),
  kind: Kind,
  flags: InterfaceFlags,
  mtu: Schema.optional(Schema.Int),
  addresses: Schema.Array(InterfaceAddress),
  gateways: Schema.Array(Gateway),
  isDefault: Schema.Struct({ IPv4: Schema.Boolean, IPv6: Schema.Boolean })
})
export type NetworkInterface = typeof NetworkInterface.Type

/** The codec of a list of interfaces: encodes to a JSON array, decodes from one. */
export const NetworkInterfaces = Schema.Array(NetworkInterface)

/** The default route of one family: the interface it leaves by, and the next hop where there is one. */
export const DefaultRoute = Schema.Struct({
  interface: Schema.String,
  gateway: Schema.optional(Schema.IpAddressFromString)
})
export type DefaultRoute = typeof DefaultRoute.Type

/**
 * One difference between two lists of interfaces.
 *
 * `Added` and `Removed` carry the whole interface, so its addresses get no events of their own. An interface that was
 * replaced by another of the same name (another index) is `Removed`, then `Added`. `Updated` says that something else than
 * addresses changed: flags, MTU, MAC, kind or gateways. `DefaultRouteChanged` has no `before` when there was no default
 * route, no `after` when there is none now.
 */
export const InterfaceChange = Schema.Union([
  Schema.TaggedStruct("Added", { interface: NetworkInterface }),
  Schema.TaggedStruct("Removed", { interface: NetworkInterface }),
  Schema.TaggedStruct("AddressAdded", { interface: Schema.String, address: InterfaceAddress }),
  Schema.TaggedStruct("AddressRemoved", { interface: Schema.String, address: InterfaceAddress }),
  Schema.TaggedStruct("Updated", { before: NetworkInterface, after: NetworkInterface }),
  Schema.TaggedStruct("DefaultRouteChanged", {
    family: Family,
    before: Schema.optional(DefaultRoute),
    after: Schema.optional(DefaultRoute)
  })
])
export type InterfaceChange = typeof InterfaceChange.Type
