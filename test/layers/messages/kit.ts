/** What the tests of messages share: peers at simulated brokers, and one that is fed envelopes by hand. */
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as MessagesLayer from "../../../src/layers/Messages.ts"
import type { Limits } from "../../../src/layers/messages/limits.ts"
import { Post } from "../../../src/layers/messages/Post.ts"
import { Tables } from "../../../src/layers/messages/Tables.ts"
import * as Simulated from "../../../src/layers/signalling/Simulated.ts"
import type { Content } from "../../../src/protocols/envelope/Content.ts"
import { SECRET_BYTES } from "../../../src/protocols/envelope/ReplayWindow.ts"
import { Identity } from "../../../src/services/Identity.ts"
import type { Message, Messages } from "../../../src/services/Messages.ts"
import { Signalling } from "../../../src/services/Signalling.ts"
import { luck } from "../../lab/support/random.ts"
import { bytesOf, identity, randomness } from "../../protocols/envelope/kit.ts"

/** The identities of this file are costly to make, and always the same. */
const identities = new Map<number, Identity["Service"]>()
export const identityOf = (seed: number): Identity["Service"] => {
  const made = identities.get(seed) ?? identity(seed)
  identities.set(seed, made)
  return made
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (message: { readonly body: Uint8Array }): string => new TextDecoder().decode(message.body)

export interface Peer {
  readonly id: Identity["Service"]["peerId"]
  readonly messages: Messages["Service"]
  readonly signalling: Signalling["Service"]
  readonly tables: Tables
}

/** No two peers draw the same, also those of one identity. */
let peers = 0

const peerOn = Effect.fnUntraced(function* (
  seed: number,
  signalling: Signalling["Service"],
  limits: Partial<Limits>,
  identity = identityOf(seed)
) {
  const tables = new Tables(bytesOf(luck(seed), SECRET_BYTES), limits)
  const messages = yield* MessagesLayer.make(tables).pipe(
    Effect.provideService(Signalling, signalling),
    Effect.provideService(Identity, identity),
    Effect.provideService(SecureRandom, randomness(1000 + peers++))
  )
  return { id: identityOf(seed).peerId, messages, signalling, tables }
})

/** The peer of a number, at these brokers. */
export const peer = Effect.fnUntraced(function* (
  seed: number,
  brokers: Simulated.SimulatedBrokers,
  own: ReadonlyArray<string>,
  limits: Partial<Limits> = {}
): Effect.fn.Return<Peer, never, Scope.Scope> {
  const signalling = yield* Effect.provideService(Simulated.make(brokers, own), Identity, identityOf(seed))
  return yield* peerOn(seed, signalling, limits)
})

/** A peer whose envelopes come from a test; `sent` has how many it sent. */
export const fed = Effect.fnUntraced(function* (
  seed: number,
  limits: Partial<Limits> = {},
  identity?: Identity["Service"]
) {
  const queue = yield* Queue.unbounded<Uint8Array | Deferred.Deferred<void>>()
  const sent: Array<Uint8Array> = []
  const signalling = Signalling.of({
    brokers: [],
    states: Effect.succeed([]),
    ready: Effect.void,
    send: (_to, envelope) => Effect.sync(() => void sent.push(envelope)),
    // One by one, so that a mark is reached when what stood before it is done with.
    envelopes: Stream.fromQueue(queue).pipe(
      Stream.mapEffect((item) =>
        item instanceof Uint8Array ? Effect.succeed([item]) : Effect.as(Deferred.succeed(item, undefined), [])
      ),
      Stream.flattenIterable
    )
  })
  const made = yield* peerOn(seed, signalling, limits, identity)
  /** Hands over envelopes and waits until all were looked at; what handlers do may go on. */
  const feed = Effect.fnUntraced(function* (envelopes: ReadonlyArray<Uint8Array>) {
    const reached = Deferred.makeUnsafe<void>()
    yield* Queue.offerAll(queue, [...envelopes, reached])
    yield* Deferred.await(reached)
  })
  return { ...made, feed, sent }
})

/** An envelope as the peer of a number would write it. */
export const envelope = (seed: number, to: Peer["id"], content: Content): Uint8Array => {
  const post = new Post(identityOf(seed))
  return Effect.runSync(Effect.flatMap(post.sign(to, content), (signed) => post.seal(signed)))
}

/** Handles a kind by echo, and counts. */
export const echo = Effect.fnUntraced(function* (peer: Peer, kind: string, allow = true) {
  const seen = { asked: 0, handled: [] as Array<Message> }
  yield* peer.messages.handle(kind, {
    allow: () => Effect.sync(() => (seen.asked++, allow)),
    handler: (message) => Effect.sync(() => (seen.handled.push(message), message.body))
  })
  return seen
})
