/**
 * `Peer` on the contracts: the same code on real and simulated networks.
 */
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { encodeText, type Privacy } from "../protocols/address/PeerAddress.ts"
import type { StunServer } from "../protocols/natprofile/Plan.ts"
import type { PeerId } from "../schemas/PeerId.ts"
import { Cryptography } from "../services/Cryptography.ts"
import { Identity } from "../services/Identity.ts"
import { Interfaces } from "../services/Interfaces.ts"
import { LinkSecurity } from "../services/LinkSecurity.ts"
import { Messages } from "../services/Messages.ts"
import { NatDetector } from "../services/NatDetector.ts"
import { type ConnectOptions, Peer, type Request } from "../services/Peer.ts"
import { Pipes } from "../services/Pipes.ts"
import { Signalling } from "../services/Signalling.ts"
import { StunClient } from "../services/StunClient.ts"
import { Tcp } from "../services/Tcp.ts"
import { Acquaintances } from "./peer/Acquaintances.ts"
import { accepting } from "./peer/accepting.ts"
import { AddressBook } from "./peer/AddressBook.ts"
import { Arrivals } from "./peer/Arrivals.ts"
import { Backs } from "./peer/Backs.ts"
import { connect } from "./peer/connect.ts"
import { answerRequests } from "./peer/dialBack.ts"
import { Deadlines } from "./peer/Deadlines.ts"
import { Crowd, serve } from "./peer/inbound.ts"
import { type Limits, limits } from "./peer/limits.ts"
import { Meetings } from "./peer/Meeting.ts"
import { Network } from "./peer/Network.ts"
import { OwnAddress } from "./peer/OwnAddress.ts"
import type { Parts } from "./peer/parts.ts"
import { Situation } from "./peer/situation.ts"
import { strategies } from "./peer/strategies.ts"

export interface Options {
  /**
   * `false`: opens no port, and the address has no candidates. Others ask this peer at its brokers to dial them back; it connects to
   * others as ever, but cannot be dialled back itself. Default true.
   */
  readonly listen?: boolean | undefined
  /** To listen on and to dial from, by name. Default: all that are up and lead anywhere. */
  readonly interfaces?: ReadonlyArray<string> | undefined
  /** TCP port to listen on. Default 0: the system chooses, the same for all addresses where that is possible. */
  readonly port?: number | undefined
  /**
   * Whether a peer, which has proved who it is, gets what it asks for. Default: yes to all, which who connects is told within the
   * handshake and so a round trip sooner. Requests to dial back are limited in any case.
   */
  readonly allow?: ((peer: PeerId, request: Request) => Effect.Effect<boolean>) | undefined
  /** Who tells this peer its addresses outside. Default none: then it does not know them. */
  readonly stun?: ReadonlyArray<StunServer> | undefined
  /** Measure the NATs, if there are servers. Default true. */
  readonly profile?: boolean | undefined
  /** How long an address is good; it is signed anew at half of it. Default 1 hour. */
  readonly lifetime?: Duration.Input | undefined
  /** What the address leaves out. Who is asked to dial back is told all of it. */
  readonly privacy?: Privacy | undefined
  /** A secret of this machine, by which its peers find out that they share it. Default: they do not. */
  readonly machine?: Uint8Array | undefined
  readonly limits?: Partial<Limits> | undefined
  /** What is known not to work before the peer begins; told among its `problems`. */
  readonly notes?: ReadonlyArray<string> | undefined
}

/** How long the first address waits for what is measured. */
const MEASURE_TIME = "3 seconds"

const LIFETIME = "1 hour"

export type Needs =
  | Tcp
  | Interfaces
  | Identity
  | Cryptography
  | SecureRandom
  | LinkSecurity
  | Signalling
  | Messages
  | Pipes
  | StunClient
  | NatDetector

export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<Peer["Service"], never, Needs | Scope.Scope> {
  const identity = yield* Identity
  const cryptography = yield* Cryptography
  const random = yield* SecureRandom
  const signalling = yield* Signalling
  const tcp = yield* Tcp
  const services = {
    tcp,
    interfaces: yield* Interfaces,
    stun: yield* StunClient,
    detector: yield* NatDetector
  }
  const { machine, privacy = {} } = options
  const bounds: Limits = { ...limits, ...options.limits }
  // Closed last: what others still do here ends first.
  const fibers = yield* FiberSet.make<unknown, unknown>()
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const arrivals = new Arrivals(
    { total: bounds.arrivals, each: bounds.arrivalsPerPeer },
    ({ won }) => Scope.close(won.scope, Exit.void),
    run
  )
  yield* Effect.addFinalizer(() => arrivals.close)
  const goOn = (effect: Effect.Effect<void>) => run(FiberSet.run(fibers, effect))
  const meetings = new Meetings(identity.peerId, (peer, won) => arrivals.add({ peer, won }), goOn)
  const crowd = new Crowd(bounds)

  const network = new Network(
    services,
    {
      interfaces: options.interfaces,
      listen: options.listen ?? true,
      port: options.port ?? 0,
      servers: options.stun ?? [],
      profile: options.profile ?? true,
      loop: machine !== undefined
    },
    (listener) => serve(parts, crowd, listener),
    Effect.suspend(() => address.update(network.own))
  )
  const address = yield* OwnAddress.make(
    {
      identity,
      cryptography,
      random,
      privacy,
      machine,
      brokers: signalling.brokers,
      lifetime: Duration.toMillis(Duration.fromInputUnsafe(options.lifetime ?? LIFETIME))
    },
    network.own
  )
  const backs = new Backs()
  const messages = yield* Messages
  const parts: Parts = {
    tcp,
    identity,
    cryptography,
    random,
    signalling,
    situation: new Situation(cryptography, machine),
    meetings,
    backs,
    arrivals,
    acquaintances: new Acquaintances(),
    network,
    address,
    book: new AddressBook(cryptography),
    fibers,
    deadlines: yield* Deadlines.make,
    security: yield* LinkSecurity,
    messages,
    strategies: strategies({ tcp, messages, backs }, () => address.both.whole.bytes),
    pipes: yield* Pipes,
    limits: bounds,
    allow: options.allow ?? (() => Effect.succeed(true)),
    isOpen: options.allow === undefined
  }

  yield* network.start
  yield* Effect.timeoutOption(network.measured, MEASURE_TIME)
  yield* address.update(network.own)
  yield* Effect.forkScoped(address.keep(() => network.own))
  yield* answerRequests(parts)

  const brokerProblems = Effect.map(signalling.states, (states) =>
    states.flatMap(({ problem, uri }) => (problem === undefined ? [] : [`broker ${uri}: ${problem}`]))
  )
  return Peer.of({
    peerId: identity.peerId,
    address: Effect.sync(() => address.both.shown),
    addressText: Effect.sync(() => encodeText(address.both.shown)),
    addresses: Stream.map(address.changes, ({ shown }) => shown),
    endpoints: Effect.sync(() => network.own.listening.map(({ endpoint }) => endpoint)),
    problems: Effect.map(brokerProblems, (brokers) => [...(options.notes ?? []), ...network.problems, ...brokers]),
    connect: <R = never>(to: Parameters<Peer["Service"]["connect"]>[0], how: ConnectOptions<R> = {}) =>
      // Finding where it was called from takes longer than planning what to do.
      Effect.withSpan(connect(parts, to, how), "Peer.connect", { captureStackTrace: false }),
    ...accepting(parts)
  })
})

export const layer = (options: Options = {}): Layer.Layer<Peer, never, Needs> => Layer.effect(Peer, make(options))
