/** Routes as a pool of external addresses: indexed, counted, iterated and joined, one external address at a time. */
import type { Route } from "../../schemas/Route.ts"

export interface RoutePool {
  readonly routes: ReadonlyArray<Route>
}
