/**
 * A simulated internet that runs: hosts with the same `Tcp`, `Udp`, `Interfaces` and `Dns` as a real machine, in virtual time.
 *
 *     const world = yield* SimulatedWorld.make({ hosts: { alice: { behind: "linux-router" }, bob: {} } })
 *     const { alice, bob } = yield* world.run({ alice: call, bob: answer })
 *
 * A minute of network time costs milliseconds. The same world, seed and programs give the same packets, byte for byte.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { Nat } from "../../protocols/nat/Nat.ts"
import type { TraceEvent } from "../../protocols/trace/TraceEvent.ts"
import type { World, WorldError } from "../../schemas/World.ts"
import { type HostServices, services, timeAndLuck } from "./host/services.ts"
import { Host } from "./host/Host.ts"
import type { Air } from "./net/flight.ts"
import type { Nic } from "./net/Nic.ts"
import { Recorder } from "./net/Trace.ts"
import * as Programs from "./Programs.ts"
import type { SimulationError, Wait } from "./SimulationError.ts"
import { Luck } from "./time/Luck.ts"
import * as OutsideHook from "./time/outside.ts"
import { Timeline } from "./time/Timeline.ts"
import { build, type Built } from "./world/build.ts"
import { compile } from "./world/compile.ts"
import type { Plan } from "./world/Plan.ts"

export type { HostServices } from "./host/services.ts"

/** What a program that runs on no host is called in errors. */
const ALONE = "program"

/** Packets kept in a trace unless a number is given. */
const TRACE_LIMIT = 100_000

export interface Options {
  /** Instead of the description's. */
  readonly seed?: number | undefined
  /** Keep what happens to packets: the first 100,000, or as many as said. Default false. */
  readonly trace?: boolean | number | undefined
}

export interface RunOptions {
  /** Virtual time the programs may take. Default one day. */
  readonly limit?: Duration.Input | undefined
}

/** Programs beside those that are waited for: servers that never end. Interrupted when the others are done. */
export interface Background<B> {
  readonly background?: B | undefined
}

/** The programs of a run by host, and what each gives. */
export type HostPrograms<Names extends string> = { readonly [Name in Names]?: Effect.Effect<unknown, unknown, unknown> }
export type Outcomes<P> = {
  readonly [Name in keyof P]: P[Name] extends Effect.Effect<infer A, infer _E, infer _R> ? A : never
}
type ErrorsOf<P> = {
  [Name in keyof P]: P[Name] extends Effect.Effect<infer _A, infer E, infer _R> ? E : never
}[keyof P]
type NeedsOf<P> = { [Name in keyof P]: P[Name] extends Effect.Effect<infer _A, infer _E, infer R> ? R : never }[keyof P]

/** The hosts of a description by name; its gateways are hosts on their inside networks too. */
export type NamesOf<W extends World> =
  | Extract<keyof W["hosts"], string>
  | (W extends { readonly gateways: infer G } ? Extract<keyof G, string> : never)

export class SimulatedWorld<Names extends string = string> {
  /** The virtual time all of it runs in. */
  readonly timeline: Timeline = new Timeline()
  private readonly plan: Plan
  private readonly seed: number
  private readonly air: Air
  private readonly built: Built
  private readonly outside = OutsideHook.make(this.timeline)
  private readonly contexts = new Map<string, Context.Context<HostServices>>()
  private readonly inner = new Map<string, Host>()
  private nowhere: Context.Context<never> | undefined = undefined

  constructor(plan: Plan, options: Options) {
    const { trace } = options
    const limit = trace === true ? TRACE_LIMIT : typeof trace === "number" ? trace : undefined
    this.plan = plan
    this.seed = options.seed ?? plan.seed
    this.air = { timeline: this.timeline, recorder: limit === undefined ? undefined : new Recorder(limit) }
    this.built = build(plan, this.seed, this.air)
  }

  /** Milliseconds of virtual time since the world began. */
  get now(): number {
    return this.timeline.now
  }

  /** What happened to packets so far, in the order they were sent. Empty unless the world was made with `trace`. */
  get trace(): ReadonlyArray<TraceEvent> {
    return this.air.recorder?.events ?? []
  }

  /** Packets the trace had no room for. */
  get traceDropped(): number {
    return this.air.recorder?.dropped ?? 0
  }

  /** Everything a program finds on a host. A name the world does not have is a defect. */
  context(name: Names): Context.Context<HostServices> {
    let context = this.contexts.get(name)
    if (context === undefined) {
      const host = this.hostNamed(name)
      const described = this.plan.hosts.get(name)
      const kinds = new Map(described?.nics.map((nic) => [nic.name, nic.kind]))
      context = services(
        host,
        { timeline: this.timeline, outside: this.outside },
        this.plan.start + (described?.skew ?? 0),
        new Luck(this.seed, `program ${name}`),
        this.plan.dns,
        (nic: Nic) => kinds.get(nic.name) ?? "ethernet"
      )
      this.contexts.set(name, context)
    }
    return context
  }

  /**
   * The same as a layer: `program.pipe(Effect.provide(world.host("alice")))`. Inside `run` that is all; by itself, such a
   * program makes the world drive itself from then on, and a deadlock just hangs.
   */
  host(name: Names): Layer.Layer<HostServices> {
    return Layer.effectContext(
      Effect.sync(() => {
        this.timeline.driveItself()
        return this.context(name)
      })
    )
  }

