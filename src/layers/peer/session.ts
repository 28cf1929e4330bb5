/**
 * One secured link from its first frame until it is a pipe or gone.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import * as Frames from "../../protocols/connect/frames.ts"
import type * as Nomination from "../../protocols/connect/nomination.ts"
import { toAttempt } from "../../protocols/connect/attemptId.ts"
import type { SecuredLink } from "../../services/LinkSecurity.ts"
import type { TcpConnection, TcpError } from "../../services/Tcp.ts"
import { prefaced, readSized } from "../link/preface.ts"
import { writeSoon } from "../link/writeSoon.ts"
import { PATIENCE, SessionError, type Won } from "./Meeting.ts"
import type { Parts } from "./parts.ts"

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

const silent = () => new SessionError({ reason: "Silent", problem: "nothing more came, and other links had to wait" })

const tooLate = () => new SessionError({ reason: "TimedOut", problem: "it said nothing in time" })

const refused = (why: Frames.Refusal) =>
  new SessionError({ reason: why, problem: `the other peer refused: ${Frames.refusalWords[why]}` })

const unconfirmed = (cause: unknown) =>
  new SessionError({
    reason: "NotConfirmed",
    problem: `the other peer did not confirm the pipe: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause
  })

const broken = () => new SessionError({ reason: "Protocol", problem: "the other peer does not keep to the protocol" })

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

const writeNow: typeof writeSoon = (connection, bytes) => connection.write(bytes)

type Outcome = "pipe" | "superseded" | "ask"
type Failure = SessionError | TcpError

/**
 * Takes part in the meeting with the other peer until the link is decided. `pipe`: it is one, and belongs to who waits for
 * it. `superseded`: another is, or nobody wants one any more. `ask`: policy is to be asked, and the link taken to another
 * session, or refused. What is not given away by then is the caller's to drop.
 *
 * Whose turn it is says every second that it is there. The other gives the link up that is silent for longer, if more links wait
 * for what becomes of it: a connection that is dead may tell nobody.
 */
