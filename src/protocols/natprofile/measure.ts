/**
 * The plan that measures one route over one transport, from what first contact told.
 *
 * New mappings disturb the sampling of ports, so the samples go first, a few milliseconds apart and in order, each from a socket of its
 * own to one destination: such a socket gets a new mapping whatever the mapping rule. All the rest follows at once and in
 * parallel. Without loss and at 50 ms round trip contact and measurement of both transports take less than a second.
 */
import * as NetAddress from "effect/net/NetAddress"
import type { Test, Transport } from "../../schemas/NatObservation.ts"
import type { Contacted } from "./contact.ts"
import {
  type Change,
  type Plan,
  type Probe,
  probeId,
  type Route,
  type Slot,
  type StunServer,
  type Target,
  unchanged
} from "./Plan.ts"
import { samplePorts } from "./samples.ts"

/**
 * Three runs and their controls: enough for a verdict where a third of the samples is lost, and with all other tests about
 * 60 mappings, less than the smallest port quotas of carriers (RFC 6888 REQ-4; 64 ports a customer are the least met).
 */
export const SAMPLES = 18
/** Between samples: a home router keeps up with it. */
export const SAMPLE_SPACING_MS = 5
/** Samples are sent once and nothing comes after them, so that busy machines and servers are waited for. */
const SAMPLE_PATIENCE_MS = 200
/** Within a run, where a mapping of others would break it: long enough that no router's cores overtake each other. */
export const RUN_SPACING_MS = 3

/** Answers that may not come are asked for this often, so that silence means a filter and not a loss. */
const INSISTENT = [0, 40, 80, 120, 160]
/** The same where one arrival settles it and nothing else depends on the silence. */
const REPEATED = [0, 40, 80, 120]
/** The packets of one dial may be lost on four ways, and what is left of it may spoil the next: the third is a fresh one again. */
const HAIRPIN_DIALS = [0, 80, 160, 320]
/** The other side's, at other times: two that dial each other at once may fail each other, again and again. */
const HAIRPIN_DIALS_BACK = [0, 120, 240, 360]
/** A server dials back for this long before it reports silence. */
export const PROBE_BACK_MS = 250
const PROBE_BACKS = [0, 60, 120, 180, 240]

export interface MeasureInput {
  readonly route: Route
  readonly transport: Transport
  /** What {@link contacted} gave: the first is asked the most. */
  readonly servers: ReadonlyArray<Contacted>
  /** Servers that were not heard of yet: where one alone was, a mapping is tried towards them as well. */
  readonly unheard?: ReadonlyArray<StunServer> | undefined
  /** How many ports to sample. Default {@link SAMPLES}. */
  readonly samples?: number | undefined
  /** When the first sample may leave, in milliseconds: after those of another transport behind the same NAT. Default 0. */
  readonly samplesAt?: number | undefined
  /** In [0, 1). */
  readonly random: () => number
}

/** When the last sample of a plan leaves, in milliseconds: another transport's can follow. */
export const samplesUntil = (plan: Plan): number =>
  Math.max(0, ...plan.probes.flatMap(({ at, test }) => (test === "sample" ? [at + SAMPLE_SPACING_MS] : [])))

/** Empty where no server answered: there is nothing to ask. */
export const measurePlan = (input: MeasureInput): Plan => {
  if (input.servers.length === 0) return { slots: [], probes: [] }
  const draft = new Draft(input)
  const rest = draft.samples()
  draft.mapping(rest)
  if (input.transport === "udp") draft.filtering(rest)
  else draft.probeBack(rest)
  draft.hairpin(rest)
  return { slots: draft.slots, probes: draft.probes }
}

/** Servers whose filtering tests are run; two agree or one of them is wrong. */
const FILTERING_SERVERS = 2
/** Servers asked to dial back: most cannot, and say so at once. */
const PROBE_BACK_SERVERS = 4
/** Servers that a mapping is tried towards. */
const MAPPING_SERVERS = 3

class Draft {
  readonly slots: Array<Slot> = []
  readonly probes: Array<Probe> = []
  readonly #input: MeasureInput
  readonly #roundTrip: number

