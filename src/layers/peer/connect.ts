/**
 * `Peer.connect`: reads the address, plans, races the steps, and gives the first link that both sides agree on.
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as LogLevel from "effect/LogLevel"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { advice, summary } from "../../protocols/connect/advice.ts"
import { fromAttempt } from "../../protocols/connect/attemptId.ts"
import { ATTEMPT_BYTES } from "../../protocols/connect/frames.ts"
import * as Plan from "../../protocols/connect/plan.ts"
import { report, Running } from "../../protocols/connect/records.ts"
import type { AttemptOutcome } from "../../schemas/Attempt.ts"
import type { PeerAddress, SignedPeerAddress } from "../../schemas/PeerAddress.ts"
import { ConnectError, type ConnectOptions, type PeerPipe, type Strategy } from "../../services/Peer.ts"
import { badLimit } from "../pipes/settings.ts"
import { Attempting, type Won } from "./Meeting.ts"
import type { Parts } from "./parts.ts"
import { pipeOf } from "./peerPipe.ts"
import { race } from "./race.ts"
import { chosen } from "./strategies.ts"
import { take, type Taking } from "./take.ts"

const DEADLINE = "15 seconds"
const MAX_ATTEMPTS = 8

/** One call of connect. */
interface Call<R> {
  readonly began: number
  /** On the clock of `began`. */
  readonly until: number
  readonly theirs: PeerAddress
  readonly plan: Plan.Plan
  readonly attempting: Attempting
  readonly bytes: Uint8Array
  readonly taken: ReadonlyArray<{ readonly running: Running; readonly strategy: Strategy<R> }>
  readonly report: (otherwise: AttemptOutcome, now: number) => PeerPipe["report"]
}

export const connect = <R>(
  parts: Parts,
  to: string | SignedPeerAddress,
  options: ConnectOptions<R>
): Effect.Effect<PeerPipe, ConnectError, R | Scope.Scope> =>
  Effect.clockWith((clock) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const bytes = yield* parts.random.randomBytes(ATTEMPT_BYTES)
        const prepared = prepare(parts, to, options, clock.currentTimeMillisUnsafe(), bytes)
        if (Result.isFailure(prepared)) return yield* prepared.failure
        const call = prepared.success
        const { attempting, plan, theirs } = call
        if (yield* LogLevel.isEnabled("Debug")) {
          yield* Effect.logDebug(`connect to ${theirs.peer}`, ...plan.steps.map(Plan.format))
        }
        yield* restore(search(parts, call, options)).pipe(
          Effect.onExit((exit) => {
            parts.meetings.with(theirs.peer).end(attempting)
            return Exit.isSuccess(exit) ? Effect.void : abandon(attempting)
          })
        )
        const now = clock.currentTimeMillisUnsafe()
        const { won } = attempting
        if (won === undefined) return yield* failed(parts, call, now >= call.until, now)
        const strategy = winner(call, won, now)
        return yield* pipeOf(parts.pipes, won, strategy, call.report("superseded", now), options, restore).pipe(
          Effect.catchTag("PipeError", (cause) => Effect.fail(badOptions(theirs.peer, cause.message, cause)))
        )
      })
    )
  )

const badOptions = (peer: string | undefined, problem: string, cause?: unknown) =>
  new ConnectError({
    reason: "BadOptions",
    peer,
    problem,
    advice: "change the options",
    attempts: [],
    milliseconds: 0,
    cause
  })

const readAddress = (
  { book, identity }: Parts,
  to: string | SignedPeerAddress,
  now: number
): Result.Result<PeerAddress, ConnectError> => {
  const read = book.read(to, now)
  const fail = (reason: "BadAddress" | "Self", problem: string, advice: string, peer?: string, cause?: unknown) =>
    Result.fail(new ConnectError({ reason, peer, problem, advice, attempts: [], milliseconds: 0, cause }))
  if (Result.isFailure(read)) {
    const { failure } = read
    return fail("BadAddress", failure.message, "ask the other peer for its address", undefined, failure)
  }
  const { peer } = read.success
  return peer === identity.peerId
    ? fail("Self", "this is the address of this very peer", "give it to the other side", peer)
    : Result.succeed(read.success)
}

