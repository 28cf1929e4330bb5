/**
 * One handler on any set of addresses, ports, transports and families at once.
 *
 * A daemon says what it listens on, and never listens on less than it was asked to without saying so: a part that cannot
 * listen fails the whole, or is reported beside the others where partial success was asked for.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { type Part, parts, type Place, type Wanted } from "../protocols/daemon/parts.ts"
import type { Family } from "../schemas/NetworkInterface.ts"
import { Interfaces, type InterfacesError } from "../services/Interfaces.ts"
import { type Pipe, PipeError } from "../services/Pipe.ts"
import { type CommonOptions, type ListenOptions, Pipes } from "../services/Pipes.ts"

export type { Place } from "../protocols/daemon/parts.ts"

const PartSchema = Schema.Struct({
  transport: Schema.Literals(["tcp", "udp"]),
  address: Schema.IpAddress,
  port: Schema.Int,
  interface: Schema.optional(Schema.String)
})

/** A socket that was asked for and could not be opened. */
export const FailedPart = Schema.Struct({ part: PartSchema, error: PipeError })
export type FailedPart = typeof FailedPart.Type

/** Failures a message tells one by one; a daemon on a thousand ports can have a thousand of them. */
const TOLD = 8

/** What was asked for makes no socket: an unknown interface, a port that is none, an empty list. */
export class NothingToListenOn extends Schema.Error<NothingToListenOn>("effect-p2p/servers/Daemon/NothingToListenOn")({
  _tag: Schema.tag("NothingToListenOn"),
  op: Schema.Literals(["serve"]),
  detail: Schema.String
}) {
  override get message() {
    return `daemon ${this.op}: ${this.detail}`
  }
}

/** Some sockets, or all, could not be opened; those that could are closed again. */
export class PartsFailed extends Schema.Error<PartsFailed>("effect-p2p/servers/Daemon/PartsFailed")({
  _tag: Schema.tag("PartsFailed"),
  op: Schema.Literals(["serve"]),
  wanted: Schema.Int,
  failed: Schema.Array(FailedPart)
}) {
  override get message() {
    const told = this.failed.slice(0, TOLD).map(({ error }) => error.message)
    const more = this.failed.length > TOLD ? `; and ${this.failed.length - TOLD} more` : ""
    return `daemon ${this.op}: ${this.failed.length} of ${this.wanted} sockets could not be opened: ${told.join("; ")}${more}`
  }
}

/** A daemon that could not start. */
export class DaemonError extends Schema.TaggedError<DaemonError>()("DaemonError", {
  reason: Schema.Union([NothingToListenOn, PartsFailed])
}) {
  override get message() {
    return this.reason.message
  }
}

/** Of the TCP sockets, each for itself. */
type TcpOptions = Pick<ListenOptions, "tls" | "maxConnections" | "backlog" | "noDelay" | "keepAlive">

export interface Options<R = never> extends CommonOptions<R>, TcpOptions {
  /** Where. Default `all`. */
  readonly on?: Place | ReadonlyArray<Place> | undefined
  /** Default 0, which gives every socket a port of its own. */
  readonly ports?: number | ReadonlyArray<number> | undefined
  /** Default both. */
  readonly transports?: ReadonlyArray<"tcp" | "udp"> | undefined
  /**
   * Default: those the machine has. A family named here must be had by every place that is not an address itself: one that
   * is lacking is a failure.
   */
  readonly families?: ReadonlyArray<Family> | undefined
  /** Start with what can be opened and report the rest in `failed`. At least one socket must open. Default false. */
  readonly partial?: boolean | undefined
}

export interface Daemon {
  /** The servers, one for each socket; `local` of each says where. */
  readonly servers: ReadonlyArray<Pipe>
  /** What could not be opened; empty unless `partial`. */
  readonly failed: ReadonlyArray<FailedPart>
}

const listOf = <A>(value: A | ReadonlyArray<A> | undefined, otherwise: A): ReadonlyArray<A> =>
  value === undefined ? [otherwise] : Array.isArray(value) ? value : [value as A]

/**
 * Listens on every combination of places, ports, transports and families, until the scope closes. Handlers and the other
 * options of pipes apply to all of them alike; UDP ignores framing.
 */
export const serve = Effect.fn("Daemon.serve")(function* <R = never>(
  options: Options<R>
): Effect.fn.Return<Daemon, DaemonError | InterfacesError, Pipes | Interfaces | R | Scope.Scope> {
  const interfaces = yield* Interfaces
  const wanted: Wanted = {
    on: listOf(options.on, "all"),
    ports: listOf(options.ports, 0),
    transports: options.transports ?? ["tcp", "udp"],
    families: options.families
  }
  const plan = parts(wanted, yield* interfaces.list)
  if (Result.isFailure(plan)) {
    return yield* new DaemonError({ reason: new NothingToListenOn({ op: "serve", detail: plan.failure }) })
  }
  // Sockets opened before another one fails must not stay open, so all of them live in a scope of their own.
  const own = yield* Scope.fork(yield* Effect.scope)
  return yield* Effect.onExit(open(options, plan.success, own), (exit) =>
    Exit.isSuccess(exit) ? Effect.void : Scope.close(own, exit)
  )
})

const open = Effect.fnUntraced(function* <R>(options: Options<R>, plan: ReadonlyArray<Part>, own: Scope.Scope) {
  const pipes = yield* Pipes
  const servers: Array<Pipe> = []
  const failed: Array<FailedPart> = []
  for (const part of plan) {
    const opened = yield* Effect.result(Scope.provide(pipes.listen<R>(listenOptions(options, part)), own))
    if (Result.isSuccess(opened)) servers.push(opened.success)
    else failed.push({ part, error: opened.failure })
  }
  if (failed.length > 0 && (options.partial !== true || servers.length === 0)) {
    return yield* new DaemonError({ reason: new PartsFailed({ op: "serve", wanted: plan.length, failed }) })
  }
  return { servers, failed }
})

const listenOptions = <R>(options: Options<R>, part: Part): ListenOptions<R> => {
  const { dropDuplicates, framing, handlerConcurrency, onClose, onMessage, onOpen, queue } = options
  const { backlog, keepAlive, maxConnections, noDelay, tls } = options
  const common = { onClose, onMessage, onOpen, queue, dropDuplicates, handlerConcurrency }
  // Each family has its own socket, so the IPv6 one must leave IPv4 alone.
  const local = { address: part.address, port: part.port, interface: part.interface, ipv6Only: true }
  return part.transport === "udp"
    ? { ...common, transport: "udp", local }
    : { ...common, transport: "tcp", local, framing, tls, maxConnections, backlog, noDelay, keepAlive }
}
