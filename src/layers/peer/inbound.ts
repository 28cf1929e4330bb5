/**
 * Connections from outside: each is secured, says what it is for, and takes part in the meeting with its peer. A stranger
 * costs a slot for a bounded time, and nothing else is done for it before it has proved who it is; then a peer has so many slots.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import { fromAttempt } from "../../protocols/connect/attemptId.ts"
import * as Frames from "../../protocols/connect/frames.ts"
import { Occupancy } from "../../protocols/limits/Occupancy.ts"
import type { Kind, LinkId } from "../../protocols/connect/nomination.ts"
import { sourceOf } from "../../protocols/limits/source.ts"
import type { SecuredLink } from "../../services/LinkSecurity.ts"
import type { TcpConnection, TcpError, TcpListener } from "../../services/Tcp.ts"
import type { Limits } from "./limits.ts"
import type { Parts } from "./parts.ts"
import { SessionError, WAIT_EVERY } from "./Meeting.ts"
import { Held, readFrame, refuse, session } from "./session.ts"

/** Those who have not said yet what they want, or wait for policy, by source; and whose links are not decided, by peer. */
export class Crowd {
  readonly arriving: Occupancy
  readonly undecided: Occupancy
  /** Those who were told that they are welcome, for whom there was room then. */
  welcomed = 0

  constructor({ handshakes, handshakesPerSource, links, linksPerPeer }: Limits) {
    this.arriving = new Occupancy({ total: handshakes, each: handshakesPerSource })
    this.undecided = new Occupancy({ total: links, each: linksPerPeer })
  }
}

/** `uninvited`: this peer connects to that one itself, and so does not ask whether it may come. */
type Verdict = Frames.Refusal | "allowed" | "uninvited"

/** Policy may take its time: the other is told meanwhile that somebody is there. */
const ask = ({ allow, arrivals, limits }: Parts, { connection, peer }: SecuredLink): Effect.Effect<Verdict> =>
  Effect.suspend(() => {
    if (!arrivals.hasRoom(peer)) return Effect.succeed("busy")
    const allowed = allow(peer, { kind: "pipe", from: connection.remote })
    // Who always answers alike needs no fibre to do it in.
    const known = Exit.isExit(allowed) ? (allowed as Exit.Exit<boolean>) : undefined
    if (known !== undefined && Exit.isSuccess(known)) return Effect.succeed(verdict(known.value))
    return patiently(allowed, limits.allowTime, connection)
  })

const verdict = (isAllowed: boolean): Verdict => (isAllowed ? "allowed" : "not-allowed")

const patiently = Effect.fnUntraced(function* (
  allowed: Effect.Effect<boolean>,
  limit: number,
  connection: TcpConnection
) {
  const answering = yield* Effect.forkChild(allowed, { startImmediately: true })
  const answer = answering.pollUnsafe()
  if (answer !== undefined) return verdict(yield* answer)
  const wait = Effect.delay(Effect.ignore(connection.write(Frames.encode({ _tag: "Wait" }))), WAIT_EVERY)
  return yield* Fiber.join(answering).pipe(
    Effect.raceFirst(Effect.forever(wait)),
    Effect.timeoutOrElse({ duration: limit, orElse: () => Effect.succeed(false) }),
    Effect.map(verdict),
    Effect.ensuring(Fiber.interrupt(answering))
  )
})

/** What becomes of what the other side wants. */
const judge = (parts: Parts, link: SecuredLink, kind: Kind): Effect.Effect<Verdict> =>
  Effect.suspend(() => {
    const isConnecting = parts.meetings.find(link.peer)?.isConnecting === true
    if (kind === "reverse") return Effect.succeed(isConnecting ? "allowed" : "over")
    // Where nobody has to be asked, it may come whatever becomes of the attempt.
    if (isConnecting && !(parts.isOpen && parts.arrivals.hasRoom(link.peer))) return Effect.succeed("uninvited")
    return ask(parts, link)
  })

const late = (problem: string) => new SessionError({ reason: "TimedOut", problem })

