/**
 * `p2p echo`: an echo server on TCP and UDP, IPv4 and IPv6.
 */
import * as Effect from "effect/Effect"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as EchoServer from "../servers/EchoServer.ts"
import { port } from "./flags.ts"
import * as Output from "./output.ts"

export const echo = Command.make(
  "echo",
  {
    port: port("port").pipe(Flag.withDescription("The port; 0 gives every socket one of its own")),
    interface: Flag.String("interface").pipe(Flag.withDescription("Only on this interface"), Flag.optional),
    loopback: Flag.Boolean("loopback").pipe(Flag.withDescription("Only for this machine"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* (flags) {
    const on = Option.isSome(flags.interface)
      ? { interface: flags.interface.value }
      : flags.loopback
        ? ("loopback" as const)
        : ("all" as const)
    const daemon = yield* EchoServer.serve({ on, ports: flags.port })
    for (const server of daemon.servers) {
      yield* Output.line(`listening ${server.transport} ${NetAddress.formatInet(server.local)}`)
    }
    return yield* Effect.never
  }, Effect.scoped)
).pipe(
  Command.validate(({ interface: device, loopback }) =>
    loopback && Option.isSome(device)
      ? Effect.fail(new CliError.ValidationError({ message: "--loopback and --interface exclude each other" }))
      : Effect.void
  ),
  Command.withDescription("Run an echo server on TCP and UDP, IPv4 and IPv6")
)
