/** The kinds of probes over UDP, each as what is done for one transmission and what ends it. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { encode } from "../../protocols/stun/encode.ts"
import { indication, type Message, Method, request } from "../../protocols/stun/Message.ts"
import { wished } from "../../protocols/stun/transaction.ts"
import type { Outcome } from "../../schemas/NatObservation.ts"
import type { Answers } from "./Answers.ts"
import type { Exchange } from "./Exchange.ts"
import type { UdpSlot } from "./slots.ts"

const bytesOf = (message: Message): Uint8Array => Result.getOrThrow(encode(message))

/** A Binding request over UDP. `answerSlot` is where the answer goes: with RESPONSE-PORT that may be another one. */
export const ask = (
  exchange: Exchange,
  slot: UdpSlot,
  answerSlot: string,
  responsePort: number | undefined,
  ids: ReadonlyArray<Uint8Array>,
  answers: Answers
): Effect.Effect<Outcome> => {
  const { change } = exchange.probe
  const attributes = wished({ change: change.address || change.port ? change : undefined, responsePort })
  return exchange.run((nth) => {
    const id = ids[nth]!
    const at = exchange.now()
    answers.expect(
      id,
      exchange.at(answerSlot, (message, from) => exchange.answered(message, from, exchange.now() - at))
    )
    return send(exchange, slot, bytesOf(request(Method.Binding, id, attributes)))
  })
}

/** To the external endpoint of another slot. The id is the nonce by which it is known there. */
export const hairpin = (
  exchange: Exchange,
  slot: UdpSlot,
  owner: string,
  ids: ReadonlyArray<Uint8Array>,
  answers: Answers
): Effect.Effect<Outcome> =>
  exchange.run((nth) => {
    const id = ids[nth]!
    answers.expect(
      id,
      exchange.at(owner, (_, from) => exchange.finish({ _tag: "Arrived", from }))
    )
    return send(exchange, slot, bytesOf(indication(Method.Binding, id)))
  })

const send = (exchange: Exchange, { socket }: UdpSlot, bytes: Uint8Array): Effect.Effect<void> =>
  Effect.match(socket.send(bytes, exchange.to), {
    onSuccess: () => exchange.sent(),
    onFailure: ({ message }) => exchange.notSent(message)
  })
