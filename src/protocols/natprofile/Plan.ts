/**
 * A probe plan as data: which sockets to open and what to send from them, when, and after what. Whoever runs it decides
 * nothing.
 *
 * How a plan is run. All slots are opened first, so that nothing but sending happens in its time. A probe is sent at `at`
 * milliseconds after the start of the plan, or when the probes it comes `after` have been answered, whichever is later; if
 * one of those ends otherwise, it is not sent. Probes due at the same time are sent in the order of the plan, and the order
 * of sending is reported. Slots and connections stay open until the plan has ended: the FIN of a connection may close its
 * mapping.
 */
import type * as NetAddress from "effect/net/NetAddress"
import type { Test, Transport } from "../../schemas/NatObservation.ts"
import type { Family } from "../../schemas/NetworkInterface.ts"

/** Where probes leave: one local address of an interface. */
export interface Route {
  readonly interface: string
  readonly family: Family
  readonly address: NetAddress.IpAddress
}

/** A STUN server at one address. One with several addresses, or both families, is several of these under different ids. */
export interface StunServer {
  readonly id: string
  readonly endpoint: NetAddress.InetAddress
  readonly udp: boolean
  readonly tcp: boolean
  /** Whether it is asked to dial back over TCP, an extension of our own server: others say that they do not. Default false. */
  readonly probeBack?: boolean | undefined
}

/** A local socket: probes of one slot share its port. */
export interface Slot {
  readonly id: string
  readonly transport: Transport
  readonly address: NetAddress.IpAddress
  /** The port wanted; where it is taken any other will do. Absent: the system chooses. */
  readonly port?: number | undefined
  /** TCP: accept connections on it as well, before anything asks for them. */
  readonly listen: boolean
}

export type Target =
  | { readonly _tag: "Endpoint"; readonly endpoint: NetAddress.InetAddress }
  /** The mapped endpoint that another probe was answered with; the probe is expected at the slot of that one. */
  | { readonly _tag: "MappedOf"; readonly probe: string }

/** What an answer is asked to do: come from another address or port of the server (CHANGE-REQUEST). */
export interface Change {
  readonly address: boolean
  readonly port: boolean
}

export interface Probe {
  readonly id: string
  readonly interface: string
  readonly family: Family
  readonly transport: Transport
  readonly test: Test
  readonly slot: string
  readonly server: string
  readonly target: Target
  readonly change: Change
  /** The answer is to go to the mapped port of this probe (RESPONSE-PORT, RFC 5780 section 7.5). */
  readonly responsePort?: string | undefined
  /** A probe-back is asked for on the TCP connection of this probe. */
  readonly over?: string | undefined
  readonly after: ReadonlyArray<string>
  /** Milliseconds after the start of the plan. */
  readonly at: number
  /**
   * When to send, milliseconds after the first sending, until there is an answer. UDP: each sending has a transaction id of
   * its own, so that an answer tells which one it is to. TCP: a dial that has not connected by the
   * next of these is given up and made again from the same port. A probe-back is asked for again until it connected or
   * was refused, and ends when all that were asked for have been reported on.
   */
  readonly transmissions: ReadonlyArray<number>
  /** How long after the last sending an answer is waited for, in milliseconds. */
  readonly wait: number
  /** Of a lifetime probe: how long the mapping it goes to has been idle then, in milliseconds. */
  readonly idle?: number | undefined
}

export interface Plan {
  readonly slots: ReadonlyArray<Slot>
  /** Probes come after those they wait for. */
  readonly probes: ReadonlyArray<Probe>
}

export const unchanged: Change = { address: false, port: false }

/** Ids are readable and unique within a measurement: `eth0/IPv4/udp/sample-3`. */
export const probeId = (route: Route, transport: Transport, name: string): string =>
  `${route.interface}/${route.family}/${transport}/${name}`

/** How long a plan takes at most, in milliseconds, when every answer takes as long as it may. */
export const longest = (plan: Plan): number => {
  const ends = new Map<string, number>()
  for (const probe of plan.probes) {
    const start = Math.max(probe.at, ...probe.after.map((id) => ends.get(id) ?? 0))
    ends.set(probe.id, start + (probe.transmissions.at(-1) ?? 0) + probe.wait)
  }
  return Math.max(0, ...ends.values())
}
