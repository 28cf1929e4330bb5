/**
 * Where this peer listens, and what it knows of its networks: follows the interfaces as they come and go. What fails on one
 * address is a problem in words and stops nothing else.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { canReach } from "../../protocols/addresses/loop.ts"
import * as Own from "../../protocols/connect/own.ts"
import type { StunServer } from "../../protocols/natprofile/Plan.ts"
import type { NatProfile } from "../../schemas/NatProfile.ts"
import type { InterfaceAddress, NetworkInterface } from "../../schemas/NetworkInterface.ts"
import type { Interfaces } from "../../services/Interfaces.ts"
import type { NatDetector } from "../../services/NatDetector.ts"
import type { StunClient } from "../../services/StunClient.ts"
import type { Tcp, TcpError, TcpListener } from "../../services/Tcp.ts"
import { dialFirst, keepMapped, type MappedSocket } from "./keepMapped.ts"

export interface NetworkOptions {
  readonly interfaces: ReadonlyArray<string> | undefined
  /** `false`: no listener is opened, and all else goes on. */
  readonly listen: boolean
  /** 0: the system chooses, the same for all addresses where that is possible. */
  readonly port: number
  readonly servers: ReadonlyArray<StunServer>
  readonly profile: boolean
  /** Listen for peers on this machine as well. */
  readonly loop: boolean
}

export interface Services {
  readonly tcp: Tcp["Service"]
  readonly interfaces: Interfaces["Service"]
  readonly stun: StunClient["Service"]
  readonly detector: NatDetector["Service"]
}

interface Entry {
  readonly scope: Scope.Closeable
  readonly listening: Own.Listening
}

/** After the list of interfaces could not be read. */
const RETRY = Schedule.spaced("5 seconds")

/** Addresses opened at the same time. */
const AT_ONCE = 16

export class Network {
  private readonly services: Services
  private readonly options: NetworkOptions
  private readonly serve: (listener: TcpListener) => Effect.Effect<void, TcpError>
  private readonly changed: Effect.Effect<void>
  private readonly entries = new Map<string, Entry>()
  private readonly troubles = new Map<string, string>()
  private interfaces: ReadonlyArray<NetworkInterface> = []
  private profiles: ReadonlyArray<NatProfile> = []
  /** All of this machine. */
  private addresses: ReadonlyArray<NetAddress.IpAddress> = []
  private facts: Own.Own = { interfaces: [], addresses: [], listening: [], profiles: [] }
  private port: number
  /** What is measured for the first time and not done yet. */
  private measuring = 0
  private readonly waiting: Array<Deferred.Deferred<void>> = []
  private scope: Scope.Scope | undefined = undefined

  /** `serve` takes the connections of a listener; `changed` is run when there is something new to say. */
  constructor(
    services: Services,
    options: NetworkOptions,
    serve: (listener: TcpListener) => Effect.Effect<void, TcpError>,
    changed: Effect.Effect<void>
  ) {
    this.services = services
    this.options = options
    this.serve = serve
    this.changed = changed
    this.port = options.port
  }

  /** The same object as before, unless something changed. */
  get own(): Own.Own {
    const { addresses, facts, interfaces, profiles } = this
    const listening = [...this.entries.values()].map((entry) => entry.listening)
    const isSame =
      facts.interfaces === interfaces &&
      facts.addresses === addresses &&
      facts.profiles === profiles &&
      facts.listening.length === listening.length &&
      facts.listening.every((each, at) => each === listening[at])
    return isSame ? facts : (this.facts = { interfaces, addresses, listening, profiles })
  }

  get problems(): ReadonlyArray<string> {
    return [...this.troubles.values()]
  }

  /** Waits until all that is measured now has been measured once. */
  readonly measured: Effect.Effect<void> = Effect.suspend(() => {
    if (this.measuring === 0) return Effect.void
    const waiting = Deferred.makeUnsafe<void>()
    this.waiting.push(waiting)
    return Deferred.await(waiting)
  })

