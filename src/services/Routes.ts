/**
 * How each interface reaches the internet: the external address behind each local one, by the consensus of STUN servers.
 *
 * Partial failure is a value: a dead server, a dead address or a dead interface neither stalls nor fails the rest.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { StunServer } from "../protocols/natprofile/Plan.ts"
import type { RoutePool } from "../protocols/routes/RoutePool.ts"
import type { RoutedBlock } from "../protocols/routes/sources.ts"
import type { RouteFailure } from "../schemas/Route.ts"
import type { Family } from "../schemas/NetworkInterface.ts"
import type { InterfacesError } from "./Interfaces.ts"

export interface DiscoverOptions {
  /** Default: every interface that is up and no loopback. */
  readonly interfaces?: ReadonlyArray<string> | undefined
  readonly families?: ReadonlyArray<Family> | undefined
  readonly servers: ReadonlyArray<StunServer>
  /** Servers that must agree before the rest are not waited for. Default 2; never more than there are in a family. */
  readonly agree?: number | undefined
  /** For the whole discovery, whatever is dead. Default 3 seconds. */
  readonly timeout?: Duration.Input | undefined
  /**
   * Once an external address is known, how much longer the other local addresses may take: one that leads nowhere must not
   * hold up those that do. Default 1 second: long enough for one lost packet to be sent again.
   */
  readonly patience?: Duration.Input | undefined
  /**
   * Prefixes known to be routed to an interface as a whole, where no address of the interface shows it by a host part of 0.
   * Each is one route to all its addresses if the one asked from is its own external address.
   */
  readonly blocks?: ReadonlyArray<RoutedBlock> | undefined
}

export interface Discovered {
  readonly pool: RoutePool
  /** Addresses of which nothing is known outside, with the reason. */
  readonly failures: ReadonlyArray<RouteFailure>
  /** What stood in the way as a whole, in sentences for people: no server, no network. */
  readonly problems: ReadonlyArray<string>
}

export class Routes extends Context.Service<
  Routes,
  {
    /**
     * Asks every server from every address at once. Fails only where the system does not list its interfaces, or has none of a
     * name asked for.
     */
    readonly discover: (options: DiscoverOptions) => Effect.Effect<Discovered, InterfacesError>
  }
>()("effect-p2p/services/Routes") {}