const prepare = <R>(
  parts: Parts,
  to: string | SignedPeerAddress,
  options: ConnectOptions<R>,
  began: number,
  bytes: Uint8Array
): Result.Result<Call<R>, ConnectError> => {
  const read = readAddress(parts, to, began)
  if (Result.isFailure(read)) return Result.fail(read.failure)
  const theirs = read.success
  const { families, interfaces, maxAttempts = MAX_ATTEMPTS } = options
  const wanted = chosen(parts.strategies, options.strategies)
  if (Result.isFailure(wanted)) return Result.fail(badOptions(theirs.peer, wanted.failure))
  const limit =
    badLimit(options) ??
    (Number.isInteger(maxAttempts) && maxAttempts > 0
      ? undefined
      : `maxAttempts is ${maxAttempts}: write a whole number above 0`)
  if (limit !== undefined) return Result.fail(badOptions(theirs.peer, limit))

  const { acquaintances, address, network, situation } = parts
  acquaintances.call(theirs.peer)
  const pairs = situation.pairsWith(network.own, theirs, { families, interfaces })
  const facts: Plan.Facts = {
    ...pairs,
    signalling: theirs.brokers.length > 0,
    get back() {
      return Plan.chanceBack(address.both.whole.address.interfaces, pairs)
    }
  }
  const once: Strategy<R>["plan"] = () => [{ delay: 0, why: "it was asked for" }]
  const plan = Plan.planOf(
    facts,
    [...wanted.success].map(([name, strategy]) => [name, strategy.plan ?? once] as const)
  )
  const taken = plan.steps.map((step) => ({
    running: new Running(step),
    strategy: wanted.success.get(step.strategy)!
  }))
  return Result.succeed({
    began,
    until: began + Duration.toMillis(Duration.fromInputUnsafe(options.deadline ?? DEADLINE)),
    theirs,
    plan,
    bytes,
    attempting: new Attempting(fromAttempt(bytes)),
    taken,
    report: (otherwise, now) => ({
      attempts: report(
        taken.map(({ running }) => running),
        pairs.skipped,
        plan,
        otherwise,
        now - began
      ),
      milliseconds: now - began
    })
  })
}

/** Waits for the first of: a pipe, everything tried in vain, time up. Where two come at once, there may be a pipe as well. */
const search = <R>(
  parts: Parts,
  { attempting, began, bytes, taken, theirs, until }: Call<R>,
  { maxAttempts = MAX_ATTEMPTS }: ConnectOptions<R>
): Effect.Effect<void, never, R> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.callback((resume) => {
      const run = Effect.runForkWith(context)
      let all: Fiber.Fiber<void> | undefined = undefined
      const stop = Effect.suspend(() => (all === undefined ? Effect.void : Fiber.interrupt(all)))
      // First, for steps end at that moment as well.
      const inTime = parts.deadlines.after(until - began, () => end())
      let isOver = false
      const end = () => {
        if (isOver) return
        isOver = true
        inTime()
        if (attempting.won === undefined) return resume(stop)
        // Who has a pipe need not wait until what else was tried is gone: that begins when the last word has left.
        resume(Effect.void)
        run(Effect.andThen(Effect.yieldNow, stop))
      }

      const meeting = parts.meetings.with(theirs.peer)
      attempting.onWon = end
      meeting.begin(attempting)
      const steps = taken.map(({ running, strategy }) => {
        const taking: Taking<R> = { running, strategy, theirs, id: attempting.id, bytes, began, until }
        return { delay: running.step.delay, run: take(parts, taking) }
      })
      // What the other side opened may become this attempt's pipe though every step of its own failed.
      all = run(Effect.andThen(race(steps, maxAttempts), meeting.quiet))
      all.addObserver((exit) =>
        Exit.isSuccess(exit) ? end() : resume(Effect.andThen(stop, Effect.failCause(exit.cause)))
      )
      return Effect.suspend(() => {
        inTime()
        return stop
      })
    })
  )

const abandon = ({ won }: Attempting): Effect.Effect<void> =>
  won === undefined ? Effect.void : Scope.close(won.scope, Exit.void)

/** Marks the step that brought the link. One that was opened by the other, or dialled back, ran none to its end. */
const winner = <R>({ began, taken }: Call<R>, won: Won, now: number): string => {
  const own =
    taken.find(({ running }) => running.scope === won.scope) ??
    (won.kind === "reverse" ? taken.find(({ running }) => running.isWaiting) : undefined)
  own?.running.end("connected", now - began)
  return own?.running.step.strategy ?? won.kind
}

const failed = Effect.fnUntraced(function* <R>(
  { address, deadlines, signalling }: Parts,
  call: Call<R>,
  isLate: boolean,
  now: number
): Effect.fn.Return<never, ConnectError> {
  const { taken, theirs } = call
  const { attempts, milliseconds } = call.report("timed-out", now)
  const nats = (interfaces: PeerAddress["interfaces"]) => interfaces.flatMap((each) => each.nats)
  return yield* new ConnectError({
    reason: isLate ? "TimedOut" : taken.length === 0 ? "NoWay" : "Failed",
    peer: theirs.peer,
    problem: `${deadlines.isClosed ? "this peer has closed: " : isLate ? `no pipe in ${milliseconds} ms: ` : ""}${summary(attempts)}`,
    advice: advice({
      attempts,
      mine: nats(address.both.whole.address.interfaces),
      theirs: nats(theirs.interfaces),
      brokers: { mine: signalling.brokers.length > 0, theirs: theirs.brokers.length > 0 }
    }),
    attempts,
    milliseconds
  })
})