  private ended(): void {
    if (--this.measuring > 0) return
    for (const waiting of this.waiting.splice(0)) Deferred.doneUnsafe(waiting, Effect.void)
  }

  /** Opens what there is now; goes on following the interfaces until the scope closes. */
  readonly start: Effect.Effect<void, never, Scope.Scope> = Effect.gen({ self: this }, function* () {
    this.scope = yield* Effect.scope
    yield* Effect.addFinalizer(() =>
      Effect.forEach(this.entries.values(), ({ scope }) => Scope.close(scope, Exit.void), {
        concurrency: "unbounded",
        discard: true
      })
    )
    yield* this.look
    const watching = this.services.interfaces.watch.pipe(
      Stream.runForEach(({ interfaces }) => this.update(interfaces)),
      Effect.tapError((error) => Effect.sync(() => this.troubles.set("interfaces", error.message))),
      Effect.retry(RETRY),
      Effect.ignore
    )
    yield* Effect.forkScoped(watching)
  })

  private readonly look = Effect.suspend(() =>
    this.services.interfaces.list.pipe(
      Effect.flatMap((interfaces) => this.update(interfaces)),
      Effect.catch((error) => Effect.sync(() => this.troubles.set("interfaces", error.message)))
    )
  )

  private readonly update = Effect.fnUntraced({ self: this }, function* (all: ReadonlyArray<NetworkInterface>) {
    const before = JSON.stringify(this.interfaces)
    this.interfaces = Own.chosen(all, this.options.interfaces, this.options.loop)
    this.addresses = all.flatMap(({ addresses }) => addresses.map(({ address }) => address))
    this.named(all)
    if (JSON.stringify(this.interfaces) === before) return
    const listening = this.options.listen ? this.interfaces : []
    const wanted = new Map(
      listening.flatMap((entry) =>
        Own.listenable(entry).map((address) => [keyOf(entry.name, address), { name: entry.name, address }] as const)
      )
    )
    for (const [key, { scope }] of this.entries) {
      if (wanted.has(key)) continue
      this.entries.delete(key)
      yield* Scope.close(scope, Exit.void)
    }
    for (const key of this.troubles.keys()) if (key.includes(" ") && !wanted.has(key)) this.troubles.delete(key)
    const missing = [...wanted].filter(([key]) => !this.entries.has(key))
    // The first one finds the port the others take as well.
    const opened = missing.map(([key, { address, name }]) => this.open(key, name, address))
    if (this.port === 0 && opened.length > 0) yield* opened.shift()!
    yield* Effect.all(opened, { concurrency: AT_ONCE, discard: true })
    if (this.interfaces.length > 0) yield* this.profiled
    yield* this.changed
  })

  private named(all: ReadonlyArray<NetworkInterface>): void {
    for (const name of this.options.interfaces ?? []) {
      const key = `interface-${name}`
      if (this.interfaces.some((entry) => entry.name === name)) this.troubles.delete(key)
      else {
        const there = all.some((entry) => entry.name === name)
        this.troubles.set(key, `interface ${name} ${there ? "is down or has no address" : "is not there"}`)
      }
    }
  }

  private open(key: string, name: string, { address, scope }: InterfaceAddress): Effect.Effect<void> {
    // By the interface, so that answers leave by it too. The loop leads nowhere else.
    const device = scope === "host" ? undefined : name
    return Effect.uninterruptibleMask((restore) => {
      const at = Effect.fnUntraced({ self: this }, function* (port: number) {
        const own = Scope.makeUnsafe()
        const opening = restore(Scope.provide(this.listen({ address, port, interface: device }), own))
        const opened = yield* Effect.onExit(opening, (exit) =>
          Exit.isSuccess(exit) ? Effect.void : Scope.close(own, exit)
        )
        return { ...opened, own }
      })
      return Effect.gen({ self: this }, function* () {
        const wish = at(this.port)
        // A port the system chose for another address may be taken here.
        const opened = yield* Effect.result(this.options.port === 0 ? Effect.catch(wish, () => at(0)) : wish)
        if (Result.isFailure(opened)) {
          this.troubles.set(key, `no listener on ${name}: ${opened.failure.message}`)
          return
        }
        const { listener, own, socket } = opened.success
        if (this.port === 0) this.port = listener.local.port
        const listening = { interface: name, endpoint: listener.local }
        this.troubles.delete(key)
        this.entries.set(key, { scope: own, listening })
        yield* Effect.forkIn(this.served(key, listener), own)
        if (socket !== undefined) yield* Effect.forkIn(this.mapped(key, listening, socket), own)
      })
    })
  }

