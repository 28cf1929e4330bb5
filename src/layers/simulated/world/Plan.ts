/**
 * A world ready to be built: every default filled in, every name resolved, every address given. Plain data, shared by all the
 * worlds built from one description.
 */
import type { Dns } from "effect/net/Dns"
import type { NatDevice } from "../../../schemas/NatDevice.ts"
import type { Kind } from "../../../schemas/NetworkInterface.ts"
import type { LinkQuality } from "../net/Link.ts"
import type { NicAddress } from "../net/Nic.ts"
import type { Prefix } from "../net/prefix.ts"

/** Both directions of a link: from the node to the network, and back. */
export interface PlanLink {
  readonly up: LinkQuality
  readonly down: LinkQuality
}

export interface PlanNetwork {
  readonly name: string
  readonly prefixes: ReadonlyArray<Prefix>
}

export interface PlanNic {
  readonly name: string
  readonly network: string
  readonly addresses: ReadonlyArray<NicAddress>
  readonly link: PlanLink
  readonly kind: Kind
  /** A gateway by name, where not the network's first. */
  readonly gateway: string | undefined
}

export interface PlanHost {
  readonly name: string
  readonly nics: ReadonlyArray<PlanNic>
  /** Milliseconds its clock is ahead. */
  readonly skew: number
}

export interface PlanGateway {
  readonly name: string
  readonly device: NatDevice
  readonly outside: PlanNic
  readonly insides: ReadonlyArray<PlanNic>
}

/** Packets on a network to a prefix go to a gateway's outside. */
export interface PlanRoute {
  readonly network: string
  readonly prefix: Prefix
  readonly gateway: string
}

export interface PlanChange {
  readonly at: number
  readonly node: string
  readonly nic: string
  readonly up: boolean | undefined
  readonly addresses: ReadonlyArray<NicAddress> | undefined
  readonly link: PlanLink | undefined
}

export interface Plan {
  readonly seed: number
  /** Unix milliseconds at the beginning. */
  readonly start: number
  readonly networks: ReadonlyArray<PlanNetwork>
  readonly gateways: ReadonlyArray<PlanGateway>
  readonly hosts: ReadonlyMap<string, PlanHost>
  readonly routes: ReadonlyArray<PlanRoute>
  readonly dns: Dns["Service"]
  readonly changes: ReadonlyArray<PlanChange>
}
