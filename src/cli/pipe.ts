/**
 * `p2p pipe HOST:PORT`: standard input to the pipe, the pipe to standard output.
 */
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type { Pipe } from "../services/Pipe.ts"
import { Pipes } from "../services/Pipes.ts"

/** What passes every path without being cut up: the least IPv6 path, less the headers. */
const DATAGRAM = 1_200

/** How long answers may take after the last datagram was sent: nothing says that a UDP peer is done. */
const LAST_ANSWERS = "1 second"

const datagrams = (bytes: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(bytes.length / DATAGRAM) }, (_, at) =>
    bytes.subarray(at * DATAGRAM, (at + 1) * DATAGRAM)
  )

/** Joins the two until the peer closes, or, on UDP, until nothing answers the end of the input any more. */
const join = (pipe: Pipe) =>
  Effect.gen(function* () {
    const stdio = yield* Stdio.Stdio
    const cut = pipe.transport === "udp" ? datagrams : (bytes: Uint8Array) => [bytes]
    const send = stdio.stdin.pipe(
      Stream.flatMap((bytes) => Stream.fromIterable(cut(bytes))),
      Stream.runForEach((bytes) => pipe.send(bytes)),
      Effect.andThen(pipe.end)
    )
    const receive = Stream.run(pipe.toStream, stdio.stdout())
    if (pipe.transport === "tcp") {
      // The end of the input is said to the peer, and is not the end: the peer's own end is. A failure of either is.
      return yield* Effect.raceFirst(receive, Effect.andThen(send, Effect.never))
    }
    return yield* Effect.raceFirst(receive, Effect.andThen(send, Effect.sleep(LAST_ANSWERS)))
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
).pipe(Command.withDescription("Join standard input and output to a TCP or UDP connection"))
