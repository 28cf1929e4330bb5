/**
 * Runs a plan as its header says, and decides nothing: opens all slots, then starts each probe when its time has come and what
 * it waits for has been answered, in the order of the plan, on absolute times so that nothing drifts.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { samplesUntil } from "../../protocols/natprofile/measure.ts"
import type { Plan, Probe } from "../../protocols/natprofile/Plan.ts"
import type { Outcome } from "../../schemas/NatObservation.ts"
import type { TcpConnection } from "../../services/Tcp.ts"
import { Answers } from "./Answers.ts"
import { Exchange } from "./Exchange.ts"
import type { Journal } from "./Journal.ts"
import * as Slots from "./slots.ts"
import * as TcpProbes from "./tcpProbes.ts"
import * as Time from "./time.ts"
import * as UdpProbes from "./udpProbes.ts"

/** What sockets behind one NAT take turns with: nobody samples while another does. */
export interface Lane {
  /** When it is free. */
  until: number
}

export interface Running {
  /** The interface all slots are on. */
  readonly interface: string
  readonly journal: Journal
  readonly sockets: Slots.Sockets
  readonly randomBytes: (size: number) => Effect.Effect<Uint8Array>
  /** Where the plan has samples. */
  readonly lane?: Lane | undefined
}

/** RFC 8489 section 5. */
const TRANSACTION_ID = 12

/** Ends when all probes have; their sockets and connections close with the scope. */
export const run = (plan: Plan, running: Running): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    running.journal.planned += plan.probes.length
    if (plan.probes.length === 0) return
    yield* new Run(plan, running, yield* Time.now, yield* Effect.scope).conduct
  })

class Run {
  private readonly plan: Plan
  private readonly running: Running
  private readonly now: Time.Now
  private readonly scope: Scope.Scope
  private readonly answers = new Answers()
  private slots: ReadonlyMap<string, Slots.OpenSlot> = new Map()
  private readonly ids = new Map<string, ReadonlyArray<Uint8Array>>()
  private readonly outcomes = new Map<string, Outcome>()
  private readonly connections = new Map<string, TcpConnection>()
  /** In the order of the plan. */
  private readonly waiting: Set<Probe>
  private underWay = 0
  private defect: Cause.Cause<never> | undefined = undefined

  constructor(plan: Plan, running: Running, now: Time.Now, scope: Scope.Scope) {
    this.plan = plan
    this.running = running
    this.now = now
    this.scope = scope
    this.waiting = new Set(plan.probes)
  }

  readonly conduct: Effect.Effect<void, never, Scope.Scope> = Effect.gen({ self: this }, function* () {
    const { lane, sockets } = this.running
    this.slots = yield* Slots.open(this.plan, this.running.interface, sockets, this.answers)
    yield* this.drawIds
    const news = yield* Queue.sliding<void>(1)
    const start = lane === undefined ? this.now() : Math.max(this.now(), lane.until)
    if (lane !== undefined) lane.until = start + samplesUntil(this.plan)
    for (;;) {
      const next = yield* this.startDue(start, news)
      if (this.defect !== undefined) return yield* Effect.failCause(this.defect)
      if (this.waiting.size === 0 && this.underWay === 0) return
      yield* Time.until(Queue.take(news), next, this.now)
    }
  })

  // All luck is drawn before the start: drawing it may take a turn of the event loop.
  private readonly drawIds = Effect.suspend(() => {
    const count = this.plan.probes.reduce((sum, { transmissions }) => sum + transmissions.length, 0)
    return Effect.map(this.running.randomBytes(count * TRANSACTION_ID), (bytes) => {
      let at = 0
      for (const { id, transmissions } of this.plan.probes) {
        this.ids.set(
          id,
          transmissions.map(() => bytes.subarray(at, (at += TRANSACTION_ID)))
        )
      }
    })
  })

