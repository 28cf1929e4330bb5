/**
 * From a description to a plan, or to all the reasons why there is no such world.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Ip from "../../../protocols/packet/Ip.ts"
import { World, type WorldChange, WorldError, type WorldProblem } from "../../../schemas/World.ts"
import type { Prefix } from "../net/prefix.ts"
import { address, parse } from "./addressing.ts"
import { Draft, type DraftGateway, type DraftNic, INTERNET, type Path } from "./Draft.ts"
import { describe, internetLink, localLink, millisOf, onTheSpot } from "./links.ts"
import type { Plan, PlanChange, PlanGateway, PlanHost, PlanLink, PlanNic, PlanRoute } from "./Plan.ts"
import { connect } from "./topology.ts"

/** What the clocks show when a world begins, unless it says otherwise. */
const DEFAULT_START = "2026-01-01T00:00:00Z"

const plans = new WeakMap<World, Result.Result<Plan, WorldError>>()

/** The plan of a world. Remembered for the description object: building one description again costs nothing here. */
export const compile = (world: World): Result.Result<Plan, WorldError> => {
  let plan = plans.get(world)
  if (plan === undefined) {
    plan = compileAnew(world)
    plans.set(world, plan)
  }
  return plan
}

const compileAnew = (world: World): Result.Result<Plan, WorldError> => {
  const malformed = check(world)
  if (malformed.length > 0) return Result.fail(new WorldError({ problems: malformed }))
  const draft = new Draft(world)
  connect(draft)
  // Addresses follow from what is connected: with that wrong, problems with them would only confuse.
  if (draft.problems.length === 0) address(draft)
  if (draft.problems.length > 0) return Result.fail(new WorldError({ problems: draft.problems }))
  const plan = planOf(draft)
  return draft.problems.length > 0 ? Result.fail(new WorldError({ problems: draft.problems })) : Result.succeed(plan)
}

const validate = Schema.decodeUnknownExit(World, { errors: "all", onExcessProperty: "error" })
const format = SchemaIssue.makeFormatterStandardSchemaV1()

// What the schema has to say: wrong types, numbers out of range, fields there are not.
const check = (world: World): ReadonlyArray<WorldProblem> => {
  const exit = validate(world)
  if (Exit.isSuccess(exit)) return []
  const error = Cause.findErrorOption(exit.cause)
  if (error._tag === "None") return [{ path: [], problem: Cause.pretty(exit.cause) }]
  return format(error.value.issue).issues.map(({ message, path = [] }) => ({
    path: path.map((part) => {
      const key = typeof part === "object" ? part.key : part
      return typeof key === "number" ? key : String(key)
    }),
    problem: message
  }))
}

const planOf = (draft: Draft): Plan => {
  const { world } = draft
  const start = Date.parse(world.start ?? DEFAULT_START)
  if (Number.isNaN(start)) draft.refuse(["start"], `"${world.start}" is no time: write ${DEFAULT_START}`)
  const gateways = [...draft.gateways.values()].map((gateway) => planGateway(draft, gateway))
  const hosts = new Map<string, PlanHost>()
  for (const { name, nics, path } of draft.hosts.values()) {
    const skew = world.hosts[name]?.clockSkew
    const planned = nics.map((nic) => planNic(draft, nic))
    hosts.set(name, {
      name,
      nics: planned,
      skew: skew === undefined ? 0 : span(draft, skew, [...path, "clockSkew"], true)
    })
  }
  return {
    seed: world.seed ?? 0,
    start,
    networks: [...draft.networks.values()].map(({ name, prefixes }) => ({ name, prefixes })),
    gateways,
    hosts,
    routes: routesOf(draft),
    dns: dnsOf(draft),
    changes: (world.changes ?? []).flatMap((change, index) =>
      planChange(draft, change, ["changes", index], gateways, hosts)
    )
  }
}

const span = (draft: Draft, value: Parameters<typeof millisOf>[0], path: Path, mayBeNegative = false): number => {
  const millis = millisOf(value)
  if (millis < 0 && !mayBeNegative) draft.refuse(path, `${value} is less than no time`)
  return millis
}

const linkOf = (draft: Draft, network: string, link: DraftNic["described"]["link"], path: Path): PlanLink => {
  const owner = draft.networks.get(network)!
  const base = describe(network === INTERNET ? internetLink : localLink, owner.link)
  const planned = describe(base, link)
  for (const side of [planned.up, planned.down]) {
    if (side.latency < 0) draft.refuse([...path, "link", "latency"], `${side.latency} ms is less than no time`)
    if (side.jitter < 0) draft.refuse([...path, "link", "jitter"], `${side.jitter} ms is less than no time`)
    if (planned.up === planned.down) break
  }
  return planned
}

const planNic = (draft: Draft, { addresses, described, name, network, path }: DraftNic): PlanNic => ({
  name,
  network,
  addresses,
  link: linkOf(draft, network, described.link, path),
  kind: described.kind ?? "ethernet",
  gateway: described.gateway
})

