/** Answers what comes over the connections of one listener. */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { sourceOf } from "../../protocols/limits/source.ts"
import { Deframer } from "../../protocols/stun/Deframer.ts"
import { decide } from "../../protocols/stun/server/decide.ts"
import type { Corner } from "../../protocols/stun/server/layout.ts"
import type { Tcp, TcpConnection, TcpError, TcpListener } from "../../services/Tcp.ts"
import type { Desk } from "./Desk.ts"
import { probe } from "./probe.ts"

/** Bytes of the longest request taken. */
const LONGEST = 2048

/** A client that does not read its answers for this long is dropped. */
const UNREAD = "10 seconds"

/** A connection that is to be reset. */
class Unusable extends Data.TaggedError("Unusable")<{ readonly detail: string }> {
  override get message() {
    return this.detail
  }
}

/** Until the listener closes. What happens on one connection ends that one. */
export const serveTcp = (
  desk: Desk,
  tcp: Tcp["Service"],
  at: Corner,
  listener: TcpListener
): Effect.Effect<void, TcpError> =>
  listener.connections.pipe(
    Stream.mapEffect((connection) => attend(desk, tcp, at, connection), {
      concurrency: "unbounded",
      unordered: true
    }),
    Stream.runDrain
  )

const attend = (desk: Desk, tcp: Tcp["Service"], at: Corner, connection: TcpConnection): Effect.Effect<void> =>
  Effect.suspend(() => {
    const source = sourceOf(connection.remote.address)
    if (!desk.connections.enter(source)) {
      desk.refused++
      return connection.reset
    }
    return converse(desk, tcp, at, connection).pipe(
      Effect.scoped,
      // What the client had asked for before it left, or fell silent, still reaches it.
      Effect.onExit((exit) => (Exit.isSuccess(exit) ? connection.close : connection.reset)),
      Effect.catch((error) => Effect.logDebug("a connection ended", error)),
      Effect.ensuring(Effect.sync(() => desk.connections.leave(source)))
    )
  })

/** Fails where the connection is to be reset. Probes run beside it, and end with it. */
const converse = Effect.fnUntraced(function* (
  desk: Desk,
  tcp: Tcp["Service"],
  at: Corner,
  connection: TcpConnection
): Effect.fn.Return<void, TcpError | Unusable, Scope.Scope> {
  const from = connection.remote
  const idle = Duration.toMillis(Duration.fromInputUnsafe(desk.limits.idle))
  const deframer = new Deframer({ limit: LONGEST })
  const write = (bytes: ReadonlyArray<Uint8Array>) =>
    Effect.timeoutOrElse(connection.writeAll(bytes), {
      duration: UNREAD,
      orElse: () => {
        desk.notSent += bytes.length
        return Effect.fail(new Unusable({ detail: "its answers are not read" }))
      }
    })
  const tell = (bytes: Uint8Array | undefined) =>
    bytes === undefined ? Effect.void : Effect.catch(write([bytes]), () => connection.reset)
  let heard = desk.now
  for (;;) {
    const pulled = yield* connection.pull.pipe(
      Effect.timeoutOption(Math.max(0, heard + idle - desk.now)),
      Effect.catchTag("Done", () => Effect.succeed(Option.none()))
    )
    if (Option.isNone(pulled)) return
    const answers: Array<Uint8Array> = []
    for (const chunk of pulled.value) {
      deframer.push(chunk)
      for (let frame = deframer.next(); frame !== undefined; frame = deframer.next()) {
        if (frame._tag === "StunError") return yield* Effect.fail(new Unusable({ detail: frame.message }))
        heard = desk.now
        if (frame._tag !== "Message") continue
        const decision = decide(desk.settings, { bytes: frame.bytes, from, at, transport: "tcp" })
        if (decision === undefined) desk.ignored++
        else if (!desk.mayAnswer(from, decision._tag === "Answer" ? decision.bytes.length : 0)) continue
        else if (decision._tag === "Answer") answers.push(decision.bytes)
        else yield* Effect.forkScoped(probe(desk, tcp, decision, tell))
      }
    }
    if (answers.length > 0) yield* write(answers)
    desk.answered += answers.length
  }
})