/** From its first frame until the link is decided. */
const decide = Effect.fnUntraced(function* (
  parts: Parts,
  link: SecuredLink,
  frame: Extract<Frames.Frame, { readonly _tag: "Open" | "Take" }>,
  held: Held,
  said: () => void
) {
  const { deadlines, fibers, limits } = parts
  const attempt = fromAttempt(frame.attempt)
  const kind = frame._tag === "Take" ? "direct" : frame.kind
  let verdict = yield* judge(parts, link, kind)
  said()
  while (verdict === "allowed" || verdict === "uninvited") {
    const allowed = verdict === "allowed"
    const event = (link: LinkId) =>
      frame._tag === "Take"
        ? ({ _tag: "Taken", link, attempt } as const)
        : ({ _tag: "Opened", link, kind, attempt, allowed } as const)
    const agreed = session(parts, held, link, event)
    const outcome = yield* deadlines.limit(agreed, limits.agreeTime, held.drop, () =>
      late("it did not say whether it wants this link")
    )
    if (outcome !== "ask") return
    verdict = yield* ask(parts, link)
  }
  yield* refuse(held, link, verdict, fibers)
})

/** Whether anybody may have a pipe, whoever it is. */
const isWelcoming = ({ arrivals, isOpen, limits, meetings }: Parts, { welcomed }: Crowd): boolean =>
  isOpen && meetings.isWelcoming && arrivals.size + welcomed < Math.min(limits.arrivals, limits.arrivalsPerPeer)

const receive = Effect.fnUntraced(function* (
  parts: Parts,
  { undecided }: Crowd,
  connection: TcpConnection,
  held: Held,
  welcome: boolean,
  said: () => void
) {
  const { deadlines, fibers, limits, security } = parts
  const arriving = Effect.flatMap(
    Scope.provide(security.server(connection, { timeout: Infinity, welcome }), held.scope),
    (secured) =>
      Effect.map(readFrame(secured.connection), ({ connection, frame }) => ({
        link: { ...secured, connection },
        frame
      }))
  )
  const { frame, link } = yield* deadlines.limit(arriving, limits.arriveTime, held.drop, () =>
    late("it did not say who it is and what it wants")
  )
  held.connection = link.connection
  const isTaken = frame._tag === "Take" && link.welcome === true
  if (frame._tag !== "Open" && !isTaken) return yield* refuse(held, link, "version", fibers)
  if (!undecided.enter(link.peer)) return yield* refuse(held, link, "busy", fibers)
  yield* Effect.ensuring(
    decide(parts, link, frame, held, said),
    Effect.sync(() => undecided.leave(link.peer))
  )
})

/** From a connection to what becomes of it. Never fails; a failure closes the connection. */
const attend = (
  parts: Parts,
  crowd: Crowd,
  connection: TcpConnection,
  held: Held,
  said: () => void
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const welcome = isWelcoming(parts, crowd)
    if (welcome) crowd.welcomed++
    const over = Effect.suspend(() => {
      said()
      if (welcome) crowd.welcomed--
      return held.drop
    })
    return receive(parts, crowd, connection, held, welcome, said).pipe(
      Effect.ensuring(over),
      Effect.catch((error) => Effect.logDebug("a connection from outside came to nothing", error))
    )
  })

/** Takes the connections of a listener until it ends. */
export const serve = (parts: Parts, crowd: Crowd, listener: TcpListener): Effect.Effect<void, TcpError> => {
  const { fibers } = parts
  const take = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = Scope.makeUnsafe()
      const connection = yield* restore(Scope.provide(listener.accept, scope)).pipe(
        Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)))
      )
      const source = sourceOf(connection.remote.address)
      const held = new Held(scope, yield* Clock.currentTimeMillis, connection)
      if (!crowd.arriving.enter(source)) return yield* held.drop
      let isArriving = true
      const said = () => {
        if (isArriving) crowd.arriving.leave(source)
        isArriving = false
      }
      yield* FiberSet.run(fibers, attend(parts, crowd, connection, held, said))
    })
  )
  return Effect.forever(take)
}
