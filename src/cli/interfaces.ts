/**
 * `p2p interfaces`: the network interfaces of this machine.
 */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import { type NetworkInterface, NetworkInterfaces } from "../schemas/NetworkInterface.ts"
import { Interfaces } from "../services/Interfaces.ts"
import * as Output from "./output.ts"

const state = ({ flags }: NetworkInterface): string => (flags.up ? (flags.running ? "up" : "no link") : "down")

const gateways = ({ gateways, isDefault }: NetworkInterface): string =>
  [
    ...gateways.map(({ address }) => `via ${NetAddress.formatIp(address)}`),
    ...(["IPv4", "IPv6"] as const).filter((family) => isDefault[family]).map((family) => `default ${family}`)
  ].join(", ")

// One row for the interface with its first address, and one more for each further address.
const rows = (entry: NetworkInterface): ReadonlyArray<ReadonlyArray<string>> => {
  const addresses = entry.addresses.map(
    ({ address, prefixLength, scope }) => `${NetAddress.formatIp(address)}/${prefixLength} (${scope})`
  )
  const mtu = entry.mtu === undefined ? "" : String(entry.mtu)
  return [
    [entry.name, entry.kind, state(entry), mtu, addresses[0] ?? "", gateways(entry)],
    ...addresses.slice(1).map((address) => ["", "", "", "", address, ""])
  ]
}

export const interfaces = Command.make(
  "interfaces",
  { json: Flag.Boolean("json").pipe(Flag.withDescription("Print a JSON array"), Flag.withDefault(false)) },
  Effect.fnUntraced(function* ({ json }) {
    const service = yield* Interfaces
    const list = yield* service.list
    yield* Output.line(
      json
        ? JSON.stringify(yield* Effect.orDie(Schema.encodeEffect(NetworkInterfaces)(list)), undefined, 2)
        : Output.table([["NAME", "KIND", "STATE", "MTU", "ADDRESSES", "ROUTES"], ...list.flatMap(rows)])
    )
  })
).pipe(Command.withDescription("Show the network interfaces of this machine"))
