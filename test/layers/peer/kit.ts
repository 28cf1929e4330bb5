/** What the tests of peers share: peers on simulated hosts that tell each other their addresses by word of mouth. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Cryptography from "../../../src/layers/node/Cryptography.ts"
import type { HostServices } from "../../../src/layers/simulated/host/services.ts"
import * as SimulatedPeer from "../../../src/layers/simulated/SimulatedPeer.ts"
import type { IdentityError } from "../../../src/services/Identity.ts"
import { Peer } from "../../../src/services/Peer.ts"

export type Needs = Peer | HostServices | Scope.Scope

/** Runs a program with a peer of its own. */
export const withPeer = <A, E, R>(
  options: SimulatedPeer.Options,
  program: Effect.Effect<A, E, R>
): Effect.Effect<A, E | IdentityError, Exclude<Exclude<R, Scope.Scope>, Peer> | HostServices> =>
  program.pipe(
    Effect.scoped,
    Effect.provide(SimulatedPeer.layer(options).pipe(Layer.provide(Cryptography.layer)))
  ) as Effect.Effect<A, E | IdentityError, Exclude<Exclude<R, Scope.Scope>, Peer> | HostServices>

/** A word that is said once and may be heard by many. */
export const mouth = <A>() => {
  const said = Deferred.makeUnsafe<A>()
  return { say: (value: A) => Deferred.succeed(said, value), hear: Deferred.await(said) }
}

/** Echoes whatever comes on each pipe. */
export const echo = Effect.gen(function* () {
  const peer = yield* Peer
  yield* peer.onPipe((pipe) =>
    Effect.andThen(
      pipe.onMessage(({ data }) => pipe.send(data)),
      pipe.closed
    )
  )
})