  // Gives the time when to look again, if nothing happens before.
  private startDue(start: number, news: Queue.Queue<void>): Effect.Effect<number> {
    return Effect.gen({ self: this }, function* () {
      let next = Infinity
      for (const probe of this.waiting) {
        const before = probe.after.map((id) => ({ id, outcome: this.outcomes.get(id) }))
        const failed = before.find(({ outcome }) => outcome !== undefined && outcome._tag !== "Answered")
        if (failed !== undefined) {
          this.waiting.delete(probe)
          this.end(probe, undefined, { _tag: "NotSent", detail: `${failed.id} was not answered` })
          continue
        }
        if (before.some(({ outcome }) => outcome === undefined)) continue
        const due = start + probe.at
        if (!Time.isReached(due, this.now)) {
          next = Math.min(next, due)
          continue
        }
        this.waiting.delete(probe)
        this.underWay++
        yield* this.begin(probe, news)
      }
      return next
    })
  }

  // Started at once, so that what is due first leaves first.
  private begin(probe: Probe, news: Queue.Queue<void>) {
    const order = this.running.journal.nextOrder()
    const exchange = new Exchange(probe, this.targetOf(probe), this.now)
    const over = Effect.map(this.question(exchange), (outcome) => this.end(probe, { exchange, order }, outcome))
    const watched = Effect.onExit(over, (exit) =>
      Effect.sync(() => {
        this.underWay--
        if (exit._tag === "Failure") this.defect = exit.cause
        Queue.offerUnsafe(news, undefined)
      })
    )
    return Effect.forkIn(watched, this.scope, { startImmediately: true })
  }

  private question(exchange: Exchange): Effect.Effect<Outcome> {
    const { probe } = exchange
    const slot = this.slotOf(probe)
    const ids = this.ids.get(probe.id)!
    const owner = probe.target._tag === "MappedOf" ? this.slotIdOf(probe.target.probe) : undefined
    if (slot._tag === "Shut") return Effect.succeed({ _tag: "NotSent", detail: slot.why })
    if (slot._tag === "Udp") {
      if (owner !== undefined) return UdpProbes.hairpin(exchange, slot, owner, ids, this.answers)
      const answerSlot = probe.responsePort === undefined ? slot.id : this.slotIdOf(probe.responsePort)
      return UdpProbes.ask(exchange, slot, answerSlot, this.responsePortOf(probe), ids, this.answers)
    }
    const setting = { answers: this.answers, scope: this.scope }
    if (owner !== undefined) return TcpProbes.hairpin(exchange, slot, owner, ids, setting)
    const connection = probe.over === undefined ? undefined : this.connections.get(probe.over)
    if (connection !== undefined) return TcpProbes.probeBack(exchange, slot, connection, ids, setting)
    return TcpProbes.ask(exchange, slot, ids, setting, (connection) => this.connections.set(probe.id, connection))
  }

  private end(
    probe: Probe,
    started: { readonly exchange: Exchange; readonly order: number } | undefined,
    outcome: Outcome
  ): void {
    const { change, family, id, idle, server, slot: slotId, test, transport } = probe
    const slot = this.slotOf(probe)
    this.outcomes.set(id, outcome)
    this.running.journal.add({
      id,
      interface: probe.interface,
      family,
      transport,
      test,
      slot: slotId,
      server,
      local: slot._tag === "Shut" ? undefined : slot.local,
      to: outcome._tag === "NotSent" ? undefined : this.targetOf(probe),
      change,
      responsePort: this.responsePortOf(probe),
      order: started?.order ?? 0,
      sentAt: started?.exchange.startedAt ?? this.now(),
      transmissions: started?.exchange.transmissions ?? 0,
      idle,
      outcome
    })
  }

  private slotOf({ slot }: Probe): Slots.OpenSlot {
    return this.slots.get(slot)!
  }

  private slotIdOf(probe: string): string {
    return this.plan.probes.find(({ id }) => id === probe)!.slot
  }

  // Only asked for when what it refers to has been answered.
  private targetOf({ target }: Probe): NetAddress.InetAddress {
    return target._tag === "Endpoint" ? target.endpoint : this.mappedOf(target.probe)!
  }

  private responsePortOf({ responsePort }: Probe): number | undefined {
    return responsePort === undefined ? undefined : this.mappedOf(responsePort)?.port
  }

  private mappedOf(probe: string): NetAddress.InetAddress | undefined {
    const outcome = this.outcomes.get(probe)
    return outcome?._tag === "Answered" ? outcome.mapped : undefined
  }
}
