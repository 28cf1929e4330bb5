/**
 * `Pipes` on the socket contracts: the same code on real and simulated networks.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type * as Pipe from "../services/Pipe.ts"
import { type CommonOptions, type ListenOptions, type OpenOptions, Pipes } from "../services/Pipes.ts"
import { Tcp, type TcpError } from "../services/Tcp.ts"
import { Tls, type TlsError } from "../services/Tls.ts"
import { Udp, type UdpError } from "../services/Udp.ts"
import type { BasePipe } from "./pipes/base.ts"
import * as Failure from "./pipes/failure.ts"
import * as Open from "./pipes/open.ts"
import { badLimit, type Settings, settingsOf } from "./pipes/settings.ts"
import { TcpPipe } from "./pipes/tcpPipe.ts"
import { TcpServerPipe } from "./pipes/tcpServer.ts"
import { UdpPipe } from "./pipes/udpPipe.ts"
import { UdpServerPipe } from "./pipes/udpServer.ts"

type Opened<R> = Effect.Effect<Pipe.Pipe, Pipe.PipeError, R | Scope.Scope>

interface Startable extends BasePipe {
  readonly start: (context: Context.Context<never>, scope: Scope.Scope) => void
}

/**
 * Registers the handlers, leaves the pipe to the scope, then begins to read. Finalizers run last first: handlers are still
 * there when the pipe is closed, and gone after.
 */
