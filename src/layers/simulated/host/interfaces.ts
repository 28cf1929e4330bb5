/**
 * `Interfaces` of a simulated host.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Context from "effect/Context"
import { assemble, type DefaultRouteFacts, type InterfaceFacts } from "../../../protocols/interfaces/facts.ts"
import { interfaceAddress } from "../../../protocols/interfaces/scope.ts"
import type { Kind, NetworkInterface } from "../../../schemas/NetworkInterface.ts"
import type { Interfaces } from "../../../services/Interfaces.ts"
import * as FromSource from "../../Interfaces.ts"
import type { Nic } from "../net/Nic.ts"
import { addressOf } from "./addresses.ts"
import type { Host } from "./Host.ts"
import { LOOPBACK_MTU } from "./Way.ts"

type Service = Interfaces["Service"]

/** What NetworkManager gives the first Ethernet card; each further one is less preferred. */
const FIRST_METRIC = 100

const loopback: InterfaceFacts = {
  name: "lo",
  index: 1,
  kind: "loopback",
  flags: { up: true, running: true, loopback: true, pointToPoint: false, multicast: false, broadcast: false },
  mtu: LOOPBACK_MTU,
  addresses: [
    interfaceAddress(NetAddress.ipv4Loopback, 8, undefined),
    interfaceAddress(NetAddress.ipv6Loopback, 128, undefined)
  ]
}

// A locally administered address: the same for the same host and card in every run.
const macOf = (host: Host, index: number): NetAddress.MacAddress => {
  let hash = 0x811c_9dc5
  for (let at = 0; at < host.name.length; at++) hash = Math.imul(hash ^ host.name.charCodeAt(at), 0x0100_0193)
  const hex = (value: number) => (value & 0xff).toString(16).padStart(2, "0")
  return NetAddress.macAddressFromStringUnsafe(
    ["02", hex(hash >>> 24), hex(hash >>> 16), hex(hash >>> 8), hex(hash), hex(index)].join(":")
  )
}

const factsOf = (host: Host, nic: Nic, kind: Kind): InterfaceFacts => {
  const index = host.indexOf(nic)
  return {
    name: nic.name,
    index,
    mac: macOf(host, index),
    kind,
    flags: { up: true, running: nic.running, loopback: false, pointToPoint: false, multicast: true, broadcast: true },
    mtu: nic.up.quality.mtu,
    addresses: nic.addresses.map(({ ip, prefixLength }) => interfaceAddress(addressOf(ip), prefixLength, index))
  }
}

const routesOf = (host: Host, nic: Nic): ReadonlyArray<DefaultRouteFacts> => {
  if (!nic.running) return []
  return ([4, 6] as const).flatMap((family): ReadonlyArray<DefaultRouteFacts> => {
    if (nic.addressOf(family) === undefined) return []
    if (nic.gateway === undefined && !nic.network.leadsOut(family)) return []
    const gateway = nic.gateway ?? (family === 4 ? nic.network.gateway4 : nic.network.gateway6)
    const address = gateway?.addressOf(family)
    return [
      {
        family: family === 4 ? "IPv4" : "IPv6",
        interface: nic.name,
        gateway: address === undefined ? undefined : addressOf(address.ip),
        metric: FIRST_METRIC + host.nics.indexOf(nic)
      }
    ]
  })
}

const snapshot = (host: Host, kindOf: (nic: Nic) => Kind): ReadonlyArray<NetworkInterface> =>
  assemble(
    [loopback, ...host.nics.map((nic) => factsOf(host, nic, kindOf(nic)))],
    host.nics.flatMap((nic) => routesOf(host, nic))
  )

const ticks = (host: Host): Stream.Stream<unknown> =>
  Stream.callback<void>((queue) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const tick = () => Queue.offerUnsafe(queue, undefined)
        tick()
        return host.onChange(tick)
      }),
      (stop) => Effect.sync(stop)
    )
  )

/**
 * The service, whose parts are made when first used: most programs never ask. `context` is where its fibres run: the host's
 * own scheduler and clock.
 */
export class SimulatedInterfaces {
  private readonly host: Host
  private readonly kindOf: (nic: Nic) => Kind
  private readonly context: () => Context.Context<never>
  private made: Service | undefined = undefined

  constructor(host: Host, kindOf: (nic: Nic) => Kind, context: () => Context.Context<never>) {
    this.host = host
    this.kindOf = kindOf
    this.context = context
  }

  private get service(): Service {
    return (this.made ??= this.make())
  }

  private make(): Service {
    const source = { snapshot: Effect.sync(() => snapshot(this.host, this.kindOf)), ticks: ticks(this.host) }
    // Never closed: what the service holds goes with the world.
    const scoped = FromSource.make(source).pipe(Effect.provideService(Scope.Scope, Scope.makeUnsafe()))
    const exit = Effect.runForkWith(this.context())(scoped).pollUnsafe()
    if (exit === undefined || Exit.isFailure(exit)) throw new Error("the interfaces of a simulated host take no time")
    return exit.value
  }

  get list(): Service["list"] {
    return this.service.list
  }

  get default(): Service["default"] {
    return this.service.default
  }

  get byName(): Service["byName"] {
    return this.service.byName
  }

  get byAddress(): Service["byAddress"] {
    return this.service.byAddress
  }

  get watch(): Service["watch"] {
    return this.service.watch
  }

  get changes(): Service["changes"] {
    return this.service.changes
  }
}
