/**
 * A network card: where a node is attached to a network, with its addresses there and its link.
 */
import type { Ip } from "../../../protocols/packet/Ip.ts"
import type { IpPacket } from "../../../protocols/packet/IpPacket.ts"
import type { LinkSide } from "./Link.ts"
import type { Network } from "./Network.ts"
import type { OpenEvent } from "./Trace.ts"

/** Something packets can reach: a host, router, NAT or firewall. */
export interface Node {
  readonly name: string
  /** Takes a packet that arrived. `event` is its trace, whose fate the node settles. */
  readonly receive: (packet: IpPacket, nic: Nic, event: OpenEvent | undefined) => void
}

/** An address with the length of its network's prefix. */
export interface NicAddress {
  readonly ip: Ip
  readonly family: 4 | 6
  readonly prefixLength: number
}

export class Nic {
  readonly name: string
  readonly node: Node
  readonly network: Network
  /** Towards the network, and from it. */
  readonly up: LinkSide
  readonly down: LinkSide
  addresses: ReadonlyArray<NicAddress>
  /** Where packets to elsewhere go from this card, if not to the network's gateway. */
  gateway: Nic | undefined = undefined
  /** Whether the cable is in. */
  running = true

  constructor(
    name: string,
    node: Node,
    network: Network,
    addresses: ReadonlyArray<NicAddress>,
    up: LinkSide,
    down: LinkSide
  ) {
    this.name = name
    this.node = node
    this.network = network
    this.addresses = addresses
    this.up = up
    this.down = down
  }

  /** The card that takes packets from this one to an address. */
  nextHop(ip: Ip, family: 4 | 6): Nic | undefined {
    if (this.gateway === undefined || this.network.isLocal(ip)) return this.network.nextHop(ip, family)
    return this.gateway
  }

  /** The first address of a family. */
  addressOf(family: 4 | 6): NicAddress | undefined {
    for (const address of this.addresses) if (address.family === family) return address
    return undefined
  }
}
