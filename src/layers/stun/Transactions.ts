/**
 * The requests under way on one socket or connection: whose answer it is that arrived, and how each request ends.
 */
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { TI } from "../../protocols/stun/retransmission.ts"
import * as Transaction from "../../protocols/stun/transaction.ts"
import type { Message } from "../../protocols/stun/Message.ts"
import type { StunError } from "../../protocols/stun/StunError.ts"
import { type Binding, StunClientError } from "../../services/StunClient.ts"

/** Ended requests that further answers are still told by: every retransmission may be answered. */
const REMEMBERED = 64

export interface Answer {
  readonly message: Message
  readonly from: NetAddress.InetAddress
  /** When it came, on the clock of `Transactions`. */
  readonly at: number
}

export interface Asked {
  readonly op: "binding" | "request"
  readonly transport: "udp" | "tcp"
  readonly local: NetAddress.InetAddress
  readonly question: Transaction.Question
  readonly answer: Deferred.Deferred<Answer, StunClientError>
  /** What is said if no answer comes: silence, or what came instead. */
  otherwise: Details
}

/** How a request ended, without which one it was. */
export type Details = Omit<ConstructorParameters<typeof StunClientError>[0], "op" | "transport" | "local" | "remote">

export const silence: Details = { reason: "NoAnswer", kind: "TimedOut" }

export const badAnswer = (detail: string): Details => ({ reason: "BadAnswer", kind: "Unknown", detail })

export const failure = (
  { local, op, question, transport }: Pick<Asked, "local" | "op" | "question" | "transport">,
  details: Details
): StunClientError => new StunClientError({ op, transport, local, remote: question.server, ...details })

/** A request that cannot be written. */
export const unsendable = (asked: Asked, cause: StunError): StunClientError =>
  failure(asked, { reason: "Network", kind: "InvalidInput", detail: `${cause.part}: ${cause.problem}`, cause })

/** How long a transaction may take, in milliseconds. */
export const limitOf = (timeout: Duration.Input | undefined): number =>
  timeout === undefined ? TI : Math.min(TI, Duration.toMillis(Duration.fromInputUnsafe(timeout)))

export class Transactions {
  private readonly clock: Clock.Clock
  private readonly pending = new Map<string, Asked>()
  private readonly ended = new Set<string>()

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  /** Milliseconds; only differences mean anything. */
  now(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6
  }

  /** Keeps a request until `use` is over. */
  run<A, E>(key: string, asked: Asked, use: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      this.pending.set(key, asked)
      return Effect.ensuring(
        use,
        Effect.sync(() => this.forget(key))
      )
    })
  }

  private forget(key: string): void {
    this.pending.delete(key)
    this.ended.add(key)
    if (this.ended.size > REMEMBERED) this.ended.delete(this.ended.values().next().value!)
  }

  /** Whether the bytes are an answer to a request of these, the right one or not. */
  take(bytes: Uint8Array, from: NetAddress.InetAddress): boolean {
    const key = Transaction.responseKey(bytes)
    const asked = key === undefined ? undefined : this.pending.get(key)
    if (asked === undefined) return key !== undefined && this.ended.has(key)
    const verdict = Transaction.judge(asked.question, bytes, from)
    switch (verdict._tag) {
      case "Answer":
        Deferred.doneUnsafe(asked.answer, Effect.succeed({ message: verdict.message, from, at: this.now() }))
        break
      case "Ignored":
        asked.otherwise = badAnswer(verdict.detail)
        break
      case "Rejected":
        end(asked, { reason: "Rejected", kind: "Unknown", code: verdict.code, detail: verdict.detail })
        break
      case "Useless":
        end(asked, badAnswer(verdict.detail))
    }
    return true
  }

  /** Something came that is no answer to any of these, and nobody else expects anything here. */
  stray(bytes: Uint8Array, from: NetAddress.InetAddress): void {
    for (const asked of this.pending.values()) {
      if (asked.otherwise === silence) asked.otherwise = badAnswer(Transaction.stray(bytes, from))
    }
  }

  /** Ends every request, or those to one server: now, or if no answer comes. */
  fail(details: Details, server?: NetAddress.InetAddress, when: "now" | "in the end" = "now"): void {
    for (const asked of this.pending.values()) {
      if (server !== undefined && !Transaction.same(asked.question.server, server)) continue
      if (when === "now") end(asked, details)
      else asked.otherwise = details
    }
  }
}

const end = (asked: Asked, details: Details): void => {
  Deferred.doneUnsafe(asked.answer, Effect.fail(failure(asked, details)))
}

/** What the answer to a Binding request says. `sent` are the times of its transmissions. */
export const bindingOf = (
  asked: Asked,
  { at, from, message }: Answer,
  sent: ReadonlyArray<number>
): Result.Result<Binding, StunClientError> =>
  Result.mapBoth(Transaction.said(message, from), {
    onFailure: (detail) => failure(asked, badAnswer(detail)),
    onSuccess: (said): Binding => ({
      transport: asked.transport,
      local: asked.local,
      server: asked.question.server,
      from,
      ...said,
      roundTrip: Math.max(0, at - sent[0]!),
      roundTripAtLeast: Math.max(0, at - sent.at(-1)!),
      transmissions: sent.length
    })
  })
