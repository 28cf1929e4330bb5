/**
 * A peer on a simulated host, with everything it stands on: nothing but wiring.
 *
 *     const brokers = new SimulatedBrokers({ "mqtt://broker": { latency: "20 millis" } })
 *     world.run({ alice: program.pipe(Effect.provide(SimulatedPeer.layer({ brokers, at: ["mqtt://broker"] }))) })
 *
 * Links are plain unless `security` says otherwise; TLS runs in virtual time as well, and takes real time.
 */
import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as Layer from "effect/Layer"
import type { Cryptography } from "../../services/Cryptography.ts"
import type { Identity, IdentityError } from "../../services/Identity.ts"
import type { LinkSecurity } from "../../services/LinkSecurity.ts"
import type { Messages } from "../../services/Messages.ts"
import type { Peer } from "../../services/Peer.ts"
import type { Pipes } from "../../services/Pipes.ts"
import type { Signalling } from "../../services/Signalling.ts"
import * as IdentityLayer from "../Identity.ts"
import * as LinkPlain from "../LinkPlain.ts"
import * as MessagesLayer from "../Messages.ts"
import * as NatDetectorLayer from "../NatDetector.ts"
import * as NoTls from "../NoTls.ts"
import * as PeerLayer from "../Peer.ts"
import * as PipesLayer from "../Pipes.ts"
import * as Simulated from "../signalling/Simulated.ts"
import * as StunClientLayer from "../StunClient.ts"
import type { HostServices } from "./host/services.ts"

export interface Options extends PeerLayer.Options {
  /** The brokers of the world. Default none. */
  readonly brokers?: Simulated.SimulatedBrokers | undefined
  /** Those this peer is at, by URI. Default none. */
  readonly at?: ReadonlyArray<string> | undefined
  /** Default: a new one. */
  readonly identity?: Layer.Layer<Identity, IdentityError, Cryptography | SecureRandom> | undefined
  /** Default: plain. */
  readonly security?: Layer.Layer<LinkSecurity, never, Identity | SecureRandom> | undefined
}

export const layer = (
  options: Options = {}
): Layer.Layer<Peer | Identity | Signalling | Messages | Pipes, IdentityError, HostServices | Cryptography> => {
  const { at = [], brokers = new Simulated.SimulatedBrokers({}), identity, security = LinkPlain.layer } = options
  return Layer.fresh(
    PeerLayer.layer(options).pipe(
      Layer.provide([security, StunClientLayer.layer, NatDetectorLayer.layer]),
      Layer.provideMerge(Layer.mergeAll(MessagesLayer.layer, PipesLayer.layer)),
      Layer.provide(NoTls.layer),
      Layer.provideMerge(Simulated.layer(brokers, at)),
      Layer.provideMerge(identity ?? IdentityLayer.layerMemory)
    )
  )
}
