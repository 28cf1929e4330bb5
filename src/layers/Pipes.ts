/**
 * `Pipes` on the socket contracts: the same code on real and simulated networks.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as Scope from "effect/Scope"
import type * as Pipe from "../services/Pipe.ts"
import { type CommonOptions, type ListenOptions, type OpenOptions, Pipes } from "../services/Pipes.ts"
import { Tcp } from "../services/Tcp.ts"
import { Tls } from "../services/Tls.ts"
import { Udp } from "../services/Udp.ts"
import type { BasePipe, Settings } from "./pipes/base.ts"
import * as Failure from "./pipes/failure.ts"
import * as Open from "./pipes/open.ts"
import { TcpPipe } from "./pipes/tcpPipe.ts"
import { TcpServerPipe } from "./pipes/tcpServer.ts"
import { UdpPipe } from "./pipes/udpPipe.ts"
import { UdpServerPipe } from "./pipes/udpServer.ts"

const settingsOf = (options: CommonOptions<never>): Settings => ({
  framing: options.framing,
  queue: options.queue,
  dropDuplicates: options.dropDuplicates,
  handlerConcurrency: options.handlerConcurrency
})

type Opened<R> = Effect.Effect<Pipe.Pipe, Pipe.PipeError, R | Scope.Scope>

/**
 * Registers the handlers, then begins to read, then leaves the pipe to the scope. The close finalizer is added first of
 * all, so that handlers are still there when the pipe is closed, and gone after.
 */
const begin = <R>(
  pipe: BasePipe,
  options: CommonOptions<R>,
  start: (context: Context.Context<Scope.Scope>, scope: Scope.Scope) => void
): Opened<R> =>
  Effect.contextWith((context: Context.Context<R | Scope.Scope>) => {
    const scope = Context.get(context, Scope.Scope)
    const started = Effect.andThen(
      Scope.addFinalizer(scope, pipe.close),
      Effect.sync(() => {
        start(context, scope)
        return pipe
      })
    )
    const { onClose, onMessage, onOpen } = options
    if (onMessage === undefined && onClose === undefined && onOpen === undefined) return started
    return Effect.gen(function* () {
      if (onMessage !== undefined) yield* pipe.onMessage(onMessage)
      if (onClose !== undefined) yield* pipe.onClose(onClose)
      if (onOpen !== undefined) yield* pipe.onOpen(onOpen)
      return yield* started
    })
  })

const beginReading = <R>(pipe: BasePipe & Pick<TcpPipe, "start">, options: CommonOptions<R>): Opened<R> =>
  begin(pipe, options, (context) => pipe.start(context))

/** Refuses framing where messages have borders of their own. */
const checkFraming = (op: "open" | "listen" | "wrap", options: CommonOptions<never>) =>
  options.framing === undefined || options.framing === "raw"
    ? Effect.void
    : Effect.fail(
        Failure.open(op, "udp", { kind: "InvalidInput", detail: "UDP keeps message borders: framing is for TCP" })
      )

const make = Effect.gen(function* () {
  const tcp = yield* Tcp
  const udp = yield* Udp
  const tls = yield* Tls
  const dns = yield* Dns.Dns
  const sockets: Open.Sockets = { tcp, udp, tls, dns }

  const listen = Effect.fnUntraced(function* <R>(options: ListenOptions<R>) {
    const {
      address,
      interface: device,
      ipv6Only,
      port
    } = yield* Effect.fromResult(Open.localEnd(options as ListenOptions))
    if (options.transport === "udp") {
      yield* checkFraming("listen", options as ListenOptions)
      const socket = yield* udp
        .bind({ address, port, interface: device, ipv6Only, ...options.udp })
        .pipe(Effect.mapError((error) => Failure.openFromSocket("listen", "udp", undefined, error)))
      return yield* beginReading(new UdpServerPipe(socket, settingsOf(options as ListenOptions)), options)
    }
    const listener = yield* tcp
      .listen({
        address,
        port,
        interface: device,
        ipv6Only,
        backlog: options.backlog,
        maxConnections: options.maxConnections,
        noDelay: options.noDelay,
        keepAlive: options.keepAlive
      })
      .pipe(Effect.mapError((error) => Failure.openFromSocket("listen", "tcp", undefined, error)))
    const secure = options.tls === undefined ? undefined : { tls, options: options.tls }
    const server = new TcpServerPipe(listener, secure, settingsOf(options as ListenOptions))
    return yield* begin(server, options, (context, scope) => {
      Fiber.runIn(Effect.runForkWith(context)(server.serve(context)), scope)
    })
  })

  const open = Effect.fnUntraced(function* <R>(options: OpenOptions<R>) {
    const { destination } = options
    if (destination === undefined) {
      const { local, tls: _, ...rest } = options
      return yield* listen<R>({ ...rest, local })
    }
    const to = { ...(options as OpenOptions), destination }
    if (options.transport === "tcp") {
      const connection = yield* Open.openTcp(sockets, to)
      const secure = options.tls !== undefined && options.tls !== false
      return yield* beginReading(new TcpPipe(connection, secure, settingsOf(to), undefined), options)
    }
    yield* checkFraming("open", to)
    const socket = yield* Open.openUdp(sockets, to)
    return yield* beginReading(new UdpPipe(socket, socket.remote!, settingsOf(to)), options)
  })

  return Pipes.of({
    open,
    listen,
    fromTcp: (connection, options = {}) =>
      Effect.acquireRelease(Effect.succeed(connection), () => connection.close).pipe(
        Effect.flatMap(() =>
          beginReading(
            new TcpPipe(connection, options.secure ?? false, settingsOf(options as CommonOptions), undefined),
            options
          )
        )
      ),
    fromUdp: (socket, options = {}) =>
      Effect.andThen(
        checkFraming("wrap", options as CommonOptions),
        beginReading(
          socket.remote === undefined
            ? new UdpServerPipe(socket, settingsOf(options as CommonOptions))
            : new UdpPipe(socket, socket.remote, settingsOf(options as CommonOptions)),
          options
        )
      )
  })
})

export const layer: Layer.Layer<Pipes, never, Tcp | Udp | Tls | Dns.Dns> = Layer.effect(Pipes, make)
