/**
 * One secured link from its first frame until it is a pipe or gone.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Frames from "../../protocols/connect/frames.ts"
import type * as Nomination from "../../protocols/connect/nomination.ts"
import { toAttempt } from "../../protocols/connect/attemptId.ts"
import type { SecuredLink } from "../../services/LinkSecurity.ts"
import type { TcpConnection, TcpError } from "../../services/Tcp.ts"
import { readSized } from "../link/preface.ts"
import { writeSoon } from "../link/writeSoon.ts"
import type { Meeting, Meetings, Won } from "./Meeting.ts"

/** The link became no pipe; `reason` as in `AttemptRecord`. */
export class SessionError extends Data.TaggedError("SessionError")<{
  readonly reason: string
  readonly problem: string
  readonly cause?: unknown
}> {
  override get message() {
    return this.problem
  }
}

/** A connection on its way to become a pipe, and the scope that holds all of it. */
export class Held {
  readonly scope: Scope.Closeable
  /** When it began. */
  readonly began: number
  connection: TcpConnection | undefined
  /** Whether somebody else has the scope now. */
  isGiven = false

  constructor(scope: Scope.Closeable, began: number, connection?: TcpConnection) {
    this.scope = scope
    this.began = began
    this.connection = connection
  }

  /** Drops what nobody wants, and does not wait for the other side. */
  get drop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.isGiven) return Effect.void
      this.isGiven = true
      return Effect.andThen(this.connection?.reset ?? Effect.void, Scope.close(this.scope, Exit.void))
    })
  }
}

/** A frame, and the connection to read on from. Anything that is no frame breaks the link. */
export const readFrame = (
  connection: TcpConnection
): Effect.Effect<{ readonly frame: Frames.Frame; readonly connection: TcpConnection }, TcpError | SessionError> =>
  Effect.flatMap(readSized(connection, Frames.restOf), ({ bytes, connection }) => {
    const frame = Frames.decode(bytes)
    return frame === undefined ? Effect.fail(broken()) : Effect.succeed({ frame, connection })
  })

/** Nobody says a word for so many times `WAIT_EVERY`, and a second at most, though it is their turn. */
const PATIENCE = 3

const silent = () => new SessionError({ reason: "Silent", problem: "nothing more came, and other links had to wait" })

const broken = () => new SessionError({ reason: "Protocol", problem: "the other peer does not keep to the protocol" })

/** What is written of an action. */
const frameOf = (action: Exclude<Nomination.Action, { readonly _tag: "Pipe" | "Ask" | "Close" }>): Uint8Array => {
  switch (action._tag) {
    case "Open":
      return Frames.encode({ _tag: "Open", kind: action.kind, attempt: toAttempt(action.attempt) })
    case "Accept":
      return Frames.encode({ _tag: "Accept" })
    case "Refuse":
      return Frames.encode({ _tag: "Refuse", why: "over" })
  }
}

type Order =
  | Exclude<Nomination.Action, { readonly _tag: "Pipe" }>
  | { readonly _tag: "Won" }
  | { readonly _tag: "Wait" }
  | { readonly _tag: "Failed"; readonly error: TcpError | SessionError }

/** The last word is to arrive: the closing goes on by itself. */
export const refuse = (
  held: Held,
  link: SecuredLink,
  why: Frames.Refusal,
  closing: FiberSet.FiberSet<unknown, unknown>
): Effect.Effect<void> =>
  Effect.suspend(() => {
    held.isGiven = true
    const said = Effect.ignore(link.connection.write(Frames.encode({ _tag: "Refuse", why })))
    return Effect.asVoid(FiberSet.run(closing, Effect.ensuring(said, Scope.close(held.scope, Exit.void))))
  })

/**
 * Takes part in the meeting with the other peer until the link is decided. `pipe`: it is one, and belongs to who waits for
 * it. `superseded`: another is, or nobody wants one any more. `ask`: policy is to be asked, and the link taken to another
 * session, or refused. What is not given away by then is the caller's to drop.
 *
 * Whose turn it is says every second that it is there. The other gives the link up that is silent for longer, if more links wait
 * for what becomes of it: a connection that is dead may tell nobody.
 */