  constructor(input: MeasureInput) {
    this.#input = input
    this.#roundTrip = Math.max(...input.servers.slice(0, MAPPING_SERVERS).map(({ roundTrip }) => roundTrip))
  }

  /** Gives the time of the next free moment. */
  samples(): number {
    const { random, samples = SAMPLES, samplesAt = 0, servers } = this.#input
    const ports = samplePorts(
      samples,
      servers.map(({ mapped }) => mapped.port),
      random
    )
    let at = samplesAt
    ports.forEach(({ follows, group, port }, index) => {
      const { server } = servers[group % Math.min(servers.length, MAPPING_SERVERS)]!
      const slot = this.#slot(`sample-${index}`, { port })
      if (index > 0) at += follows ? RUN_SPACING_MS : SAMPLE_SPACING_MS
      this.#probe(`sample-${index}`, "sample", slot, server.id, endpoint(server.endpoint), {
        at,
        transmissions: [0],
        wait: SAMPLE_PATIENCE_MS + (this.#input.transport === "udp" ? this.#patience : 2 * this.#patience)
      })
    })
    return at + SAMPLE_SPACING_MS
  }

  /** From one socket to all addresses and ports of a server, and to other servers (RFC 5780 section 4.3). */
  mapping(at: number): void {
    const slot = this.#slot("mapping")
    const { servers, unheard = [] } = this.#input
    if (servers.length === 1 && servers[0]!.other === undefined) {
      for (const { endpoint: to, id } of unheard.slice(0, MAPPING_SERVERS - 1)) {
        this.#probe(`mapping-${id}-primary`, "mapping", slot, id, endpoint(to), { at })
      }
    }
    servers.slice(0, MAPPING_SERVERS).forEach(({ other, server }, index) => {
      const own = server.endpoint
      const ask = (name: string, to: NetAddress.InetAddress): string =>
        this.#probe(`mapping-${server.id}-${name}`, "mapping", slot, server.id, endpoint(to), { at })
      const first = ask("primary", own)
      if (other === undefined || index >= FILTERING_SERVERS) return
      const far = ask("other", other)
      if (index === 0) {
        ask("other-address", NetAddress.inetAddressUnsafe(other.address, own.port))
        ask("other-port", NetAddress.inetAddressUnsafe(own.address, other.port))
      }
      if (this.#input.transport === "udp") this.#control(slot, server.id, own, first, far)
    })
  }

  // Once something was sent to the other endpoint no filter stops what comes from there: an answer shows that the server
  // obeys. With a mapping for each destination it has to be sent to the mapping of that destination.
  #control(slot: string, server: string, own: NetAddress.InetAddress, first: string, far: string): void {
    const options = { at: 0, after: [first, far], change: { address: true, port: true }, transmissions: REPEATED }
    this.#probe(`control-${server}`, "control", slot, server, endpoint(own), options)
    this.#probe(`control-${server}-there`, "control", slot, server, endpoint(own), { ...options, responsePort: far })
  }

  /** Answers from elsewhere to a socket that only ever sends to the server's first endpoint (RFC 5780 section 4.4). */
  filtering(at: number): void {
    const able = this.#input.servers.filter(({ other }) => other !== undefined)
    for (const { server } of able.slice(0, FILTERING_SERVERS)) {
      const slot = this.#slot(`filtering-${server.id}`)
      const ask = (name: string, change: Change): void => {
        this.#probe(`filtering-${server.id}-${name}`, "filtering", slot, server.id, endpoint(server.endpoint), {
          at,
          change,
          transmissions: change.port ? INSISTENT : undefined
        })
      }
      ask("same", unchanged)
      ask("other", { address: true, port: true })
      ask("other-port", { address: false, port: true })
    }
  }

  /** The server dials the external endpoint of a connection that listens as well. */
  probeBack(at: number): void {
    const able = this.#input.servers.filter(({ server }) => server.probeBack === true)
    for (const { server } of able.slice(0, PROBE_BACK_SERVERS)) {
      const slot = this.#slot(`probe-back-${server.id}`, { listen: true })
      const over = this.#probe(`probe-back-${server.id}-open`, "mapping", slot, server.id, endpoint(server.endpoint), {
        at
      })
      const ask = (name: string, change: Change): void => {
        this.#probe(`probe-back-${server.id}-${name}`, "probe-back", slot, server.id, endpoint(server.endpoint), {
          at,
          change,
          over,
          after: [over],
          transmissions: PROBE_BACKS,
          wait: PROBE_BACK_MS + this.#patience
        })
      }
      ask("other", { address: true, port: true })
      ask("other-port", { address: false, port: true })
    }
  }

  /**
   * Two sockets send to each other's external endpoint, so that each opens its own filter for the other (RFC 5780 section
   * 4.5 warns of taking a filter for missing hairpinning).
   */
  hairpin(at: number): void {
    const { server } = this.#input.servers[0]!
    const open = ["a", "b"].map((name) => {
      const slot = this.#slot(`hairpin-${name}`, { listen: true })
      return {
        slot,
        probe: this.#probe(`hairpin-${name}`, "mapping", slot, server.id, endpoint(server.endpoint), { at })
      }
    })
    const [a, b] = [open[0]!, open[1]!]
    const common = { at, after: [a.probe, b.probe], wait: this.#patience }
    const options = (dials: ReadonlyArray<number>) =>
      Object.assign({ transmissions: this.#input.transport === "udp" ? REPEATED : dials }, common)
    const to = (probe: string): Target => ({ _tag: "MappedOf", probe })
    this.#probe("hairpin-a-to-b", "hairpin", a.slot, server.id, to(b.probe), options(HAIRPIN_DIALS))
    this.#probe("hairpin-b-to-a", "hairpin", b.slot, server.id, to(a.probe), options(HAIRPIN_DIALS_BACK))
  }

  // Two round trips and what a busy network adds.
  get #patience(): number {
    return Math.ceil(Math.max(100, 2 * this.#roundTrip + 50))
  }

  // UDP: a lost packet is sent again soon after its answer is overdue. TCP: a handshake has to fit between two dials; where the
  // server's answer was lost, the second dial only ends what is left of the first there. Then there is room for a lost
  // segment, which systems repeat after 200 ms and again after 400.
  get #usual(): Pick<Probe, "transmissions" | "wait"> {
    if (this.#input.transport === "udp") {
      const again = Math.ceil(Math.max(60, 1.5 * this.#roundTrip + 25))
      return { transmissions: [0, again, 2 * again, 3 * again], wait: this.#patience }
    }
    const again = Math.ceil(Math.max(120, 2 * this.#roundTrip + 50))
    return { transmissions: [0, again, 2 * again, 3 * again, 4 * again, 5 * again], wait: 2 * this.#patience + 200 }
  }

  #slot(name: string, options: { readonly port?: number; readonly listen?: boolean } = {}): string {
    const { route, transport } = this.#input
    const id = probeId(route, transport, name)
    const listen = transport === "tcp" && options.listen === true
    this.slots.push({ id, transport, address: route.address, port: options.port, listen })
    return id
  }

  #probe(
    name: string,
    test: Test,
    slot: string,
    server: string,
    target: Target,
    options: {
      readonly at: number
      readonly after?: ReadonlyArray<string> | undefined
      readonly change?: Change | undefined
      readonly transmissions?: ReadonlyArray<number> | undefined
      readonly wait?: number | undefined
      readonly responsePort?: string | undefined
      readonly over?: string | undefined
    }
  ): string {
    const { route, transport } = this.#input
    const usual = this.#usual
    const id = probeId(route, transport, name)
    this.probes.push({
      id,
      interface: route.interface,
      family: route.family,
      transport,
      test,
      slot,
      server,
      target,
      change: options.change ?? unchanged,
      responsePort: options.responsePort,
      over: options.over,
      after: options.after ?? [],
      at: options.at,
      transmissions: options.transmissions ?? usual.transmissions,
      wait: options.wait ?? usual.wait
    })
    return id
  }
}

const endpoint = (to: NetAddress.InetAddress): Target => ({ _tag: "Endpoint", endpoint: to })
