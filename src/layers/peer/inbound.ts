/**
 * Connections from outside: each is secured, says what it is for, and takes part in the meeting with its peer. A stranger
 * costs a slot for a bounded time, and nothing else is done for it before it has proved who it is.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import { fromAttempt } from "../../protocols/connect/attemptId.ts"
import type * as Frames from "../../protocols/connect/frames.ts"
import { sourceOf } from "../../protocols/limits/source.ts"
import type { SecuredLink } from "../../services/LinkSecurity.ts"
import type { TcpConnection, TcpError, TcpListener } from "../../services/Tcp.ts"
import { limited } from "../link/limited.ts"
import type { Limits } from "./limits.ts"
import type { Parts } from "./parts.ts"
import { Held, readFrame, refuse, session, SessionError } from "./session.ts"

/** How many connections have not said yet what they want. */
export class Gate {
  private readonly limits: Pick<Limits, "handshakes" | "handshakesPerSource">
  private readonly bySource = new Map<string, number>()
  private total = 0

  constructor(limits: Pick<Limits, "handshakes" | "handshakesPerSource">) {
    this.limits = limits
  }

  get size(): number {
    return this.total
  }

  /** Takes a slot; gives what frees it, once. */
  enter(source: string): (() => void) | undefined {
    const count = this.bySource.get(source) ?? 0
    if (this.total >= this.limits.handshakes || count >= this.limits.handshakesPerSource) return undefined
    this.total++
    this.bySource.set(source, count + 1)
    let isIn = true
    return () => {
      if (!isIn) return
      isIn = false
      this.total--
      const left = this.bySource.get(source)! - 1
      if (left > 0) this.bySource.set(source, left)
      else this.bySource.delete(source)
    }
  }
}

/** What the other side wants, or why it is sent away. */
const judge = Effect.fnUntraced(function* (
  { allow, arrivals, limits, meetings }: Parts,
  { connection, peer }: SecuredLink,
  frame: Frames.Frame
): Effect.fn.Return<Frames.Refusal | undefined> {
  const meeting = meetings.find(peer)
  if (frame._tag !== "Open") return "version"
  if (meetings.links >= limits.links || (meeting?.size ?? 0) >= limits.linksPerPeer) return "busy"
  // It was asked for.
  if (frame.kind === "reverse") return meeting?.isPending(fromAttempt(frame.attempt)) === true ? undefined : "over"
  if (arrivals.isFull && meeting?.isConnecting !== true) return "busy"
  return (yield* allow(peer, { kind: "pipe", from: connection.remote })) ? undefined : "not-allowed"
})

const late = (problem: string) => new SessionError({ reason: "TimedOut", problem })

const welcome = Effect.fnUntraced(function* (parts: Parts, connection: TcpConnection, held: Held, said: () => void) {
  const { fibers, limits, meetings, security } = parts
  const secured = yield* Scope.provide(security.server(connection, { timeout: limits.handshakeTime }), held.scope)
  const read = yield* readFrame(secured.connection).pipe(
    limited({ duration: limits.openTime, stop: held.drop, late: () => late("it did not say what it wants") })
  )
  said()
  const link: SecuredLink = { ...secured, connection: read.connection }
  held.connection = link.connection
  const { frame } = read
  const refusal = yield* judge(parts, link, frame)
  if (refusal !== undefined || frame._tag !== "Open") return yield* refuse(held, link, refusal ?? "version", fibers)
  const { kind } = frame
  const attempt = fromAttempt(frame.attempt)
  const agreed = session(meetings, held, link, (id) => ({ _tag: "Opened", link: id, kind, attempt }), fibers)
  yield* agreed.pipe(
    limited({
      duration: limits.agreeTime,
      stop: held.drop,
      late: () => late("it did not say whether it wants this link")
    })
  )
})

/** From a connection to what becomes of it. Never fails; a failure closes the connection. */
const attend = (parts: Parts, connection: TcpConnection, held: Held, said: () => void): Effect.Effect<void> =>
  welcome(parts, connection, held, said).pipe(
    Effect.ensuring(Effect.suspend(() => (said(), held.drop))),
    Effect.catch((error) => Effect.logDebug("a connection from outside came to nothing", error))
  )

/** Takes the connections of a listener until it ends. */
export const serve = (parts: Parts, gate: Gate, listener: TcpListener): Effect.Effect<void, TcpError> => {
  const { fibers } = parts
  const take = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = Scope.makeUnsafe()
      const connection = yield* restore(Scope.provide(listener.accept, scope)).pipe(
        Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)))
      )
      const said = gate.enter(sourceOf(connection.remote.address))
      const held = new Held(scope, connection)
      if (said === undefined) return yield* held.drop
      yield* FiberSet.run(fibers, attend(parts, connection, held, said))
    })
  )
  return Effect.forever(take)
}
