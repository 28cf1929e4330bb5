/**
 * `p2p pipe HOST:PORT`: standard input to the pipe, the pipe to standard output.
 */
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { Pipes } from "../services/Pipes.ts"
import { join } from "./join.ts"

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
