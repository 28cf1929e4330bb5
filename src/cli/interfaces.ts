/**
 * `p2p interfaces`: the network interfaces of this machine and, where STUN servers are named, what they look like from outside.
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Layer from "effect/Layer"
import type { Dns } from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as RoutesLayer from "../layers/Routes.ts"
import { resolveServers } from "../layers/stun/resolveServers.ts"
import * as StunClientLayer from "../layers/StunClient.ts"
import * as IpRange from "../protocols/addresses/IpRange.ts"
import * as Uri from "../protocols/stun/uri.ts"
import { type InterfaceAddress, NetworkInterface, NetworkInterfaces } from "../schemas/NetworkInterface.ts"
import { Route } from "../schemas/Route.ts"
import { Interfaces, type InterfacesError } from "../services/Interfaces.ts"
import { type Discovered, Routes } from "../services/Routes.ts"
import * as Config from "./config.ts"
import { Failed } from "./failed.ts"
import * as Output from "./output.ts"
import { withRendezvous } from "./peer/rendezvous.ts"

const UNCONFIGURED =
  "no STUN server is named, so nothing was asked and external addresses are not shown: name one by --stun stun:HOST, in " +
  'P2P_STUN, or under "stun" in config.json'

const state = ({ flags }: NetworkInterface): string => (flags.up ? (flags.running ? "up" : "no link") : "down")

const gateways = ({ gateways, isDefault }: NetworkInterface): string =>
  [
    ...gateways.map(({ address }) => `via ${NetAddress.formatIp(address)}`),
    ...(["IPv4", "IPv6"] as const).filter((family) => isDefault[family]).map((family) => `default ${family}`)
  ].join(", ")

// What an address is outside; nothing for one that was not asked from.
const outside = ({ failures, pool }: Discovered, device: string, { address }: InterfaceAddress): string => {
  const text = NetAddress.formatIp(address)
  const route = pool.routes.find(
    (route) => route.interface === device && route.local.some((own) => NetAddress.formatIp(own.address) === text)
  )
  if (route !== undefined) {
    const seen = IpRange.format(route.external)
    return !route.public ? seen : seen === text ? "public" : `public, all of ${seen}`
  }
  const failed = failures.some((one) => one.interface === device && NetAddress.formatIp(one.address) === text)
  return failed ? "unknown" : ""
}

const HEADER = ["NAME", "KIND", "STATE", "MTU", "ADDRESSES", "OUTSIDE", "ROUTES"]

// One row for the interface with its first address, and one more for each further address.
const rows = (entry: NetworkInterface, discovered: Discovered | undefined): ReadonlyArray<ReadonlyArray<string>> => {
  const { addresses, kind, mtu, name } = entry
  const inside = addresses.map((own) => `${NetAddress.formatIp(own.address)}/${own.prefixLength} (${own.scope})`)
  const seen = addresses.map((own) => (discovered === undefined ? "" : outside(discovered, name, own)))
  return [
    [name, kind, state(entry), mtu === undefined ? "" : String(mtu), inside[0] ?? "", seen[0] ?? "", gateways(entry)],
    ...inside.slice(1).map((address, at) => ["", "", "", "", address, seen[at + 1]!, ""])
  ]
}

const table = (list: ReadonlyArray<NetworkInterface>, discovered: Discovered | undefined): string => {
  const all = [HEADER, ...list.flatMap((entry) => rows(entry, discovered))]
  return Output.table(discovered === undefined ? all.map((row) => row.toSpliced(HEADER.indexOf("OUTSIDE"), 1)) : all)
}

const WithRoutes = Schema.Array(Schema.Struct({ ...NetworkInterface.fields, routes: Schema.Array(Route) }))

const json = (list: ReadonlyArray<NetworkInterface>, discovered: Discovered | undefined) => {
  const encoded =
    discovered === undefined
      ? Schema.encodeEffect(NetworkInterfaces)(list)
      : Schema.encodeEffect(WithRoutes)(
          list.map((entry) => ({
            ...entry,
            routes: discovered.pool.routes.filter((route) => route.interface === entry.name)
          }))
        )
  return Effect.map(Effect.orDie<unknown, Schema.SchemaError, never>(encoded), (value) =>
    JSON.stringify(value, undefined, 2)
  )
}

// Why something is not known, or not as sure as it looks.
const reasons = ({ failures, pool, problems }: Discovered): ReadonlyArray<string> => [
  ...problems,
  ...failures.map(
    ({ address, interface: device, problem }) => `${device} ${NetAddress.formatIp(address)} from outside: ${problem}`
  ),
  ...pool.routes
    .filter(({ dissent }) => dissent.length > 0)
    .map(({ agreed, dissent, external, interface: device, local }) => {
      const own = NetAddress.formatIp(local[0]!.address)
      const others = dissent.map(({ said, server }) => `${server}: ${said}`)
      return `${device} ${own} is ${IpRange.format(external)} from outside for ${agreed.join(", ")}; ${others.join("; ")}`
    })
]

// Those named on the command's own line are all there are.
const serversOf = Effect.fnUntraced(function* (named: ReadonlyArray<string>) {
  if (named.length > 0) return named
  const settings = withRendezvous(yield* Config.settings())
  if (Result.isSuccess(settings)) return settings.success.stun
  yield* Output.problem(settings.failure)
  return yield* Effect.fail(new Failed(2))
})

interface Outside {
  readonly discovered: Discovered | undefined
  /** For standard error. */
  readonly notes: ReadonlyArray<string>
}

// The servers that can be looked up are asked; what is wrong with the others is told.
const discover = Effect.fnUntraced(function* (
  uris: ReadonlyArray<string>
): Effect.fn.Return<Outside, InterfacesError, Dns | Routes> {
  const { problems, servers } = yield* resolveServers(uris)
  const notes = problems.map(({ problem, uri }) => `${uri}: ${problem}`)
  if (servers.length === 0) return { discovered: undefined, notes }
  const discovered = yield* Routes.use((routes) => routes.discover({ servers }))
  return { discovered, notes: [...notes, ...reasons(discovered)] }
})

const uri = (written: string) =>
  Effect.mapError(
    Effect.as(Effect.fromResult(Uri.fromString(written)), written),
    ({ message }) => new CliError.ValidationError({ message: `--stun: ${message}` })
  )

export const interfaces = Command.make(
  "interfaces",
  {
    stun: Flag.String("stun").pipe(
      Flag.withMetavar("URI"),
      Flag.withDescription(
        "A STUN server to ask for external addresses, as stun:HOST or stun:HOST:PORT; may be repeated. Also P2P_STUN, with commas"
      ),
      Flag.atLeast(0),
      Flag.mapEffect((all) => Effect.forEach(all, uri))
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print a JSON array"), Flag.withDefault(false))
  },
  Effect.fnUntraced(
    function* (flags) {
      const stun = yield* serversOf(flags.stun)
      const list = yield* Interfaces.use((service) => service.list)
      const unasked: Outside = { discovered: undefined, notes: flags.json ? [] : [UNCONFIGURED] }
      const { discovered, notes } = stun.length === 0 ? unasked : yield* discover(stun)
      yield* Output.line(flags.json ? yield* json(list, discovered) : table(list, discovered))
      for (const note of notes) yield* Output.problem(note)
    },
    Effect.provide(
      RoutesLayer.layer.pipe(Layer.provide(StunClientLayer.layer), Layer.provide(SecureRandom.layerWebCrypto))
    )
  )
).pipe(Command.withDescription("Show the network interfaces of this machine, and their addresses from outside"))