export const session = (
  meetings: Meetings,
  held: Held,
  secured: SecuredLink,
  event: (link: Nomination.LinkId) => Extract<Nomination.Event, { readonly _tag: "Dialled" | "Opened" }>,
  closing: FiberSet.FiberSet<unknown, unknown>
): Effect.Effect<"pipe" | "superseded" | "ask", SessionError | TcpError> =>
  Effect.gen(function* () {
    const orders = yield* Queue.unbounded<Order>()
    const clock = yield* Clock.Clock
    const id = meetings.enter()
    const first = event(id)
    let meeting: Meeting | undefined
    let { connection } = secured
    let { kind } = first
    let reader: Fiber.Fiber<void> | undefined
    let refusal: Frames.Refusal | undefined
    let silence = 0
    /** A word that is being written, and must be before the last one. */
    let writing: Deferred.Deferred<void> | undefined

    const hear = (event: Nomination.Event) => meeting?.hear(event)
    const isUndecided = () => meeting?.knows(id) === true
    const lost = (error: TcpError | SessionError) => {
      hear({ _tag: "Lost", link: id })
      Queue.offerUnsafe(orders, { _tag: "Failed", error })
    }

    const reading = Effect.gen(function* () {
      while (isUndecided()) {
        const read = yield* readFrame(connection)
        connection = read.connection
        silence = 0
        const { frame } = read
        if (frame._tag === "Accept") hear({ _tag: "Accepted", link: id })
        else if (frame._tag === "Go") hear({ _tag: "Going", link: id })
        else if (frame._tag === "Refuse") {
          refusal = frame.why ?? "over"
          hear({ _tag: "Refused", link: id })
        } else if (frame._tag !== "Wait") return yield* broken()
      }
    }).pipe(Effect.catch((error) => Effect.sync(() => lost(error))))

    const wait = Effect.suspend(() => {
      // By now it may be said, or the other's turn.
      if (meeting?.turnOf(id) !== "here") return Effect.void
      const written = (writing = Deferred.makeUnsafe<void>())
      return Effect.ensuring(
        connection.write(Frames.encode({ _tag: "Wait" })),
        Effect.sync(() => Deferred.doneUnsafe(written, Effect.void))
      )
    })

    const ending = Effect.gen(function* () {
      const act = (action: Exclude<Nomination.Action, { readonly _tag: "Pipe" }>) => {
        if (action._tag === "Open") kind = action.kind
        Queue.offerUnsafe(orders, action)
      }
      const win = (action: Extract<Nomination.Action, { readonly _tag: "Pipe" }>): Won => {
        held.isGiven = true
        Queue.offerUnsafe(orders, { _tag: "Won" })
        // What the program says next may leave with it.
        const said = action.say === undefined ? Effect.void : writeSoon(connection, Frames.encode({ _tag: action.say }))
        return {
          link: secured,
          scope: held.scope,
          kind,
          own: action.say !== undefined,
          milliseconds: clock.currentTimeMillisUnsafe() - held.began,
          // What fails now, the pipe will tell.
          finish: Effect.suspend(() => (reader === undefined ? Effect.void : Fiber.interrupt(reader))).pipe(
            Effect.andThen(Effect.suspend(() => (writing === undefined ? Effect.void : Deferred.await(writing)))),
            Effect.andThen(Effect.ignore(said)),
            Effect.map(() => connection)
          )
        }
      }
      const tick = (isContested: boolean) => {
        const turn = meeting?.turnOf(id)
        if (turn === "here") Queue.offerUnsafe(orders, { _tag: "Wait" })
        silence = turn === "there" ? silence + 1 : 0
        if (silence > PATIENCE && isContested) lost(silent())
      }
      // At once: a meeting nobody takes part in is forgotten.
      meeting = meetings.with(secured.peer)
      meeting.join(id, { act, win, tick }, first)
      if (isUndecided()) reader = yield* Effect.forkChild(reading, { startImmediately: true })
      while (true) {
        const order = yield* Queue.take(orders)
        switch (order._tag) {
          case "Won":
            return "pipe" as const
          case "Failed":
            return yield* Effect.fail(order.error)
          case "Close":
            if (refusal === undefined) return "superseded" as const
            return yield* new SessionError({
              reason: refusal,
              problem: `the other peer refused: ${Frames.refusalWords[refusal]}`
            })
          case "Refuse":
            yield* refuse(held, secured, "over", closing)
            return "superseded" as const
          case "Ask":
            if (reader !== undefined) yield* Fiber.interrupt(reader)
            return "ask" as const
          case "Wait":
            yield* wait
            break
          default:
            yield* connection.write(frameOf(order))
        }
      }
    })

    const leaving = Effect.sync(() => {
      meetings.leave()
      if (isUndecided()) hear({ _tag: "Lost", link: id })
    })
    return yield* Effect.ensuring(ending, leaving)
  })
