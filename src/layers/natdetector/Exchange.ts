/**
 * One probe under way: sent as often as its plan says until something ends it, and what that was.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Probe } from "../../protocols/natprofile/Plan.ts"
import { otherEndpoint } from "../../protocols/stun/binding.ts"
import { get, type Message, unknownRequired } from "../../protocols/stun/Message.ts"
import { said, same } from "../../protocols/stun/transaction.ts"
import type { NetKind } from "../../schemas/NetKind.ts"
import type { Outcome } from "../../schemas/NatObservation.ts"
import type { Expected } from "./Answers.ts"
import * as Time from "./time.ts"

/** After the deadline, so that a busy program still reads what has come in time. */
const LATE_MS = 1

export class Exchange {
  readonly probe: Probe
  readonly to: NetAddress.InetAddress
  readonly now: Time.Now
  readonly startedAt: number
  /** How often it was sent, or dialled. */
  transmissions = 0
  private lastAt: number
  private unsent: string | undefined
  private refusal: Outcome | undefined
  private ignored: string | undefined
  private readonly ended = Deferred.makeUnsafe<Outcome>()

  constructor(probe: Probe, to: NetAddress.InetAddress, now: Time.Now) {
    this.probe = probe
    this.to = to
    this.now = now
    this.startedAt = now()
    this.lastAt = this.startedAt
  }

  /** When an answer is not waited for any more. */
  get deadline(): number {
    return this.startedAt + (this.probe.transmissions.at(-1) ?? 0) + this.probe.wait
  }

  get isOver(): boolean {
    return Deferred.isDoneUnsafe(this.ended)
  }

  /** The first end counts. */
  finish(outcome: Outcome): void {
    Deferred.doneUnsafe(this.ended, Effect.succeed(outcome))
  }

  sent(): void {
    this.transmissions++
    this.lastAt = this.now()
  }

  /** It could not be sent; the next transmission may. */
  notSent(why: string): void {
    this.unsent = why
  }

  /** What was begun came to nothing on this machine. */
  undone(why: string): void {
    this.transmissions--
    this.unsent = why
  }

  /** What the system or something on the way says of a packet sent. Other kinds say nothing about the other end. */
  readonly failed = (kind: NetKind): void => {
    if (kind === "Refused" || kind === "Reset") this.refusal = { _tag: "Refused" }
    if (kind === "Unreachable") this.refusal = { _tag: "Unreachable" }
    // Of two that send to each other the first is refused where filters refuse; the next one may get through.
    if (this.refusal !== undefined && this.probe.test !== "hairpin") this.finish(this.refusal)
  }

  readonly heardOther: Expected["ignored"] = (what, last) => {
    this.ignored ??= what
    if (last) this.finish(this.nothing)
  }

  /** What a transaction id of this probe stands for at a slot. */
  at(slot: string, heard: Expected["heard"]): Expected {
    return { slot, to: this.to, heard, ignored: this.heardOther, failed: this.failed }
  }

  /** A response of the server: `roundTrip` is that of the transmission it answers. */
  answered(message: Message, from: NetAddress.InetAddress, roundTrip: number): void {
    const { change } = this.probe
    if (!change.address && !change.port && !same(from, this.to)) {
      return this.heardOther(
        `an answer came from ${NetAddress.formatInet(from)}, not from ${NetAddress.formatInet(this.to)} where it was asked for`,
        false
      )
    }
    const error = get(message, "ErrorCode")
    if (message.class === "error" && error !== undefined) {
      return this.finish({ _tag: "ErrorAnswer", code: error.code, phrase: error.reason })
    }
    const read =
      message.class === "success" ? said(message, from) : Result.fail(`${NetAddress.formatInet(from)} sent no answer`)
    if (Result.isFailure(read)) return this.heardOther(read.failure, false)
    if (unknownRequired(message).length > 0)
      return this.heardOther(`${NetAddress.formatInet(from)} demands what nobody knows`, false)
    this.finish({
      _tag: "Answered",
      mapped: read.success.mapped,
      from,
      other: otherEndpoint(message),
      after: this.now() - this.startedAt,
      roundTrip
    })
  }

  /** Runs `send` for each transmission, the first at once, until the probe has ended; then it is interrupted. */
  run<R>(send: (nth: number) => Effect.Effect<void, never, R>): Effect.Effect<Outcome, never, R> {
    return Effect.gen({ self: this }, function* () {
      const ended = Deferred.await(this.ended)
      for (const [nth, offset] of this.probe.transmissions.entries()) {
        if (nth > 0) yield* Time.until(ended, this.startedAt + offset, this.now)
        if (this.isOver) break
        yield* send(nth)
      }
      yield* Time.until(ended, this.deadline, this.now)
      if (!this.isOver) yield* Time.until(ended, this.now() + LATE_MS, this.now)
      this.finish(this.nothing)
      return yield* ended
    })
  }

  private get nothing(): Outcome {
    if (this.refusal !== undefined) return this.refusal
    if (this.transmissions === 0) return { _tag: "NotSent", detail: this.unsent ?? "there was no time" }
    const waited = this.now() - this.lastAt
    return this.ignored === undefined ? { _tag: "Silent", waited } : { _tag: "Silent", waited, ignored: this.ignored }
  }
}
