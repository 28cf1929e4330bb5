/**
 * A world while it is being worked out: what the description says, with names resolved step by step, and every problem found
 * on the way with its place.
 */
import type { NatDevice } from "../../../schemas/NatDevice.ts"
import type { HostInterface, Link, World, WorldGateway, WorldProblem } from "../../../schemas/World.ts"
import type { NicAddress } from "../net/Nic.ts"
import type { Prefix } from "../net/prefix.ts"

export type Path = ReadonlyArray<string | number>

export const INTERNET = "internet"

export interface DraftNetwork {
  readonly name: string
  readonly path: Path
  readonly link: Link | undefined
  prefixes: ReadonlyArray<Prefix>
  /** Whose inside it is, in order of declaration. */
  readonly servedBy: Array<DraftGateway>
  /** Who has which address. */
  readonly owners: Map<string, string>
}

export interface DraftGateway {
  readonly name: string
  readonly path: Path
  readonly device: NatDevice
  readonly inside: ReadonlyArray<string>
  readonly outside: string
  readonly described: WorldGateway
  /** The host or gateway it was made for, where `behind` names a device. */
  readonly owner: string | undefined
  outsideAddresses: ReadonlyArray<NicAddress>
  insideAddresses: ReadonlyArray<ReadonlyArray<NicAddress>>
}

export interface DraftNic {
  readonly name: string
  readonly path: Path
  readonly network: string
  readonly described: HostInterface
  addresses: ReadonlyArray<NicAddress>
}

export interface DraftHost {
  readonly name: string
  readonly path: Path
  readonly nics: ReadonlyArray<DraftNic>
}

export class Draft {
  readonly world: World
  readonly problems: Array<WorldProblem> = []
  readonly networks = new Map<string, DraftNetwork>()
  readonly gateways = new Map<string, DraftGateway>()
  readonly hosts = new Map<string, DraftHost>()

  constructor(world: World) {
    this.world = world
  }

  refuse(path: Path, problem: string): void {
    this.problems.push({ path, problem })
  }

  addNetwork(name: string, path: Path, link: Link | undefined): DraftNetwork {
    const network: DraftNetwork = { name, path, link, prefixes: [], servedBy: [], owners: new Map() }
    this.networks.set(name, network)
    return network
  }

  /** Whether a network is there; says so at `path` if not. */
  hasNetwork(name: string, path: Path): boolean {
    if (this.networks.has(name)) return true
    this.refuse(path, `no network is called "${name}"; there are ${[...this.networks.keys()].join(", ")}`)
    return false
  }

  nameIsFree(name: string, path: Path): boolean {
    const taken = this.gateways.has(name) ? "gateway" : this.hosts.has(name) ? "host" : undefined
    if (taken === undefined) return true
    this.refuse(path, `"${name}" is the name of a ${taken} already`)
    return false
  }
}
