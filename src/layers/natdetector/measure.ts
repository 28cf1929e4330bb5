/**
 * Measures one interface, family and transport: first contact with all servers, then the plan that follows from it, then, if
 * asked for, how long mappings live.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import { contacted, contactPlan, settledAt } from "../../protocols/natprofile/contact.ts"
import { lifetimePlan } from "../../protocols/natprofile/lifetime.ts"
import { measurePlan } from "../../protocols/natprofile/measure.ts"
import type { Plan, Route, StunServer } from "../../protocols/natprofile/Plan.ts"
import type { Transport } from "../../schemas/NatObservation.ts"
import type { Journal } from "./Journal.ts"
import { type Lane, run, type Running } from "./run.ts"
import * as Time from "./time.ts"

export interface Setting extends Pick<Running, "sockets" | "randomBytes" | "journal"> {
  readonly servers: ReadonlyArray<StunServer>
  /** In [0, 1). */
  readonly random: () => number
  readonly lanes: Lanes
  readonly lifetime: boolean
}

/** By external address: those who share one share a NAT, whose ports must not be sampled by two at once. */
export class Lanes {
  private readonly lanes = new Map<string, Lane & { readonly interfaces: Set<string> }>()

  of(external: NetAddress.IpAddress, device: string): Lane {
    const key = NetAddress.formatIp(external)
    const lane = this.lanes.get(key) ?? { until: 0, interfaces: new Set() }
    this.lanes.set(key, lane)
    lane.interfaces.add(device)
    return lane
  }

  /** Interfaces that are seen at one address, and that address. */
  get shared(): ReadonlyArray<{ readonly external: string; readonly interfaces: ReadonlyArray<string> }> {
    return [...this.lanes].flatMap(([external, { interfaces }]) =>
      interfaces.size > 1 ? [{ external, interfaces: [...interfaces] }] : []
    )
  }
}

// Waits until a contact has told enough to go on.
const settle = Effect.fnUntraced(function* (plan: Plan, journal: Journal) {
  const now = yield* Time.now
  const news = yield* journal.news
  for (;;) {
    const at = settledAt(plan, journal.observations)
    if (at !== undefined && Time.isReached(at, now)) return
    yield* Time.until(Queue.take(news), at ?? Infinity, now)
  }
}, Effect.scoped)

export const measure = Effect.fnUntraced(function* (route: Route, transport: Transport, setting: Setting) {
  const { journal, lanes, lifetime, random, servers } = setting
  const running: Running = { ...setting, interface: route.interface }
  const contact = contactPlan(route, transport, servers)
  const contacting = yield* Effect.forkScoped(run(contact, running))
  const broken = Effect.andThen(Fiber.join(contacting), Effect.never)
  yield* Effect.raceFirst(settle(contact, journal), broken)
  const reached = contacted(route, transport, servers, journal.observations)
  const [first] = reached
  if (first !== undefined) {
    const unheard = servers.filter(({ id }) => !reached.some(({ server }) => server.id === id))
    const plan = measurePlan({ route, transport, servers: reached, unheard, random })
    yield* run(plan, { ...running, lane: lanes.of(first.mapped.address, route.interface) })
    if (lifetime && transport === "udp") yield* run(lifetimePlan(route, first), running)
  }
  yield* Fiber.join(contacting)
}, Effect.scoped)
