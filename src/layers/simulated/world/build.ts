/**
 * From a plan to a network that runs: networks, gateways and hosts, connected.
 */
import type { NatDevice } from "../../../schemas/NatDevice.ts"
import { Gateway } from "../net/Gateway.ts"
import { LinkSide } from "../net/Link.ts"
import type { Air } from "../net/flight.ts"
import { Network } from "../net/Network.ts"
import { Nic, type Node } from "../net/Nic.ts"
import { Host } from "../host/Host.ts"
import { Luck } from "../time/Luck.ts"
import { Call } from "../time/events.ts"
import type { Plan, PlanChange, PlanNic } from "./Plan.ts"

export interface Built {
  readonly networks: ReadonlyMap<string, Network>
  readonly gateways: ReadonlyMap<string, Gateway>
  readonly hosts: ReadonlyMap<string, Host>
}

export const build = (plan: Plan, seed: number, air: Air): Built => {
  const networks = new Map<string, Network>()
  for (const { name, prefixes } of plan.networks) networks.set(name, new Network(name, prefixes, air))
  const attach = (node: Node, described: PlanNic): Nic => {
    const { addresses, link, name } = described
    const network = networks.get(described.network)!
    const luck = `${node.name}/${name}`
    const up = new LinkSide(link.up, new Luck(seed, `up ${luck}`))
    const down = new LinkSide(link.down, new Luck(seed, `down ${luck}`))
    const nic = new Nic(name, node, network, addresses, up, down)
    network.attach(nic)
    return nic
  }

  const gateways = new Map<string, Gateway>()
  for (const { device, insides, name, outside } of plan.gateways) {
    const gateway = new Gateway(name, device, new Luck(seed, `gateway ${name}`), air.timeline)
    gateway.outside = attach(gateway, outside)
    for (const inside of insides) gateway.insides.push(attach(gateway, inside))
    gateway.restart()
    for (const nic of gateway.insides) serve(nic, device)
    gateways.set(name, gateway)
  }
  for (const { gateway, network, prefix } of plan.routes) {
    networks.get(network)!.route(prefix, gateways.get(gateway)!.outside)
  }

  const hosts = new Map<string, Host>()
  for (const { name, nics } of plan.hosts.values()) {
    const host = new Host(name, air, new Luck(seed, `host ${name}`))
    for (const described of nics) {
      const nic = attach(host, described)
      nic.gateway = gateways.get(described.gateway ?? "")?.insides.find((inside) => inside.network === nic.network)
      host.nics.push(nic)
    }
    hosts.set(name, host)
  }

  const built = { networks, gateways, hosts }
  for (const change of plan.changes) air.timeline.at(change.at, new Call(() => apply(built, change)))
  return built
}

// The first gateway of a network is where its hosts send to, in the families it carries.
const serve = (nic: Nic, device: NatDevice): void => {
  if (device.ipv4._tag !== "Absent") nic.network.gateway4 ??= nic
  if (device.ipv6._tag !== "Absent") nic.network.gateway6 ??= nic
}

const apply = (built: Built, change: PlanChange): void => {
  const gateway = built.gateways.get(change.node)
  const host = built.hosts.get(change.node)
  const nic = gateway?.outside ?? host?.nic(change.nic)
  if (nic === undefined) return
  if (change.up !== undefined) nic.running = change.up
  if (change.addresses !== undefined) {
    nic.network.readdress(nic, change.addresses)
    gateway?.restart()
  }
  if (change.link !== undefined) {
    nic.up.quality = change.link.up
    nic.down.quality = change.link.down
  }
  host?.changed()
}
