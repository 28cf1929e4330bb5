/**
 * First contact: which servers are there over which transport, how far they are, and what other addresses they claim. Every
 * measurement starts with it, and plans the rest by what it learns.
 */
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import type { NatObservation, Transport } from "../../schemas/NatObservation.ts"
import * as IpRange from "../addresses/IpRange.ts"
import { isPublic } from "../addresses/specialUse.ts"
import { type Plan, type Probe, probeId, type Route, type Slot, type StunServer, unchanged } from "./Plan.ts"

/** Nothing is known of the distance yet: a lost packet is made up for soon, a far server is waited for. */
export const UDP_TRANSMISSIONS = [0, 60, 130, 250, 500]
/** Each dial has longer to connect than the one before, so that a far server is reached in the end. */
export const TCP_TRANSMISSIONS = [0, 120, 300, 700]
/** After the last sending; with TCP a handshake and a question take two round trips. */
export const UDP_WAIT_MS = 500
export const TCP_WAIT_MS = 800

/** Every server of the route's family that speaks the transport. One UDP socket serves all; over TCP each has its own. */
export const contactPlan = (route: Route, transport: Transport, servers: ReadonlyArray<StunServer>): Plan => {
  const udp = transport === "udp"
  const asked = servers.filter((server) => server[transport] && NetAddress.familyOf(server.endpoint) === route.family)
  const slotOf = (server: StunServer): string => probeId(route, transport, udp ? "contact" : `contact-${server.id}`)
  return {
    slots: [...new Set(asked.map(slotOf))].map((id): Slot => ({
      id,
      transport,
      address: route.address,
      listen: false
    })),
    probes: asked.map((server): Probe => ({
      id: probeId(route, transport, `contact-${server.id}`),
      interface: route.interface,
      family: route.family,
      transport,
      test: "contact",
      slot: slotOf(server),
      server: server.id,
      target: { _tag: "Endpoint", endpoint: server.endpoint },
      change: unchanged,
      after: [],
      at: 0,
      transmissions: udp ? UDP_TRANSMISSIONS : TCP_TRANSMISSIONS,
      wait: udp ? UDP_WAIT_MS : TCP_WAIT_MS
    }))
  }
}

/** How long the other servers are waited for once one has answered: a lost packet and its repetition, and a far server. */
const GRACE_MS = 150
const GRACE_ROUND_TRIPS = 3
/** The same for a server that has answered elsewhere: it is most likely there, and its packets were lost. */
const ALIVE_GRACE_MS = 900

/**
 * When a contact has told enough to go on, on the clock of the observations: once all probes have ended, or some time after
 * the first answer. `undefined`: there is nothing to go on with yet. Observations of other contacts show who is alive.
 */
export const settledAt = (plan: Plan, observations: ReadonlyArray<NatObservation>): number | undefined => {
  const ids = new Set(plan.probes.map(({ id }) => id))
  const alive = new Set(observations.flatMap(({ outcome, server }) => (outcome._tag === "Answered" ? [server] : [])))
  const own = observations.filter(({ id }) => ids.has(id))
  const ended = new Set(own.map(({ id }) => id))
  const answers = own.flatMap(({ outcome, sentAt }) =>
    outcome._tag === "Answered" ? [{ at: sentAt + outcome.after, roundTrip: outcome.roundTrip }] : []
  )
  const open = plan.probes.filter(({ id }) => !ended.has(id))
  if (open.length === 0) return Math.max(0, ...answers.map(({ at }) => at))
  const first = answers.toSorted((a, b) => a.at - b.at)[0]
  if (first === undefined) return undefined
  const grace = open.some(({ server }) => alive.has(server)) ? ALIVE_GRACE_MS : GRACE_MS
  return first.at + Math.max(grace, GRACE_ROUND_TRIPS * first.roundTrip)
}

/** A server that answered over a transport. */
export interface Contacted {
  readonly server: StunServer
  /** One round trip in milliseconds. */
  readonly roundTrip: number
  readonly mapped: NetAddress.InetAddress
  /** Its other address and port, if it claims one that can be true. */
  readonly other: NetAddress.InetAddress | undefined
}

/** The servers a route reaches over a transport: those with two addresses first, then the near ones. */
export const contacted = (
  route: Route,
  transport: Transport,
  servers: ReadonlyArray<StunServer>,
  observations: ReadonlyArray<NatObservation>
): ReadonlyArray<Contacted> => {
  const here = observations.filter((each) => each.interface === route.interface && each.family === route.family)
  return servers
    .flatMap((server) => {
      const answers = here.flatMap(({ outcome, server: id, test, transport }) =>
        test === "contact" && id === server.id && outcome._tag === "Answered" ? [{ ...outcome, transport }] : []
      )
      const answer = answers.find((each) => each.transport === transport)
      if (answer === undefined) return []
      // Over TCP a server need not name its other address; what it says over UDP is tried there too.
      const other = answer.other ?? answers.find((each) => each.other !== undefined)?.other
      return [
        {
          server,
          roundTrip: answer.roundTrip,
          mapped: answer.mapped,
          other: other !== undefined && problemWith(server.endpoint, other) === undefined ? other : undefined
        }
      ]
    })
    .toSorted((a, b) => Number(a.other === undefined) - Number(b.other === undefined) || a.roundTrip - b.roundTrip)
}

/** Why an OTHER-ADDRESS cannot be used, `undefined` when nothing speaks against it. */
export const problemWith = (own: NetAddress.InetAddress, other: NetAddress.InetAddress): string | undefined => {
  if (NetAddress.familyOf(own) !== NetAddress.familyOf(other)) return "it is of another address family"
  if (Equal.equals(own.address, other.address)) return "its address is the server's own"
  if (own.port === other.port) return "its port is the server's own"
  if (isPublic(own.address) && !isPublic(other.address)) return "it is not a public address"
  return IpRange.toBigInt(other.address) === BigInt(0) || other.port === 0 ? "it is empty" : undefined
}
