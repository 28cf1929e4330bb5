/**
 * `Messages` on any `Signalling`: one fibre opens what comes, in order; handlers run beside it.
 */
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { SECRET_BYTES } from "../protocols/envelope/ReplayWindow.ts"
import { Identity } from "../services/Identity.ts"
import { Messages } from "../services/Messages.ts"
import { Signalling } from "../services/Signalling.ts"
import type { Limits } from "./messages/limits.ts"
import { Post } from "./messages/Post.ts"
import { Receiving } from "./messages/Receiving.ts"
import { Sending } from "./messages/Sending.ts"
import { Tables } from "./messages/Tables.ts"

/** The service on tables of the caller, who can then look into them. */
export const make = Effect.fnUntraced(function* (
  tables: Tables
): Effect.fn.Return<Messages["Service"], never, Signalling | Identity | SecureRandom | Scope.Scope> {
  const signalling = yield* Signalling
  const post = new Post(yield* Identity)
  const sending = new Sending(tables, post, signalling, yield* SecureRandom)
  const receiving = new Receiving(tables, post, sending, yield* FiberSet.make<unknown, unknown>())
  // One that has something broken is not the end of hearing.
  const receive = (envelope: Uint8Array) =>
    Effect.catchDefect(receiving.receive(envelope), (defect) =>
      Effect.logError("an envelope was not looked at", defect)
    )
  yield* Effect.forkScoped(Stream.runForEach(signalling.envelopes, receive))
  return Messages.of({
    send: Effect.fn("Messages.send")(sending.send),
    request: Effect.fn("Messages.request")(sending.request),
    handle: receiving.handle,
    dropped: () => ({ ...tables.dropped })
  })
})

/** With other limits than the usual ones. */
export const layerWith = (
  limits: Partial<Limits>
): Layer.Layer<Messages, never, Signalling | Identity | SecureRandom> =>
  Layer.effect(
    Messages,
    Effect.gen(function* () {
      const secret = yield* (yield* SecureRandom).randomBytes(SECRET_BYTES)
      return yield* make(new Tables(secret, limits))
    })
  )

export const layer: Layer.Layer<Messages, never, Signalling | Identity | SecureRandom> = layerWith({})
