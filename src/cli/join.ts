/**
 * Standard input to a pipe, the pipe to standard output.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { PlatformError } from "effect/PlatformError"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type { Pipe, PipeError } from "../services/Pipe.ts"

/** What passes every path without being cut up: the least IPv6 path, less the headers. */
const DATAGRAM = 1_200

/** A side from which nothing came for this long after the other has ended is taken to have ended too. */
const QUIET = "1 second"

const datagrams = (bytes: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(bytes.length / DATAGRAM) }, (_, at) =>
    bytes.subarray(at * DATAGRAM, (at + 1) * DATAGRAM)
  )

/** Ends when `progress` has stood still for a while; `undefined` is no standing still. */
const quiet = (progress: () => number | undefined): Effect.Effect<void> =>
  Effect.suspend(() => {
    const before = progress()
    return Effect.flatMap(Effect.sleep(QUIET), () =>
      before !== undefined && progress() === before ? Effect.void : quiet(progress)
    )
  })

/**
 * Joins the two. On TCP the end of the input is passed on, and the peer's end is the end, once the input that was coming in
 * has been sent: a peer may stop talking long before it stops listening. On UDP nothing says that a peer is done, so the end
 * of the input is the end, once no more answers come.
 */
export const join = (pipe: Pipe): Effect.Effect<void, PipeError | PlatformError, Stdio.Stdio> =>
  Effect.gen(function* () {
    const stdio = yield* Stdio.Stdio
    const cut = pipe.transport === "udp" ? datagrams : (bytes: Uint8Array) => [bytes]
    let sending = false
    const send = stdio.stdin.pipe(
      Stream.flatMap((bytes) => Stream.fromIterable(cut(bytes))),
      Stream.runForEach(
        Effect.fnUntraced(function* (bytes) {
          sending = true
          yield* pipe.send(bytes)
          sending = false
        })
      ),
      Effect.andThen(pipe.end)
    )
    const receive = Stream.run(pipe.toStream, stdio.stdout())
    if (pipe.transport === "udp") {
      return yield* Effect.raceFirst(
        receive,
        Effect.andThen(
          send,
          quiet(() => pipe.statistics().messagesIn)
        )
      )
    }
    const sent = yield* Effect.forkChild(send)
    const rest = quiet(() => (sending ? undefined : pipe.statistics().messagesOut))
    // A failure of either direction ends both.
    return yield* Effect.raceFirst(
      Effect.andThen(receive, Effect.raceFirst(Fiber.join(sent), rest)),
      Effect.andThen(Fiber.join(sent), Effect.never)
    )
  })
