/**
 * A simulated internet as data: hosts, the NATs, firewalls and routers between them, their links, and what changes over time.
 *
 * Everything but the hosts has a default, so small worlds are small:
 *
 *     const world: World = {
 *       seed: 1,
 *       link: { latency: "20 millis", loss: 0.05 },
 *       hosts: { alice: { behind: "linux-router" }, bob: { behind: "symmetric-random" }, server: {} }
 *     }
 *
 * JSON in both forms. What makes no sense as a whole (a link to nowhere, an address twice) is found when the world is built.
 */
import * as Schema from "effect/Schema"
import { NatDevice } from "./NatDevice.ts"
import { Kind } from "./NetworkInterface.ts"

const units = [
  "nanos",
  "micros",
  "millis",
  "second",
  "seconds",
  "minute",
  "minutes",
  "hour",
  "hours",
  "day",
  "days"
] as const

/** A length of time: milliseconds, or a number and a unit (`"20 millis"`, `"2 minutes"`). */
export const Span = Schema.Union([Schema.Finite, Schema.TemplateLiteral([Schema.Finite, " ", Schema.Literals(units)])])
export type Span = typeof Span.Type

const Probability = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
const Name = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]*$/))
const Positive = Schema.Finite.check(Schema.isGreaterThan(0))

const sideFields = {
  /** One way. */
  latency: Schema.optional(Span),
  /** Up to this much is added to each packet's latency, evenly spread; packets keep their order. */
  jitter: Schema.optional(Span),
  /** Probability of a packet being lost. */
  loss: Schema.optional(Probability),
  /** Probability of a packet being overtaken by later ones. */
  reorder: Schema.optional(Probability),
  /** Probability of a packet arriving twice. */
  duplicate: Schema.optional(Probability),
  /** Bits per second. Absent: no limit. */
  bandwidth: Schema.optional(Positive),
  /** Bytes that may wait for a limited bandwidth; more are lost. Default: what it carries in 100 ms, 64 KiB at least. */
  queue: Schema.optional(Schema.Int.check(Schema.isGreaterThan(0))),
  /** Bytes of the largest packet, IP header included. Default 1500. UDP goes in pieces, TCP learns the size. */
  mtu: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 576, maximum: 65_535 })))
}

/** One direction of a link. */
export const LinkSide = Schema.Struct(sideFields)
export type LinkSide = typeof LinkSide.Type

/** A link: both directions alike, but for what `up` (from the node to the network) and `down` say. */
export const Link = Schema.Struct({
  ...sideFields,
  up: Schema.optional(LinkSide),
  down: Schema.optional(LinkSide)
})
export type Link = typeof Link.Type

/** What stands between a node and the internet: the name of a gateway of this world or of a device, or a device. */
const Box = Schema.Union([Schema.String, NatDevice])

/** The same in a row, the nearest to the node first: `["linux-router", "carrier-nat"]`. */
export const Behind = Schema.Union([Box, Schema.Array(Box)])
export type Behind = typeof Behind.Type

const attachmentFields = {
  /** The network it is on. Default: the inside of what it is `behind`, else `internet`. */
  network: Schema.optional(Schema.String),
  behind: Schema.optional(Behind),
  /** IP addresses. Default: free ones of the network, of each family the network has. */
  addresses: Schema.optional(Schema.Array(Schema.String)),
  /** Default: the network's. */
  link: Schema.optional(Link)
}

/** A network card of a host. */
export const HostInterface = Schema.Struct({
  ...attachmentFields,
  /** The gateway packets to elsewhere go to, by name, where the network has several. */
  gateway: Schema.optional(Schema.String),
  /** What `Interfaces` says it is. Default `ethernet`. */
  kind: Schema.optional(Kind)
})
export type HostInterface = typeof HostInterface.Type