const begin = <R>(
  pipe: Startable,
  options: CommonOptions<R>,
  context: Context.Context<R | Scope.Scope>,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Opened<R> => {
  const scope = Context.get(context, Scope.Scope)
  const owned = Scope.addFinalizer(scope, pipe.close)
  const started = Effect.sync(() => {
    pipe.start(context, scope)
    return pipe
  })
  const { onClose, onMessage, onOpen } = options
  if (onMessage === undefined && onClose === undefined && onOpen === undefined) return Effect.andThen(owned, started)
  return Effect.gen(function* () {
    if (onMessage !== undefined) yield* pipe.onMessage(onMessage)
    if (onClose !== undefined) yield* pipe.onClose(onClose)
    yield* owned
    if (onOpen !== undefined) yield* restore(pipe.onOpen(onOpen))
    return yield* started
  })
}

/** Opens a socket in a scope of its own, which the pipe closes with itself. */
const openThen = <R, A>(
  options: CommonOptions<R>,
  opening: Effect.Effect<A, Pipe.PipeError, Scope.Scope>,
  over: (socket: A, scope: Scope.Closeable) => Startable
): Opened<R> =>
  Effect.contextWith((context: Context.Context<R | Scope.Scope>) =>
    Effect.uninterruptibleMask((restore) => {
      const own = Scope.makeUnsafe()
      const opened = Effect.onExit(restore(Scope.provide(opening, own)), (exit) =>
        Exit.isSuccess(exit) ? Effect.void : Scope.close(own, exit)
      )
      return Effect.flatMap(opened, (socket) => begin(over(socket, own), options, context, restore))
    })
  )

/** Over a socket that is open already, and belongs to somebody else. */
const wrap = <R>(transport: "tcp" | "udp", options: CommonOptions<R>, over: () => Startable): Opened<R> =>
  Effect.contextWith((context: Context.Context<R | Scope.Scope>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(checked("wrap", transport, options, Effect.void), () => begin(over(), options, context, restore))
    )
  )

type Op = Pipe.PipeOpenError["op"]

/** `opening`, unless the options are wrong. */
const checked = <A, R>(
  op: Op,
  transport: "tcp" | "udp",
  options: Settings & { readonly maxConnections?: number | undefined; readonly tls?: unknown },
  opening: Effect.Effect<A, Pipe.PipeError, R>
): Effect.Effect<A, Pipe.PipeError, R> => {
  const detail = badLimit(options)
  if (detail !== undefined) return Effect.fail(Failure.open(op, transport, { kind: "InvalidInput", detail }))
  return transport === "udp" ? Effect.andThen(checkUdp(op, options), opening) : opening
}

/** Refuses what only makes sense on a stream. */
const checkUdp = (op: Op, { framing, tls }: Settings & { readonly tls?: unknown }) => {
  const refuse = (detail: string) => Effect.fail(Failure.open(op, "udp", { kind: "InvalidInput", detail }))
  if (framing !== undefined && framing !== "raw") return refuse("UDP keeps message borders: framing is for TCP")
  return tls === undefined || tls === false ? Effect.void : refuse("TLS is for TCP: UDP pipes send in clear")
}

const make = Effect.gen(function* () {
  const tcp = yield* Tcp
  const udp = yield* Udp
  const tls = yield* Tls
  const dns = yield* Dns.Dns
  const sockets: Open.Sockets = { tcp, udp, tls, dns }

  const listen = <R>(options: ListenOptions<R>): Opened<R> => {
    const read = Open.localEnd(options as ListenOptions)
    if (Result.isFailure(read)) return Effect.fail(read.failure)
    const { address, interface: device, ipv6Only, port } = read.success
    const refused = (error: TcpError | UdpError | TlsError) =>
      Failure.openFromSocket("listen", options.transport, undefined, error)
    const settings = settingsOf(options)
    if (options.transport === "udp") {
      const bind = udp.bind({ address, port, interface: device, ipv6Only, ...options.udp })
      return openThen(
        options,
        checked("listen", "udp", options, Effect.mapError(bind, refused)),
        (socket, scope) => new UdpServerPipe(socket, settings, scope, options.maxConnections)
      )
    }
    const { backlog, keepAlive, maxConnections, noDelay } = options
    const opening = Effect.gen(function* () {
      const secure = options.tls === undefined ? undefined : yield* tls.server(options.tls)
      const local = { address, port, interface: device, ipv6Only }
      const listener = yield* tcp.listen({ ...local, backlog, maxConnections, noDelay, keepAlive })
      return { listener, secure }
    })
    return openThen(
      options,
      checked("listen", "tcp", options, Effect.mapError(opening, refused)),
      ({ listener, secure }, scope) => new TcpServerPipe(listener, secure, settings, scope)
    )
  }

  const open = <R>(options: OpenOptions<R>): Opened<R> => {
    const { destination } = options
    if (destination === undefined) {
      const { tls, ...rest } = options
      if (tls === undefined || tls === false) return listen<R>(rest)
      const detail = "without a destination it is a server, and TLS there needs a certificate: use `listen`"
      return Effect.fail(Failure.open("open", options.transport, { kind: "InvalidInput", detail }))
    }
    const to = { ...(options as OpenOptions), destination }
    const settings = settingsOf(options)
    if (options.transport === "tcp") {
      const secure = options.tls !== undefined && options.tls !== false
      return openThen(
        options,
        checked("open", "tcp", options, Open.openTcp(sockets, to)),
        (connection, scope) => new TcpPipe(connection, secure, settings, undefined, scope)
      )
    }
    return openThen(
      options,
      checked("open", "udp", options, Open.openUdp(sockets, to)),
      (socket, scope) => new UdpPipe(socket, socket.remote!, settings, scope)
    )
  }

  return Pipes.of({
    open,
    listen,
    fromTcp: (connection, options = {}) =>
      wrap(
        "tcp",
        options,
        () =>
          new TcpPipe(connection, options.secure ?? false, settingsOf(options), undefined, undefined, options.readAfter)
      ),
    fromUdp: (socket, options = {}) =>
      wrap("udp", options, () =>
        socket.remote === undefined
          ? new UdpServerPipe(socket, settingsOf(options), undefined)
          : new UdpPipe(socket, socket.remote, settingsOf(options), undefined)
      )
  })
})

export const layer: Layer.Layer<Pipes, never, Tcp | Udp | Tls | Dns.Dns> = Layer.effect(Pipes, make)
