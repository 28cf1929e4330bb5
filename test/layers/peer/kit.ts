/** What the tests of peers share: peers on simulated hosts that tell each other their addresses by word of mouth. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as LinkPlain from "../../../src/layers/LinkPlain.ts"
import * as CryptographyLayer from "../../../src/layers/node/Cryptography.ts"
import type { AddressError } from "../../../src/protocols/address/AddressError.ts"
import * as Codec from "../../../src/protocols/address/PeerAddress.ts"
import type { PeerAddress, SignedPeerAddress } from "../../../src/schemas/PeerAddress.ts"
import { type BrokerOptions, SimulatedBrokers } from "../../../src/layers/signalling/Simulated.ts"
import type { HostServices } from "../../../src/layers/simulated/host/services.ts"
import * as SimulatedPeer from "../../../src/layers/simulated/SimulatedPeer.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import type { World } from "../../../src/schemas/World.ts"
import type { Cryptography } from "../../../src/services/Cryptography.ts"
import type { PeerId } from "../../../src/schemas/PeerId.ts"
import { LinkSecurity, type LinkSecurityError, type SecuredLink } from "../../../src/services/LinkSecurity.ts"
import { Tcp, type TcpError } from "../../../src/services/Tcp.ts"
import { Identity, type IdentityError } from "../../../src/services/Identity.ts"
import type { Messages } from "../../../src/services/Messages.ts"
import { type ConnectError, type ConnectOptions, Peer } from "../../../src/services/Peer.ts"
import type { PipeError } from "../../../src/services/Pipe.ts"

/** What a program with a peer of its own finds. */
export type InPeer = Peer | Identity | Messages | Cryptography | HostServices | Scope.Scope

/** Runs a program with a peer of its own. */
export const withPeer = <A, E>(
  options: SimulatedPeer.Options,
  program: Effect.Effect<A, E, InPeer>
): Effect.Effect<A, E | IdentityError, HostServices> =>
  program.pipe(
    Effect.scoped,
    Effect.provide(SimulatedPeer.layer(options).pipe(Layer.provideMerge(CryptographyLayer.layer)))
  )

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

type Mouth<A> = ReturnType<typeof mouth<A>>

/** A peer that tells its address, and echoes until it is done. */
export const echoing = (options: SimulatedPeer.Options, address: Mouth<string>, done: Mouth<void>) =>
  withPeer(
    options,
    Effect.gen(function* () {
      yield* echo
      yield* address.say(yield* (yield* Peer).addressText)
      yield* done.hear
    })
  )

/** One broker between all, 15 ms from peer to peer. */
export const BROKER = "mqtt://broker"
export const oneBroker = (options: BrokerOptions = { latency: 15 }) => ({
  brokers: new SimulatedBrokers({ [BROKER]: options }),
  at: [BROKER]
})

export interface Called {
  /** From the call of connect until there was a pipe, or an error. */
  readonly took: number
  readonly strategy: string
  readonly initiator: "here" | "there"
  readonly remote: string
  readonly attempts: ConnectError["attempts"]
}

/** Connects to an address, and makes sure that there is somebody who echoes. */
export const call = (
  to: string,
  options: ConnectOptions = {}
): Effect.Effect<Called, ConnectError | PipeError, Peer | Scope.Scope> =>
  Effect.gen(function* () {
    const peer = yield* Peer
    const before = yield* Clock.currentTimeMillis
    const pipe = yield* peer.connect(to, options)
    const took = (yield* Clock.currentTimeMillis) - before
    yield* pipe.send("hello")
    yield* pipe.receive({ timeout: "2 seconds" })
    const { initiator, report, strategy } = pipe
    return { took, strategy, initiator, remote: `${pipe.remote?.address}`, attempts: report.attempts }
  })

/** Alice calls Bob, who echoes; both are gone afterwards, and have left nothing open. */
export const aliceCallsBob = <const W extends World>(
  description: W,
  peers: {
    readonly alice?: SimulatedPeer.Options
    readonly bob?: SimulatedPeer.Options
    readonly options?: ConnectOptions
    /** Before Alice calls. */
    readonly first?: Effect.Effect<void, never, HostServices>
  } = {},
  world: SimulatedWorld.Options = {}
) =>
  Effect.gen(function* () {
    const made = yield* SimulatedWorld.make(description as World, world)
    const address = mouth<string>()
    const done = mouth<void>()
    const { alice } = yield* made.run({
      alice: withPeer(
        peers.alice ?? {},
        Effect.gen(function* () {
          const to = yield* address.hear
          yield* peers.first ?? Effect.void
          return yield* Effect.result(call(to, peers.options))
        })
      ).pipe(Effect.ensuring(done.say(undefined))),
      bob: echoing(peers.bob ?? {}, address, done)
    })
    return { result: alice, world: made, left: made.openSockets("alice") + made.openSockets("bob") }
  })

/** Somebody with a key who speaks for himself on plain links to Bob's peer, which takes in nothing that comes. */
export const mallory = <A, E>(
  bob: SimulatedPeer.Options,
  program: (
    dial: Effect.Effect<SecuredLink, TcpError | LinkSecurityError, Scope.Scope>,
    bobsSockets: () => number
  ) => Effect.Effect<A, E, InPeer>
) =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make({ link: { latency: 10 }, hosts: { bob: {}, mallory: {} } })
    const endpoint = mouth<readonly [NetAddress.InetAddress, PeerId]>()
    const done = mouth<void>()
    const bobs = Effect.gen(function* () {
      const peer = yield* Peer
      yield* endpoint.say([(yield* peer.endpoints)[0]!, peer.peerId])
      yield* done.hear
    })
    const his = Effect.gen(function* () {
      const tcp = yield* Tcp
      const security = yield* LinkSecurity
      const [remote, expect] = yield* endpoint.hear
      const dial = Effect.flatMap(tcp.dial({ remote }), (dialled) => security.client(dialled, { expect }))
      return yield* program(dial, () => world.openSockets("bob"))
    })
    const { mallory } = yield* world.run({
      bob: withPeer(bob, bobs),
      mallory: withPeer({}, Effect.provide(his, LinkPlain.layer)).pipe(Effect.ensuring(done.say(undefined)))
    })
    return mallory
  })

/** An address of whoever signs it that says what it likes. */
export const signedAddress = (
  endpoints: ReadonlyArray<string>,
  more: Partial<PeerAddress> = {}
): Effect.Effect<SignedPeerAddress, AddressError, Identity> =>
  Effect.gen(function* () {
    const identity = yield* Identity
    const now = yield* Clock.currentTimeMillis
    const candidates = endpoints.map((endpoint) => ({
      kind: "host" as const,
      transport: "tcp" as const,
      endpoint: NetAddress.inetAddressFromStringUnsafe(endpoint)
    }))
    const address: PeerAddress = {
      peer: identity.peerId,
      sequence: 1,
      expires: Math.ceil(now / 1000) * 1000 + 3_600_000,
      interfaces: [{ candidates, nats: [] }],
      brokers: [],
      locality: undefined,
      ...more
    }
    const bytes = yield* Effect.fromResult(Codec.toSign(address))
    return yield* Effect.fromResult(Codec.assemble(address, yield* identity.sign(Codec.CONTEXT, bytes)))
  })
