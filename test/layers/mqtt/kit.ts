/** What the tests of MQTT share: peers at real brokers on the loopback interface. */
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as BrokerLayer from "../../../src/layers/mqtt/Broker.ts"
import * as MqttSignalling from "../../../src/layers/mqtt/Signalling.ts"
import * as NodeCryptography from "../../../src/layers/node/Cryptography.ts"
import { Broker, type ListenOptions, type RunningBroker } from "../../../src/services/Broker.ts"
import { Identity } from "../../../src/services/Identity.ts"
import { Signalling, type SignallingError } from "../../../src/services/Signalling.ts"
import { identity, randomness } from "../../protocols/envelope/kit.ts"

const loopback = NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0")

/** An embedded broker; by default on TCP and WebSockets. */
export const broker = (options: ListenOptions = { tcp: [loopback], websocket: [loopback] }) =>
  Broker.use((service) => service.listen(options)).pipe(Effect.provide(BrokerLayer.layer))

/** At this port again. */
export const at = (port: number): NetAddress.InetAddress => NetAddress.inetAddressFromStringUnsafe(`127.0.0.1:${port}`)

export const uriOf = ({ endpoints }: RunningBroker, transport: "tcp" | "websocket" = "tcp"): string =>
  endpoints.find((endpoint) => endpoint.transport === transport)!.uri

let peers = 0

export interface Peer {
  readonly id: Identity["Service"]["peerId"]
  readonly signalling: Signalling["Service"]
}

/** The signalling of a peer. */
export const peer = Effect.fnUntraced(function* (
  seed: number,
  options: MqttSignalling.Options
): Effect.fn.Return<Peer, SignallingError, Scope.Scope> {
  const me = identity(seed)
  const context = yield* Layer.build(
    MqttSignalling.layer(options).pipe(
      Layer.provide(NodeCryptography.layer),
      Layer.provide(Layer.succeed(Identity, me)),
      Layer.provide(Layer.succeed(SecureRandom, randomness(5000 + peers++)))
    )
  )
  return { id: me.peerId, signalling: yield* Effect.provide(Signalling, context) }
})

/** Bytes that are taken for an envelope and can be told apart. */
export const letter = (mark: number, size = 512): Uint8Array => new Uint8Array(size).fill(mark)

/** Starts to listen; joining gives the marks of the first `count` envelopes. */
export const hear = ({ signalling }: Peer, count: number) =>
  signalling.envelopes.pipe(
    Stream.take(count),
    Stream.map((envelope) => envelope[0]!),
    Stream.runCollect,
    Effect.timeout("10 seconds"),
    Effect.forkChild({ startImmediately: true })
  )

/** Sends one envelope and waits until it came. */
export const carries = Effect.fnUntraced(function* (from: Peer, to: Peer, via?: ReadonlyArray<string>) {
  const hearing = yield* hear(to, 1)
  yield* from.signalling.send(to.id, letter(7), { via, expiry: 5000 })
  return (yield* Fiber.join(hearing))[0] === 7
})