  private readonly listen = Effect.fnUntraced(
    { self: this },
    function* (local: {
      readonly address: NetAddress.IpAddress
      readonly port: number
      readonly interface: string | undefined
    }): Effect.fn.Return<
      { readonly listener: TcpListener; readonly socket: MappedSocket | undefined },
      TcpError,
      Scope.Scope
    > {
      const { tcp } = this.services
      const family = NetAddress.familyOf(local.address)
      const servers = this.options.servers.filter(
        ({ endpoint, tcp }) =>
          tcp && NetAddress.familyOf(endpoint.address) === family && canReach(local.address, endpoint.address)
      )
      if (servers.length === 0) return { listener: yield* tcp.listen(local), socket: undefined }
      // Servers are asked from the port that listens: that is the mapping others are told.
      const reservation = yield* tcp.reserve(local)
      const first = reservation.listenFirst ? undefined : yield* dialFirst(reservation, servers[0]!)
      return { listener: yield* reservation.listen(), socket: { reservation, servers, first } }
    }
  )

  private served(key: string, listener: TcpListener): Effect.Effect<void> {
    return Effect.catch(this.serve(listener), (error) =>
      Effect.suspend(() => {
        const entry = this.entries.get(key)
        if (error.reason.kind === "Closed" && entry === undefined) return Effect.void
        this.troubles.set(key, error.message)
        return Effect.void
      })
    )
  }

  private mapped(key: string, listening: Own.Listening, socket: MappedSocket): Effect.Effect<void> {
    this.measuring++
    let isFirst = true
    const told = () => {
      if (isFirst) this.ended()
      isFirst = false
    }
    return keepMapped(this.services.stun, socket, (result) =>
      Effect.suspend(() => {
        const there = this.entries.get(key)
        const problem = `${key} stun`
        if (there !== undefined) {
          if (typeof result === "string") this.troubles.set(problem, result)
          else this.troubles.delete(problem)
          const mapped = typeof result === "string" ? undefined : result
          this.entries.set(key, { ...there, listening: { ...listening, mapped } })
        }
        return Effect.ensuring(there === undefined ? Effect.void : this.changed, Effect.sync(told))
      })
    ).pipe(Effect.ensuring(Effect.sync(told)))
  }

  private get profiled(): Effect.Effect<void> {
    const servers = this.options.servers
      .filter(({ endpoint }) => !NetAddress.isLoopback(endpoint.address))
      // Who does not dial back says so at once.
      .map((server): StunServer => Object.assign({ probeBack: true }, server))
    const interfaces = this.interfaces.filter(({ flags }) => !flags.loopback).map(({ name }) => name)
    const isWanted = this.options.profile && servers.length > 0 && interfaces.length > 0
    if (!isWanted || this.scope === undefined) return Effect.void
    this.measuring++
    const measured = this.services.detector.detect({ servers, interfaces }).pipe(
      Effect.flatMap((report) => {
        this.profiles = report.profiles
        return this.changed
      }),
      Effect.catch((error) => Effect.sync(() => this.troubles.set("nat", error.message))),
      Effect.ensuring(Effect.sync(() => this.ended()))
    )
    return Effect.asVoid(Effect.forkIn(measured, this.scope))
  }
}

const keyOf = (name: string, { address }: InterfaceAddress): string => `${name} ${NetAddress.formatIp(address)}`
