/**
 * A peer on the real network, with everything it stands on.
 *
 *     program.pipe(Effect.provide(NodePeer.layer({ brokers: ["mqtt://broker.example"], stun: ["stun:stun.example"] })))
 *
 * Nothing is contacted but the brokers and servers named, and the peers one connects to.
 */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Dns } from "effect/net/Dns"
import type { Cryptography } from "../../services/Cryptography.ts"
import type { Identity, IdentityError } from "../../services/Identity.ts"
import type { Interfaces } from "../../services/Interfaces.ts"
import type { LinkSecurity } from "../../services/LinkSecurity.ts"
import type { Messages } from "../../services/Messages.ts"
import type { NatDetector } from "../../services/NatDetector.ts"
import type { Peer } from "../../services/Peer.ts"
import type { Pipes } from "../../services/Pipes.ts"
import type { Signalling, SignallingError } from "../../services/Signalling.ts"
import type { StunClient } from "../../services/StunClient.ts"
import type { Tcp } from "../../services/Tcp.ts"
import type { Tls } from "../../services/Tls.ts"
import type { Udp } from "../../services/Udp.ts"
import * as IdentityLayer from "../Identity.ts"
import * as LinkPlain from "../LinkPlain.ts"
import * as MessagesLayer from "../Messages.ts"
import * as Mqtt from "../mqtt/Signalling.ts"
import * as NatDetectorLayer from "../NatDetector.ts"
import * as PeerLayer from "../Peer.ts"
import { resolveServers } from "../stun/resolveServers.ts"
import * as StunClientLayer from "../StunClient.ts"
import * as CryptographyLayer from "./Cryptography.ts"
import * as IdentityFile from "./IdentityFile.ts"
import * as LinkTls from "./LinkTls.ts"
import { machineSecret } from "./machineSecret.ts"
import * as NodeP2P from "./NodeP2P.ts"

export interface Options extends Omit<PeerLayer.Options, "stun" | "machine" | "notes"> {
  /** MQTT brokers to be reached at. Default none: others connect to this peer directly or not at all. */
  readonly brokers?: Mqtt.Options["brokers"] | undefined
  /** PEM certificates to trust instead of the system's, for brokers. */
  readonly ca?: Mqtt.Options["ca"]
  /** STUN servers as URIs (`stun:host`, RFC 7064). Default none: addresses outside are not known then. */
  readonly stun?: ReadonlyArray<string> | undefined
  /**
   * `memory`: a new peer each time. Else the path of a key file, or a layer. Default: the user's own key file, made on first
   * use.
   */
  readonly identity?: "memory" | { readonly path: string } | Layer.Layer<Identity> | undefined
  /** Links without encryption: only with peers that choose it as well. Default false. */
  readonly plaintext?: boolean | undefined
}

/** Peer, and what programs beside it may use. */
export type Provides =
  | Peer
  | Identity
  | Signalling
  | Messages
  | LinkSecurity
  | StunClient
  | NatDetector
  | Cryptography
  | SecureRandom
  | Pipes
  | Tcp
  | Udp
  | Tls
  | Dns
  | Interfaces

const identityOf = (
  identity: Options["identity"]
): Layer.Layer<Identity, IdentityError, Cryptography | SecureRandom> => {
  if (identity === undefined) return IdentityFile.layer()
  if (identity === "memory") return IdentityLayer.layerMemory
  return "path" in identity ? IdentityFile.layer(identity) : identity
}

/** A name that is slow to look up must not keep a peer from starting. */
const LOOKUP_TIMEOUT = "2 seconds"

const peerLayer = (options: Options) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { problems, servers } = yield* resolveServers(options.stun ?? [], { timeout: LOOKUP_TIMEOUT })
      const notes = problems.map(({ problem, uri }) => `STUN server ${uri}: ${problem}`)
      return PeerLayer.layer({ ...options, stun: servers, machine: yield* machineSecret, notes })
    })
  )

/** Two in one program need `Layer.fresh`. */
export const layer = (options: Options = {}): Layer.Layer<Provides, IdentityError | SignallingError> => {
  const { brokers = [], ca, plaintext = false } = options
  return peerLayer(options).pipe(
    Layer.provideMerge(Layer.mergeAll(MessagesLayer.layer, StunClientLayer.layer, NatDetectorLayer.layer)),
    Layer.provideMerge(Layer.mergeAll(Mqtt.layer({ brokers, ca }), plaintext ? LinkPlain.layer : LinkTls.layer)),
    Layer.provideMerge(identityOf(options.identity)),
    Layer.provideMerge(Layer.mergeAll(NodeP2P.layer, CryptographyLayer.layer, NodeCrypto.layerSecureRandom))
  )
}
