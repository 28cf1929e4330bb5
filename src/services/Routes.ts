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
import type { RouteFailure } from "../schemas/Route.ts"
import type { Family } from "../schemas/NetworkInterface.ts"
import type { InterfacesError } from "./Interfaces.ts"

export interface DiscoverOptions {
  /** Default: every interface that is up and no loopback. */
  readonly interfaces?: ReadonlyArray<string> | undefined
  readonly families?: ReadonlyArray<Family> | undefined
  readonly servers: ReadonlyArray<StunServer>
  /** Servers that must agree before the rest are not waited for. Default 2, or 1 where there is one. */
  readonly agree?: number | undefined
  /** For the whole discovery, whatever is dead. Default 3 seconds. */
  readonly timeout?: Duration.Input | undefined
}

export interface Discovered {
  readonly pool: RoutePool
  readonly failures: ReadonlyArray<RouteFailure>
}

export class Routes extends Context.Service<
  Routes,
  {
    /** Fails only where the system does not list its interfaces. */
    readonly discover: (options: DiscoverOptions) => Effect.Effect<Discovered, InterfacesError>
  }
>()("effect-p2p/services/Routes") {}
