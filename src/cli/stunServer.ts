/**
 * `p2p stun-server`: a STUN server for others to find out about their NATs.
 */
import * as Effect from "effect/Effect"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as StunServer from "../servers/StunServer.ts"
import * as Events from "./events.ts"
import { address, json, port } from "./flags.ts"
import * as Output from "./output.ts"
import { version } from "./version.ts"

/** What a server with one address cannot tell. */
const LACKING =
  "with one address clients learn their external endpoint, but not how their NAT maps and filters (RFC 5780): name a " +
  "second address of this machine by --alternate for that"

export const stunServer = Command.make(
  "stun-server",
  {
    address: address("address").pipe(Flag.withDescription("The address of this machine to serve on")),
    alternate: address("alternate").pipe(
      Flag.withDescription("A second address of this machine, so that clients can test how their NAT maps and filters"),
      Flag.optional
    ),
    port: port("port").pipe(
      Flag.withDescription(`UDP and TCP. Default ${StunServer.PORT}; 0 lets the system choose`),
      Flag.withDefault(StunServer.PORT)
    ),
    alternatePort: port("alternate-port").pipe(
      Flag.withDescription("The second port, on both addresses. Default: one above --port"),
      Flag.optional
    ),
    probeBack: Flag.Boolean("probe-back").pipe(
      Flag.withDescription("Dial back to TCP clients that ask for it, from elsewhere, and tell them what happened"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fnUntraced(function* ({ json, ...flags }) {
    const server = yield* StunServer.serve({
      address: flags.address,
      port: flags.port,
      alternate: Option.getOrUndefined(
        Option.map(flags.alternate, (other) => ({ address: other, port: Option.getOrUndefined(flags.alternatePort) }))
      ),
      probeBack: flags.probeBack,
      software: `effect-p2p ${version}`
    })
    const endpoints = server.endpoints.map(NetAddress.formatInet)
    if (json) {
      yield* Events.emit({
        event: "ready",
        endpoint: endpoints[0],
        other: server.other === undefined ? null : NetAddress.formatInet(server.other),
        endpoints,
        probeBack: flags.probeBack
      })
    } else {
      for (const endpoint of endpoints) {
        for (const transport of ["udp", "tcp"]) yield* Output.line(`listening ${transport} ${endpoint}`)
      }
      if (server.other === undefined) yield* Output.problem(LACKING)
    }
    return yield* server.failed
  }, Effect.scoped)
).pipe(
  Command.validate(({ alternate, alternatePort }) =>
    Option.isSome(alternatePort) && Option.isNone(alternate)
      ? Effect.fail(new CliError.ValidationError({ message: "--alternate-port needs --alternate" }))
      : Effect.void
  ),
  Command.withDescription("Run a STUN server: it tells clients how the internet sees them (RFC 8489, RFC 5780)")
)