export const session = (
  { deadlines, fibers, limits, meetings }: Pick<Parts, "deadlines" | "fibers" | "limits" | "meetings">,
  held: Held,
  secured: SecuredLink,
  event: (link: Nomination.LinkId) => Extract<Nomination.Event, { readonly _tag: "Dialled" | "Opened" | "Taken" }>
): Effect.Effect<Outcome, Failure> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.callback((resume) => {
      const run = Effect.runForkWith(context)
      const clock = Context.get(context, Clock.Clock)
      const id = meetings.enter()
      const first = event(id)
      // At once: a meeting nobody takes part in is forgotten.
      const meeting = meetings.with(secured.peer)
      let connection: TcpConnection = prefaced(secured.connection)
      let kind = first._tag === "Taken" ? "direct" : first.kind
      let refusal: Frames.Refusal | undefined
      let silence = 0
      /** A word that is being written, and must be before the next one. */
      let saying: Fiber.Fiber<void> | undefined
      let reader: Fiber.Fiber<void> | undefined
      /** Whether it waits for bytes, and would take those of the next reader. */
      let isReading = false
      let isOver = false
      /** Of a pipe that was taken: what the other says to that, the last thing to be read here. */
      let confirmed: { readonly told: Deferred.Deferred<void, SessionError>; readonly inTime: () => void } | undefined

      const leave = () => {
        if (isOver) return
        isOver = true
        meetings.leave()
        if (meeting.knows(id)) meeting.hear({ _tag: "Lost", link: id })
      }
      const stopReading = Effect.suspend(() =>
        reader === undefined || !isReading || confirmed !== undefined ? Effect.void : Fiber.interrupt(reader)
      )
      const over = (outcome: Effect.Effect<Outcome, Failure>) => {
        if (isOver) return
        leave()
        resume(Effect.andThen(stopReading, outcome))
      }
      const lost = (cause: Cause.Cause<Failure>) => {
        if (confirmed !== undefined) return confirm("Lost", Effect.fail(unconfirmed(Cause.squash(cause))))
        if (!held.isGiven && !Cause.hasInterruptsOnly(cause)) over(Effect.failCause(cause))
      }
      const confirm = (said: "Accepted" | "Refused" | "Lost", outcome: Effect.Effect<void, SessionError>) => {
        if (confirmed === undefined) return
        const { inTime, told } = confirmed
        confirmed = undefined
        inTime()
        meeting.hear({ _tag: said, link: id })
        Deferred.doneUnsafe(told, outcome)
      }
      const giveUp = () => confirm("Lost", Effect.fail(unconfirmed(tooLate())))
      const late = () => {
        if (confirmed === undefined || !deadlines.isClosed) return giveUp()
        // The peer is gone, and the pipe is the program's.
        const waiting = run(Effect.andThen(Effect.sleep(limits.agreeTime), Effect.sync(giveUp)))
        confirmed = { ...confirmed, inTime: () => waiting.interruptUnsafe() }
      }

      const afterWords = <E>(effect: Effect.Effect<void, E>) =>
        saying === undefined ? effect : Effect.andThen(Fiber.await(saying), effect)
      const say = (frame: Parameters<typeof Frames.encode>[0], how: typeof writeSoon = writeNow) => {
        const said = afterWords(Effect.suspend(() => how(connection, Frames.encode(frame))))
        const fiber = run(Effect.catchCause(said, (cause) => Effect.sync(() => lost(cause))))
        saying = fiber.pollUnsafe() === undefined ? fiber : undefined
      }

      const read = Effect.suspend(() => {
        isReading = true
        return readFrame(connection)
      })
      const takeConfirmation = (frame: Frames.Frame) => {
        switch (frame._tag) {
          case "Accept":
            return confirm("Accepted", Effect.void)
          case "Refuse":
            return confirm("Refused", Effect.fail(refused(frame.why ?? "over")))
          case "Wait":
            return
          default:
            return confirm("Lost", Effect.fail(unconfirmed(broken())))
        }
      }
      const take = (frame: Frames.Frame) => {
        if (confirmed !== undefined) return takeConfirmation(frame)
        silence = 0
        switch (frame._tag) {
          case "Accept":
            return meeting.hear({ _tag: "Accepted", link: id })
          case "Go":
            return meeting.hear({ _tag: "Going", link: id })
          case "Refuse":
            refusal = frame.why ?? "over"
            return meeting.hear({ _tag: "Refused", link: id })
          case "Wait":
            return
          default:
            over(Effect.fail(broken()))
        }
      }
      const reading = Effect.whileLoop({
        while: () => meeting.knows(id) || confirmed !== undefined,
        body: () => read,
        step: (read) => {
          isReading = false
          connection = read.connection
          take(read.frame)
        }
      })

      const act = (action: Exclude<Nomination.Action, { readonly _tag: "Pipe" }>) => {
        switch (action._tag) {
          case "Open":
            kind = action.kind
            return say({ _tag: "Open", kind, attempt: toAttempt(action.attempt) })
          case "Accept":
            return say({ _tag: "Accept" })
          case "Ask":
            return over(Effect.succeed("ask"))
          case "Refuse":
            return over(Effect.as(afterWords(refuse(held, secured, "over", fibers)), "superseded"))
          case "Close":
            return over(refusal === undefined ? Effect.succeed("superseded") : Effect.fail(refused(refusal)))
        }
      }
      const win = ({ attempt, own, say: word }: Extract<Nomination.Action, { readonly _tag: "Pipe" }>): Won => {
        held.isGiven = true
        // What the program says next may leave with it. What fails now, the pipe will tell.
        const soon = (frame: Parameters<typeof Frames.encode>[0]) =>
          Effect.ignore(Effect.suspend(() => writeSoon(connection, Frames.encode(frame))))
        let last: Effect.Effect<void> = Effect.void
        let readAfter: Won["readAfter"] = undefined
        if (word === "Take") {
          const told = Deferred.makeUnsafe<void, SessionError>()
          confirmed = { told, inTime: deadlines.after(limits.agreeTime, late) }
          readAfter = Deferred.await(told)
          last = soon({ _tag: word, attempt: toAttempt(attempt!) })
        } else if (word === "Accept" && !own) {
          // Whoever took it has it already, and waits: not for the program, which may come for it later.
          say({ _tag: word }, writeSoon)
        } else if (word !== undefined) {
          last = soon({ _tag: word })
        }
        return {
          link: secured,
          scope: held.scope,
          kind,
          own,
          milliseconds: clock.currentTimeMillisUnsafe() - held.began,
          finish: stopReading.pipe(
            Effect.andThen(afterWords(last)),
            Effect.map(() => connection)
          ),
          readAfter
        }
      }
      const given = () => over(Effect.succeed("pipe"))
      const tick = (isContested: boolean) => {
        const turn = meeting.turnOf(id)
        if (turn === "here") say({ _tag: "Wait" })
        silence = turn === "there" ? silence + 1 : 0
        if (silence > PATIENCE && isContested) over(Effect.fail(silent()))
      }

      try {
        meeting.join(id, { act, win, given, tick }, first)
      } catch (defect) {
        over(Effect.die(defect))
      }
      if (!isOver || confirmed !== undefined)
        reader = run(Effect.catchCause(reading, (cause) => Effect.sync(() => lost(cause))))
      return Effect.suspend(() => {
        leave()
        return Effect.andThen(stopReading, saying === undefined ? Effect.void : Fiber.interrupt(saying))
      })
    })
  )