  /**
   * Runs programs to their end in virtual time: one by itself, or one for each host named. Fails with the first failure of
   * one (the others are interrupted), or with a `SimulationError` when they can never be done. Finalizers have run then.
   * Programs in the `background` are not waited for; their failure counts.
   *
   * One run at a time. What is left of connections when the programs are done (a FIN on its way) waits for the next run.
   */
  run<A, E, R>(program: Effect.Effect<A, E, R>, options?: RunOptions): Effect.Effect<A, E | SimulationError, R>
  run<const P extends HostPrograms<Names>, const B extends HostPrograms<Names> = {}>(
    programs: P,
    options?: RunOptions & Background<B>
  ): Effect.Effect<
    Outcomes<P>,
    ErrorsOf<P> | ErrorsOf<B> | SimulationError,
    Exclude<NeedsOf<P> | NeedsOf<B>, HostServices>
  >
  run(programs: object, options: RunOptions & Background<object> = {}): Effect.Effect<never> {
    const outcomes = Effect.suspend(() => {
      const limit = Duration.toMillis(Duration.fromInputUnsafe(options.limit ?? Duration.days(1)))
      return Programs.run(this.timeline, this.programs(programs, options.background), limit, () => this.waits())
    })
    // What the overloads promise is what each program gives.
    return (Effect.isEffect(programs) ? Effect.map(outcomes, (done) => done[ALONE]) : outcomes) as Effect.Effect<never>
  }

  private programs(awaited: object, background: object | undefined): ReadonlyMap<string, Programs.Program> {
    const all = new Map<string, Programs.Program>()
    if (Effect.isEffect(awaited)) return all.set(ALONE, { effect: awaited, context: this.bare, awaited: true })
    for (const [name, effect] of Object.entries(awaited)) {
      all.set(name, { effect, context: this.context(name as Names), awaited: true })
    }
    for (const [name, effect] of Object.entries(background ?? {})) {
      const key = all.has(name) ? `${name} (background)` : name
      all.set(key, { effect, context: this.context(name as Names), awaited: false })
    }
    return all
  }

  /** The same at once, without Effect around it. Throws where something is awaited outside the world. */
  runSyncExit<A, E>(program: Effect.Effect<A, E>, options?: RunOptions): Exit.Exit<A, E | SimulationError> {
    return Effect.runSyncExit(this.run(program, options))
  }

  /** Lets virtual time pass with nobody watching: what is under way arrives. */
  settle(duration: Duration.Input): Effect.Effect<void, SimulationError> {
    return this.run(Effect.sleep(duration))
  }

  /** Sockets programs hold open on a host: connections, listeners, reservations, dials under way and UDP sockets. */
  openSockets(name: Names): number {
    return (this.built.hosts.get(name) ?? this.inner.get(name))?.openSockets ?? 0
  }

  /** Connections the host's kernel still knows, those in TIME-WAIT included. */
  kernelConnections(name: Names): number {
    return this.hostNamed(name).tcp.connectionCount
  }

  /** The NAT or firewall of a gateway, for port forwards and a look at its mappings. `undefined` for other names. */
  nat(gateway: string): Nat | undefined {
    return this.built.gateways.get(gateway)?.nat
  }

  /** The gateways there are, those made for `behind` included. */
  get gatewayNames(): ReadonlyArray<string> {
    return [...this.built.gateways.keys()]
  }

  private get bare(): Context.Context<never> {
    return (this.nowhere ??= Context.makeUnsafe(
      timeAndLuck({ timeline: this.timeline, outside: this.outside }, this.plan.start, new Luck(this.seed, "program"))
    ))
  }

  private hostNamed(name: string): Host {
    const known = this.built.hosts.get(name) ?? this.inner.get(name)
    if (known !== undefined) return known
    const gateway = this.built.gateways.get(name)
    if (gateway === undefined) {
      const names = [...this.built.hosts.keys(), ...this.built.gateways.keys()]
      throw new Error(`no host is called "${name}"; there are ${names.join(", ")}`)
    }
    const host = new Host(name, this.air, new Luck(this.seed, `host ${name}`))
    host.nics.push(...gateway.insides)
    gateway.inner = host
    this.inner.set(name, host)
    return host
  }

  private waits(): ReadonlyArray<Wait> {
    const hosts = [...this.built.hosts.values(), ...this.inner.values()]
    return hosts.flatMap((host) => host.waits().map((wait) => ({ host: host.name, wait })))
  }
}

/** Builds a world, or says what about its description cannot be. */
export const makeResult = <const W extends World>(
  world: W,
  options: Options = {}
): Result.Result<SimulatedWorld<NamesOf<W>>, WorldError> =>
  Result.map(compile(world), (plan) => new SimulatedWorld<NamesOf<W>>(plan, options))

/** Builds a world, or says what about its description cannot be. */
export const make = <const W extends World>(
  world: W,
  options: Options = {}
): Effect.Effect<SimulatedWorld<NamesOf<W>>, WorldError> =>
  Effect.suspend(() => Effect.fromResult(makeResult(world, options)))
