/**
 * Peers on the loopback interface, each with an identity of its own.
 */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import * as NodePeer from "../../src/layers/node/NodePeer.ts"
import { Peer } from "../../src/services/Peer.ts"

/** A bench asks for more dials back than a stranger gets. */
const plenty = { perSecond: 1e6, burst: 1e6 }

export interface Running {
  /** The scope is that of the process. */
  readonly run: <A, E>(use: (peer: Peer["Service"]) => Effect.Effect<A, E, Scope.Scope>) => Promise<A>
  readonly stop: () => Promise<void>
}

export const start = (brokers: ReadonlyArray<string> = []): Running => {
  const limits = { dials: plenty, dialsPerPeer: plenty }
  const layer = NodePeer.layer({ identity: "memory", interfaces: ["lo"], brokers, limits })
  const runtime = ManagedRuntime.make(Layer.fresh(layer))
  const scope = Scope.makeUnsafe()
  return {
    run: (use) => runtime.runPromise(Scope.provide(Peer.use(use), scope)),
    stop: () => runtime.dispose()
  }
}
