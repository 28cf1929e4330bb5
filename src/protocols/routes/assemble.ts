/**
 * From what the servers said about each address to routes, and to failures for the addresses nothing is known of.
 */
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import type { Route, RouteFailure } from "../../schemas/Route.ts"
import * as IpRange from "../addresses/IpRange.ts"
import { type Answer, consensus, type Dissent } from "./consensus.ts"
import type { Source } from "./sources.ts"

export interface Asked {
  readonly source: Source
  readonly answers: ReadonlyArray<Answer>
}

export interface Assembled {
  readonly routes: ReadonlyArray<Route>
  readonly failures: ReadonlyArray<RouteFailure>
}

/**
 * Routes in the order of the sources. Addresses of one interface that are translated to the same external one are one route;
 * an address that is its own external one is a route by itself, and so is each block.
 */
export const assemble = (all: ReadonlyArray<Asked>): Assembled => {
  const routes: Array<Route> = []
  const failures: Array<RouteFailure> = []
  for (const { answers, source } of all) {
    const route = routeOf(source, answers)
    if (typeof route === "string") {
      failures.push({
        interface: source.interface,
        family: source.family,
        address: source.address.address,
        problem: route
      })
      continue
    }
    const at = routes.findIndex((other) => isSameWay(other, route))
    if (at < 0) routes.push(route)
    else routes[at] = joined(routes[at]!, route)
  }
  return { routes, failures }
}

// Servers that say the same are named together.
const said = (dissent: ReadonlyArray<Dissent>): string =>
  [...new Set(dissent.map(({ said }) => said))]
    .map((text) => {
      const servers = dissent.filter(({ said }) => said === text).map(({ server }) => server)
      return `${servers.join(", ")}: ${text}`
    })
    .join("; ")

// The route, or why there is none.
const routeOf = (source: Source, answers: ReadonlyArray<Answer>): Route | string => {
  const found = consensus(answers)
  if (found._tag === "Unknown") return said(found.dissent)
  if (found._tag === "Disagreed") return `the servers disagree; ${said(found.dissent)}`
  const { address, block } = source
  const own = Equal.equals(found.external, NetAddress.toCanonical(address.address))
  return {
    interface: source.interface,
    family: source.family,
    local: [address],
    linkLocal: source.linkLocal,
    external: own && block !== undefined ? block : IpRange.single(found.external),
    public: own && address.scope === "global",
    agreed: found.agreed,
    dissent: found.dissent
  }
}

const isOwn = ({ external, local }: Route): boolean => IpRange.contains(external, local[0]!.address)

const isSameWay = (a: Route, b: Route): boolean =>
  a.interface === b.interface &&
  a.family === b.family &&
  !isOwn(a) &&
  !isOwn(b) &&
  Equal.equals(a.external.first, b.external.first)

// A server is named once; one that agreed about either address agreed.
const joined = (a: Route, b: Route): Route => {
  const agreed = [...new Set([...a.agreed, ...b.agreed])]
  const dissent = [...a.dissent, ...b.dissent].filter(
    ({ server }, at, all) => !agreed.includes(server) && all.findIndex((other) => other.server === server) === at
  )
  return { ...a, local: [...a.local, ...b.local], agreed, dissent }
}