/** A host. Its one card `eth0` is described in place; with several cards, `interfaces` describes them and nothing else does. */
export const WorldHost = Schema.Struct({
  ...attachmentFields,
  /** By name, in the order of preference: the first that leads out carries the default route. */
  interfaces: Schema.optional(Schema.Record(Schema.String, HostInterface)),
  /** How far ahead its clock is; negative for behind. */
  clockSkew: Schema.optional(Span)
})
export type WorldHost = typeof WorldHost.Type

/** A box between networks: a NAT, a firewall or a router, as its device says. */
export const WorldGateway = Schema.Struct({
  /** A device, or the name of one. Default `open-internet`: a router. */
  device: Schema.optional(Schema.Union([Schema.String, NatDevice])),
  /** The networks it serves. Default: one of its own, named `NAME-lan`. */
  inside: Schema.optional(Schema.Array(Schema.String)),
  /** The network it connects them to. */
  outside: Schema.optional(Schema.String),
  /** Instead of `outside`: what stands between it and the internet. */
  behind: Schema.optional(Behind),
  /** Its addresses outside. Default: one of each family the network has. */
  addresses: Schema.optional(Schema.Array(Schema.String)),
  /** Its link outside. Inside, it is on the spot. */
  link: Schema.optional(Link)
})
export type WorldGateway = typeof WorldGateway.Type

/** A network. `internet` is always there and has no prefixes: any public address may be anywhere on it. */
export const WorldNetwork = Schema.Struct({
  /** In CIDR notation. Default: a private one behind a NAT, else a public one of its own. */
  prefixes: Schema.optional(Schema.Array(Schema.String)),
  /** The link of what is attached to it, unless that says otherwise. Default: 0.1 ms. */
  link: Schema.optional(Link)
})
export type WorldNetwork = typeof WorldNetwork.Type

/** Something that changes while the world runs. */
export const WorldChange = Schema.Struct({
  /** Since the beginning. */
  at: Span,
  /** A host or gateway. */
  node: Schema.String,
  /** A card of a host. Default: its first. Of a gateway, always the outside. */
  interface: Schema.optional(Schema.String),
  /** Whether the cable is in. */
  up: Schema.optional(Schema.Boolean),
  /** The addresses from now on. A gateway forgets all mappings. */
  addresses: Schema.optional(Schema.Array(Schema.String)),
  /** The qualities from now on; those not named stay. */
  link: Schema.optional(Link)
})
export type WorldChange = typeof WorldChange.Type

export const World = Schema.Struct({
  /** Everything left to chance follows from it. Default 0. */
  seed: Schema.optional(Schema.Int),
  /** What the clocks show at the beginning, ISO 8601. Default `2026-01-01T00:00:00Z`. */
  start: Schema.optional(Schema.String),
  /** Whether networks without prefixes of their own, and the internet, have IPv6 as well. Default false. */
  ipv6: Schema.optional(Schema.Boolean),
  /** The links to the internet, unless something else is said. Default: 10 ms. */
  link: Schema.optional(Link),
  hosts: Schema.Record(Name, WorldHost),
  gateways: Schema.optional(Schema.Record(Name, WorldGateway)),
  networks: Schema.optional(Schema.Record(Name, WorldNetwork)),
  /** Names, and the addresses or hosts they stand for. */
  dns: Schema.optional(Schema.Record(Schema.String, Schema.Array(Schema.String))),
  changes: Schema.optional(Schema.Array(WorldChange))
})
export type World = typeof World.Type

/** Something about a world that cannot be, and where in its description. */
export const WorldProblem = Schema.Struct({
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
  problem: Schema.String
})
export type WorldProblem = typeof WorldProblem.Type

/** A world that cannot be. */
export class WorldError extends Schema.TaggedError<WorldError>()("WorldError", {
  problems: Schema.Array(WorldProblem)
}) {
  override get message() {
    return this.problems.map(({ path, problem }) => `${formatPath(path)}: ${problem}`).join("\n")
  }
}

/** `hosts.alice.link.loss`, `changes[0].at` */
const formatPath = (path: ReadonlyArray<string | number>): string =>
  path.length === 0
    ? "world"
    : path.reduce<string>(
        (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? key : `${text}.${key}`),
        ""
      )
