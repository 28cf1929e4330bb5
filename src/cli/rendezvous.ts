/**
 * `p2p rendezvous`: what peers need to find each other, on one host.
 */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Rendezvous from "../servers/Rendezvous.ts"
import * as StunServer from "../servers/StunServer.ts"
import * as Events from "./events.ts"
import { address, json, port } from "./flags.ts"
import * as Output from "./output.ts"
import * as Peers from "./peer/events.ts"
import { version } from "./version.ts"

// Loaded when it is needed: it takes longer than all the rest of a command.
const broker = Layer.unwrap(
  Effect.map(
    Effect.promise(() => import("../layers/mqtt/Broker.ts")),
    ({ layer }) => layer
  )
)

const addresses = (name: string) => Flag.atLeast(address(name), 0)

const portOf = (name: string, of: string, usual: number) =>
  port(name).pipe(Flag.withDescription(`${of}. Default ${usual}; 0 lets the system choose`), Flag.withDefault(usual))

/** What peers are told. They reach the machine at the address of the first STUN server, if no router stands before it. */
const flagsFor = ({ broker, stun }: Rendezvous.Rendezvous): ReadonlyArray<string> => {
  const { address, port } = stun[0]!.endpoint
  const host = NetAddress.isIpv6Address(address) ? `[${NetAddress.formatIp(address)}]` : NetAddress.formatIp(address)
  const isOfHost = (local: NetAddress.InetAddress) =>
    NetAddress.familyOf(local.address) === NetAddress.familyOf(address)
  const mqtt = broker.endpoints.find(({ local, transport }) => transport === "tcp" && isOfHost(local))!.local.port
  return mqtt === Rendezvous.MQTT_PORT && port === StunServer.PORT
    ? ["--rendezvous", host]
    : ["--broker", `mqtt://${host}:${mqtt}`, "--stun", `stun:${host}:${port}`]
}

/** What a server with one address cannot tell. */
const LACKING =
  "with one address peers learn how the internet sees them, but not how their NATs map and filter: name a second address of " +
  "this machine by --alternate for that"

export const rendezvous = Command.make(
  "rendezvous",
  {
    listen: addresses("listen").pipe(
      Flag.withDescription("An address of this machine; may be repeated. Default: all it has, but for link-local ones")
    ),
    alternate: addresses("alternate").pipe(
      Flag.withDescription(
        "A second address of this machine for STUN, so that NATs can be measured; one for each family"
      )
    ),
    port: portOf("port", "Of STUN, UDP and TCP; with --alternate the next one as well", StunServer.PORT),
    mqttPort: portOf("mqtt-port", "Of the broker", Rendezvous.MQTT_PORT),
    wsPort: portOf("ws-port", "Of the broker over WebSockets", Rendezvous.WEBSOCKET_PORT),
    probeBack: Flag.Boolean("probe-back").pipe(
      Flag.withDescription("STUN dials back to TCP clients that ask for it, and tells them what happened"),
      Flag.withDefault(false)
    ),
    json
  },
  ({ json, ...flags }) =>
    Effect.gen(function* () {
      const server = yield* Rendezvous.serve({
        listen: flags.listen,
        alternate: flags.alternate,
        port: flags.port,
        mqttPort: flags.mqttPort,
        websocketPort: flags.wsPort,
        probeBack: flags.probeBack,
        software: `effect-p2p ${version}`
      })
      const brokers = server.broker.endpoints.map(({ uri }) => uri)
      const stun = server.stun.map(({ endpoint }) => `stun:${NetAddress.formatInet(endpoint)}`)
      const paste = flagsFor(server)
      if (json) {
        yield* Events.emit({ event: "ready", flags: paste, brokers, stun })
      } else {
        for (const uri of [...brokers, ...stun]) yield* Output.line(`listening ${uri}`)
        yield* Output.line(`peers that reach this machine there: ${paste.join(" ")}`)
        if (server.stun.every(({ other }) => other === undefined)) yield* Output.problem(LACKING)
      }
      return yield* server.failed
    }).pipe(Effect.scoped, Effect.provide(broker), Peers.telling(Peers.teller(json)))
).pipe(
  Command.withDescription(
    "Run what peers need to find each other: an MQTT broker and a STUN server in one. See docs/rendezvous.md"
  )
)
