/**
 * `p2p pipe HOST:PORT`: standard input to the pipe, the pipe to standard output.
 */
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type { Pipe } from "../services/Pipe.ts"
import { Pipes } from "../services/Pipes.ts"

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
const join = (pipe: Pipe) =>
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

export const pipe = Command.make(
  "pipe",
  {
    destination: Argument.String("destination").pipe(Argument.withDescription("HOST:PORT")),
    udp: Flag.Boolean("udp").pipe(Flag.withDescription("UDP instead of TCP"), Flag.withDefault(false)),
    tls: Flag.Boolean("tls").pipe(
      Flag.withDescription("TLS over TCP; certificates are verified"),
      Flag.withDefault(false)
    ),
    interface: Flag.String("interface").pipe(Flag.withDescription("Leave by this interface"), Flag.optional)
  },
  Effect.fnUntraced(function* (flags) {
    const pipes = yield* Pipes
    const opened = yield* pipes.open({
      transport: flags.udp ? "udp" : "tcp",
      destination: flags.destination,
      tls: flags.tls,
      interface: Option.getOrUndefined(flags.interface)
    })
    yield* join(opened)
  }, Effect.scoped)
).pipe(
  Command.validate(({ tls, udp }) =>
    tls && udp ? Effect.fail(new CliError.ValidationError({ message: "--tls is for TCP, not for --udp" })) : Effect.void
  ),
  Command.withDescription("Join standard input and output to a TCP or UDP connection")
)