const planGateway = (draft: Draft, gateway: DraftGateway): PlanGateway => ({
  name: gateway.name,
  device: gateway.device,
  outside: {
    name: "outside",
    network: gateway.outside,
    addresses: gateway.outsideAddresses,
    link: linkOf(draft, gateway.outside, gateway.described.link, gateway.path),
    kind: "ethernet",
    gateway: undefined
  },
  insides: gateway.inside.map((network, index) => ({
    name: `inside${index === 0 ? "" : index + 1}`,
    network,
    addresses: gateway.insideAddresses[index] ?? [],
    link: onTheSpot,
    kind: "ethernet",
    gateway: undefined
  }))
})

// Where addresses are not translated, the networks outside know the way to the prefixes inside, near and far.
const routesOf = (draft: Draft): ReadonlyArray<PlanRoute> => {
  const routes: Array<PlanRoute> = []
  const taken = new Map<string, Array<{ readonly prefix: Prefix; readonly network: string }>>()
  for (const gateway of draft.gateways.values()) {
    for (const [index, network] of gateway.inside.entries()) {
      for (const prefix of draft.networks.get(network)!.prefixes) {
        announce(draft, gateway, prefix, network, [...gateway.path, "inside", index], routes, taken)
      }
    }
  }
  return routes
}

const announce = (
  draft: Draft,
  gateway: DraftGateway,
  prefix: Prefix,
  origin: string,
  path: Path,
  routes: Array<PlanRoute>,
  taken: Map<string, Array<{ readonly prefix: Prefix; readonly network: string }>>
): void => {
  const rules = prefix.family === 4 ? gateway.device.ipv4 : gateway.device.ipv6
  if (rules._tag !== "Routed" && rules._tag !== "Firewall") return
  const { outside } = gateway
  const known =
    taken.get(outside) ?? draft.networks.get(outside)!.prefixes.map((own) => ({ prefix: own, network: outside }))
  taken.set(outside, known)
  const other = known.find(
    (entry) => entry.network !== origin && IpNetwork.overlaps(entry.prefix.network, prefix.network)
  )
  if (other !== undefined) {
    const text = IpNetwork.format(prefix.network)
    draft.refuse(
      path,
      `${text} of "${origin}" overlaps ${IpNetwork.format(other.prefix.network)} of "${other.network}", both reached by "${outside}"`
    )
    return
  }
  known.push({ prefix, network: origin })
  routes.push({ network: outside, prefix, gateway: gateway.name })
  for (const next of draft.networks.get(outside)!.servedBy) announce(draft, next, prefix, origin, path, routes, taken)
}

const dnsOf = (draft: Draft): Plan["dns"] => {
  const hosts: Record<string, ReadonlyArray<string>> = {}
  for (const [name, entries] of Object.entries(draft.world.dns ?? {})) {
    if (Result.isFailure(Host.domainNameFromString(name))) draft.refuse(["dns", name], `"${name}" is no host name`)
    hosts[name] = entries.flatMap((entry, index) => {
      const host = draft.hosts.get(entry)
      if (host !== undefined) return host.nics.flatMap((nic) => nic.addresses.map((own) => own.ip))
      const ip = Ip.fromString(entry)
      if (Result.isSuccess(ip)) return [ip.success]
      draft.refuse(["dns", name, index], `"${entry}" is neither an IP address nor a host`)
      return []
    })
  }
  // Bad names were refused above; the world is not built then.
  return Result.getOrElse(Dns.makeStatic({ hosts }), () => noNames)
}

const noNames = Result.getOrThrow(Dns.makeStatic({}))

const planChange = (
  draft: Draft,
  change: WorldChange,
  path: Path,
  gateways: ReadonlyArray<PlanGateway>,
  hosts: ReadonlyMap<string, PlanHost>
): ReadonlyArray<PlanChange> => {
  const at = span(draft, change.at, [...path, "at"])
  const gateway = gateways.find((other) => other.name === change.node)
  const nics = gateway === undefined ? hosts.get(change.node)?.nics : [gateway.outside]
  if (nics === undefined) {
    draft.refuse([...path, "node"], `no host or gateway is called "${change.node}"`)
    return []
  }
  const nic = change.interface === undefined ? nics[0] : nics.find((other) => other.name === change.interface)
  if (nic === undefined) {
    draft.refuse(
      [...path, "interface"],
      `${change.node} has ${nics.map((other) => other.name).join(", ") || "no card"}`
    )
    return []
  }
  if (change.up === undefined && change.addresses === undefined && change.link === undefined) {
    draft.refuse(path, "nothing changes: say up, addresses or link")
  }
  const network = draft.networks.get(nic.network)!
  const addresses = change.addresses?.flatMap((text, index) => {
    const parsed = parse(draft, network, text, [...path, "addresses", index])
    const owner = parsed === undefined ? undefined : network.owners.get(parsed.ip)
    if (owner !== undefined && owner !== change.node) {
      draft.refuse([...path, "addresses", index], `${text} is ${owner}'s address on "${network.name}" already`)
    }
    return parsed === undefined ? [] : [parsed]
  })
  return [
    {
      at,
      node: change.node,
      nic: nic.name,
      up: change.up,
      addresses,
      link: change.link === undefined ? undefined : describe(nic.link, change.link)
    }
  ]
}
