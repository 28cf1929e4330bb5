/**
 * Routes as a pool of external addresses: indexed, counted, sliced, iterated, reversed and joined, one external address at a
 * time. A block counts as the addresses it has and is never listed.
 *
 *     RoutePool.count(pool)    // 9n: one address behind a NAT, and a block of eight
 *     RoutePool.at(pool, -1)   // the route to the last of them, with that one external address
 *
 * What an index gives is a route whose external range is one address. Two routes may lead to the same external address (two
 * interfaces behind one router): they are two ways, and count as two.
 */
import * as Data from "effect/Data"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Route } from "../../schemas/Route.ts"
import * as IpRange from "../addresses/IpRange.ts"

export interface RoutePool {
  readonly routes: ReadonlyArray<Route>
  /** For each route, whether its external addresses are counted from the last one. */
  readonly backward: ReadonlyArray<boolean>
}

/** What is not in a pool, and what there is. */
export class RoutePoolError extends Data.TaggedError("RoutePoolError")<{ readonly problem: string }> {
  override get message() {
    return this.problem
  }
}

const refuse = (problem: string) => Result.fail(new RoutePoolError({ problem }))

export const make = (routes: ReadonlyArray<Route>): RoutePool => ({ routes, backward: routes.map(() => false) })

export const empty: RoutePool = make([])

const ZERO = BigInt(0)
const ONE = BigInt(1)

const sizeOf = ({ external }: Route): bigint => IpRange.count(external)

/** How many external addresses; exact beyond 2^53. */
export const count = ({ routes }: RoutePool): bigint => routes.reduce((sum, route) => sum + sizeOf(route), ZERO)

// The part of a route from one place in its own order to another, both included and there.
const part = (route: Route, backward: boolean, from: bigint, to: bigint): Route => {
  const last = sizeOf(route) - ONE
  const [first, final] = backward ? [last - to, last - from] : [from, to]
  return {
    ...route,
    external: {
      first: Result.getOrThrow(IpRange.nth(route.external, first)),
      last: Result.getOrThrow(IpRange.nth(route.external, final))
    }
  }
}

/** The route to the external address at `index`, from 0; negative indices count from the end. */
export const at = (pool: RoutePool, index: bigint | number): Result.Result<Route, RoutePoolError> => {
  if (typeof index === "number" && !Number.isInteger(index)) return refuse(`${index} is no index: use a whole number`)
  const size = count(pool)
  const wanted = BigInt(index)
  let place = wanted < ZERO ? size + wanted : wanted
  if (place >= ZERO) {
    for (const [nth, route] of pool.routes.entries()) {
      const there = sizeOf(route)
      if (place < there) return Result.succeed(part(route, pool.backward[nth]!, place, place))
      place -= there
    }
  }
  return refuse(`there are ${size} external addresses, so none at index ${index}`)
}

/** The addresses from `start` up to and without `end`; negative indices count from the end, and what is beyond is left out. */
export const slice = (pool: RoutePool, start: bigint | number = 0, end?: bigint | number): RoutePool => {
  const size = count(pool)
  const clamp = (index: bigint | number): bigint => {
    // As `Array.slice` takes them: no number is 0, and the infinite ones are the ends.
    if (typeof index === "number" && !Number.isFinite(index)) return index === Infinity ? size : ZERO
    const wanted = BigInt(typeof index === "number" ? Math.trunc(index) : index)
    const place = wanted < ZERO ? size + wanted : wanted
    return place < ZERO ? ZERO : place > size ? size : place
  }
  const from = clamp(start)
  const to = end === undefined ? size : clamp(end)
  const routes: Array<Route> = []
  const backward: Array<boolean> = []
  let before = ZERO
  for (const [nth, route] of pool.routes.entries()) {
    const there = sizeOf(route)
    const first = from > before ? from - before : ZERO
    const final = (to - before < there ? to - before : there) - ONE
    if (first <= final) {
      routes.push(part(route, pool.backward[nth]!, first, final))
      backward.push(pool.backward[nth]!)
    }
    before += there
  }
  return { routes, backward }
}

/** Every external address in order, as the route to it; made as it is asked for. */
export const iterate = function* (pool: RoutePool): Generator<Route, void> {
  for (const [nth, route] of pool.routes.entries()) {
    const there = sizeOf(route)
    for (let place = ZERO; place < there; place += ONE) yield part(route, pool.backward[nth]!, place, place)
  }
}

/** From the last external address to the first. */
export const reverse = ({ backward, routes }: RoutePool): RoutePool => ({
  routes: routes.toReversed(),
  backward: backward.toReversed().map((is) => !is)
})

/** All addresses of the first pool, then those of the next: pools of several interfaces as one. */
export const join = (pools: ReadonlyArray<RoutePool>): RoutePool => ({
  routes: pools.flatMap(({ routes }) => routes),
  backward: pools.flatMap(({ backward }) => backward)
})

/** The routes of one interface, of one family, or whatever is to be kept. */
export const filter = (pool: RoutePool, keep: (route: Route) => boolean): RoutePool => ({
  routes: pool.routes.filter(keep),
  backward: pool.backward.filter((_, nth) => keep(pool.routes[nth]!))
})

/** The index that `at` finds an external address at: the first one, where several routes lead to it. */
export const locate = (pool: RoutePool, address: NetAddress.IpAddress): Result.Result<bigint, RoutePoolError> => {
  const canonical = NetAddress.toCanonical(address)
  let before = ZERO
  for (const [nth, route] of pool.routes.entries()) {
    const there = sizeOf(route)
    const inside = IpRange.indexOf(route.external, canonical)
    if (Result.isSuccess(inside)) {
      return Result.succeed(before + (pool.backward[nth]! ? there - ONE - inside.success : inside.success))
    }
    before += there
  }
  return refuse(`no route leads to ${NetAddress.formatIp(address)}`)
}
