/**
 * Carries small sealed envelopes between peers who have no connection yet. It knows who they are for and nothing of what is in
 * them, proves nothing, and may lose, repeat, delay or reorder them: `Messages` makes up for that.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { MAX_SIZE } from "../protocols/envelope/Envelope.ts"
import type { PeerId } from "../schemas/PeerId.ts"

/** Bytes of an envelope at most; larger ones are neither sent nor received. */
export const MAX_ENVELOPE: number = MAX_SIZE

/** What became of one envelope at one broker. `final`: it was not tried, and trying again is of no use. */
export const BrokerOutcome = Schema.Struct({
  broker: Schema.String,
  problem: Schema.optional(Schema.String),
  final: Schema.optional(Schema.Boolean)
})
export type BrokerOutcome = typeof BrokerOutcome.Type

/** No broker took the envelope. `brokers` has what each said; empty where none is configured or named. */
export class SignallingError extends Schema.TaggedError<SignallingError>()("SignallingError", {
  op: Schema.Literals(["send", "receive", "configure"]),
  brokers: Schema.Array(BrokerOutcome),
  problem: Schema.String
}) {
  /** Whether nothing is left to try again by. */
  get isFinal(): boolean {
    return this.brokers.every(({ final }) => final === true)
  }

  override get message() {
    const each = this.brokers.map(({ broker, problem }) => `${broker}: ${problem ?? "took it"}`).join("; ")
    return `signalling ${this.op}: ${this.problem}${each === "" ? "" : ` (${each})`}`
  }
}

/** A broker as this peer sees it now. */
export interface BrokerState {
  readonly uri: string
  readonly state: "connecting" | "connected" | "waiting"
  /** Why it is not connected. */
  readonly problem: string | undefined
}

export class Signalling extends Context.Service<
  Signalling,
  {
    /** The brokers this peer can be reached at, as URIs without secrets: what belongs into its address. */
    readonly brokers: ReadonlyArray<string>
    /** Of the brokers in `brokers`, in that order. */
    readonly states: Effect.Effect<ReadonlyArray<BrokerState>>
    /** Completes when this peer can receive by at least one broker; fails where none is configured. */
    readonly ready: Effect.Effect<void, SignallingError>
    /**
     * Hands an envelope to each broker in `via` (those of the recipient, as its address has them), or to this peer's own without
     * it; succeeds when the first one took it, and goes on with the others by itself. `expiry`: milliseconds after which it need
     * not be delivered. Brokers on this machine or in private networks are gone to only where own ones are of that kind.
     *
     * While a message goes by a broker that is not its own, this peer hears there too: an answer comes back the same way.
     */
    readonly send: (
      to: PeerId,
      envelope: Uint8Array,
      options: { readonly via?: ReadonlyArray<string> | undefined; readonly expiry: number }
    ) => Effect.Effect<void, SignallingError>
    /** Envelopes for this peer, each copy of it. One consumer; what it does not take in time is dropped, the oldest first. */
    readonly envelopes: Stream.Stream<Uint8Array>
  }
>()("effect-p2p/services/Signalling") {}
