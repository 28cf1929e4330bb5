/** Which local addresses to measure from: one for each interface and family that leads out, and why others are left out. */
import * as NetAddress from "effect/net/NetAddress"
import type { Family, InterfaceAddress, NetworkInterface } from "../../schemas/NetworkInterface.ts"
import type { Route } from "./Plan.ts"

export interface RouteChoice {
  readonly routes: ReadonlyArray<Route>
  /** Sentences for people. */
  readonly problems: ReadonlyArray<string>
}

export interface RouteWishes {
  /** By name, whatever leads out by them. Default: every one that leads out. */
  readonly interfaces?: ReadonlyArray<string> | undefined
  /** Default both. */
  readonly families?: ReadonlyArray<Family> | undefined
}

const FAMILIES: ReadonlyArray<Family> = ["IPv4", "IPv6"]

export const routesOf = (all: ReadonlyArray<NetworkInterface>, wishes: RouteWishes): RouteChoice => {
  const { families = FAMILIES, interfaces } = wishes
  const names = all.map(({ name }) => name).join(", ")
  const problems: Array<string> = []
  const unknown = interfaces?.filter((name) => !all.some((each) => each.name === name)) ?? []
  for (const name of unknown) problems.push(`no interface is called ${JSON.stringify(name)}; there are ${names}`)
  const chosen = all.filter(({ name }) => interfaces === undefined || interfaces.includes(name))
  const passed = chosen.flatMap((each) => {
    const why = unfit(each, families, interfaces !== undefined)
    return why === undefined ? [] : [`${each.name} ${why}`]
  })
  const routes = chosen.flatMap((each) => routesBy(each, families, interfaces !== undefined))
  if (interfaces !== undefined) problems.push(...passed)
  else if (routes.length === 0) {
    const over = families.length === 1 ? ` over ${families[0]}` : ""
    problems.push(`no network: no interface leads out${over} (${passed.join(", ")})`)
  }
  return { routes, problems }
}

const routesBy = (each: NetworkInterface, families: ReadonlyArray<Family>, asked: boolean): ReadonlyArray<Route> =>
  families.flatMap((family) => {
    const address = addressOf(each, family)
    const isFit = isUp(each) && address !== undefined && (asked || (!each.flags.loopback && leadsOut(each, family)))
    return isFit ? [{ interface: each.name, family, address: address.address }] : []
  })

const isUp = ({ flags }: NetworkInterface): boolean => flags.up && flags.running

const leadsOut = ({ gateways, isDefault }: NetworkInterface, family: Family): boolean =>
  isDefault[family] || gateways.some((gateway) => gateway.family === family)

// The first of the widest scope: link-local ones lead nowhere, and of IPv6 only global ones lead out.
const addressOf = ({ addresses, flags }: NetworkInterface, family: Family): InterfaceAddress | undefined => {
  const scopes = flags.loopback ? ["host"] : family === "IPv4" ? ["global", "site"] : ["global"]
  const own = addresses.filter(({ address }) => NetAddress.familyOf(address) === family)
  for (const wanted of scopes) {
    const found = own.find(({ scope }) => scope === wanted)
    if (found !== undefined) return found
  }
  return undefined
}

const unfit = (each: NetworkInterface, families: ReadonlyArray<Family>, asked: boolean): string | undefined => {
  if (!each.flags.up) return "is down"
  if (!each.flags.running) return "has no link"
  if (each.flags.loopback && !asked) return "is a loopback"
  const addressed = families.filter((family) => addressOf(each, family) !== undefined)
  if (addressed.length === 0) {
    const words = families.map((family) => (family === "IPv4" ? "IPv4 address" : "global IPv6 address"))
    return `has no ${words.join(" and no ")}`
  }
  return asked || addressed.some((family) => leadsOut(each, family)) ? undefined : "has no gateway"
}
