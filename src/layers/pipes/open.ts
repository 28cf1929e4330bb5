/**
 * Opening the sockets of client and server pipes.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { ATTEMPT_DELAY_MS } from "../../protocols/happyEyeballs/order.ts"
import type { Attempt, PipeError } from "../../services/Pipe.ts"
import type { ListenOptions, OpenOptions } from "../../services/Pipes.ts"
import type { LocalOptions, Tcp, TcpConnection, TcpError } from "../../services/Tcp.ts"
import type { Tls } from "../../services/Tls.ts"
import type { Udp, UdpError, UdpSocket } from "../../services/Udp.ts"
import * as Failure from "./failure.ts"
import * as Resolve from "./resolve.ts"
import { staggered } from "./staggered.ts"

/** Name, connection and TLS together. */
export const OPEN_TIMEOUT = Duration.seconds(15)

export interface Sockets {
  readonly tcp: Tcp["Service"]
  readonly udp: Udp["Service"]
  readonly tls: Tls["Service"]
  readonly dns: Dns.Dns["Service"]
}

type Open<A> = Effect.Effect<A, PipeError, Scope.Scope>

const localOf = (local: LocalOptions | undefined, name: string | undefined): LocalOptions | undefined =>
  name === undefined ? local : { ...local, interface: name }

/** Ports are given as numbers: those that are none must not reach a socket layer as something else. */
const badPort = (port: number | undefined): string | undefined =>
  port === undefined || (Number.isInteger(port) && port >= 0 && port <= 65_535)
    ? undefined
    : `${port} is not a port: use 0 (any) to 65535`

const timed = <A>(options: OpenOptions<never>, target: string, open: Open<A>, tried: ReadonlyArray<Attempt>): Open<A> =>
  Effect.timeoutOrElse(open, {
    duration: options.timeout ?? OPEN_TIMEOUT,
    orElse: () =>
      Effect.suspend(() =>
        Effect.fail(Failure.open("open", options.transport, { kind: "TimedOut", target, attempts: tried }))
      )
  })

// Of several failed attempts the last one's reason is told, with all of them behind it: it is the one RFC 8305 tried when
// nothing better was left.
const allFailed = <E extends TcpError | UdpError>(
  options: OpenOptions<never>,
  target: string,
  tried: ReadonlyArray<{ readonly remote: NetAddress.InetAddress; readonly error: E }>
): PipeError => {
  const last = tried[tried.length - 1]!
  const error = Failure.openFromSocket("open", options.transport, target, last.error)
  return tried.length === 1
    ? error
    : Failure.open("open", options.transport, {
        ...fieldsOf(error),
        target,
        attempts: tried,
        detail: `all ${tried.length} addresses failed: ${tried
          .map(({ error, remote }) => `${NetAddress.formatInet(remote)} ${error.reason.kind}`)
          .join(", ")}`
      })
}

const fieldsOf = ({ reason: { cause, interface: device, kind, local, remote } }: PipeError) => ({
  cause,
  interface: device,
  kind,
  local,
  remote
})

/** Resolves the destination and races its addresses. */
const connect = <A, E extends TcpError | UdpError>(
  { dns }: Sockets,
  options: OpenOptions<never> & { readonly destination: NonNullable<OpenOptions["destination"]> },
  attempt: (remote: NetAddress.InetAddress, local: LocalOptions | undefined) => Effect.Effect<A, E, Scope.Scope>,
  then: (opened: A, target: Resolve.Target) => Open<A>
): Open<A> =>
  Effect.gen(function* () {
    const target = yield* Effect.fromResult(Resolve.read(options.destination, options.transport))
    const local = localOf(options.local, options.interface)
    const wrongPort = badPort(local?.port)
    if (wrongPort !== undefined) {
      return yield* Failure.open("open", options.transport, {
        kind: "InvalidInput",
        target: target.text,
        detail: wrongPort
      })
    }
    const family =
      local?.address === undefined || NetAddress.isUnspecified(local.address)
        ? options.family
        : NetAddress.familyOf(local.address)
    if (typeof target.host !== "string" && (family === undefined || NetAddress.familyOf(target.host) === family)) {
      // One endpoint: nothing to look up and nothing to race. The attempt has the whole time, and keeps it.
      const opened = yield* Effect.mapError(attempt(target.host, local), (error) =>
        Failure.openFromSocket("open", options.transport, target.text, error)
      )
      return yield* then(opened, target)
    }
    const tried: Array<{ readonly remote: NetAddress.InetAddress; readonly error: E }> = []
    const race = (remotes: ReadonlyArray<NetAddress.InetAddress>) =>
      staggered(
        remotes.map((remote) =>
          Effect.tapError(attempt(remote, local), (error) => Effect.sync(() => tried.push({ remote, error })))
        ),
        ATTEMPT_DELAY_MS
      )
    const open = Effect.gen(function* () {
      const { first, late } = yield* Resolve.endpoints(dns, target, family, options.transport)
      const opened = yield* Effect.mapError(
        staggered([race(first), Effect.flatMap(late, (more) => (more.length === 0 ? Effect.fail([]) : race(more)))], 0),
        () => allFailed(options, target.text, tried)
      )
      return yield* then(opened, target)
    })
    return yield* timed(options, target.text, open, tried)
  })

export const openTcp = (
  sockets: Sockets,
  options: OpenOptions<never> & { readonly destination: NonNullable<OpenOptions["destination"]> }
): Open<TcpConnection> =>
  connect(
    sockets,
    options,
    (remote, local) =>
      sockets.tcp.dial({
        remote,
        local,
        noDelay: options.noDelay,
        keepAlive: options.keepAlive,
        // The whole opening has a limit of its own.
        timeout: options.timeout ?? OPEN_TIMEOUT
      }),
    (connection, target) => {
      if (options.tls === undefined || options.tls === false) return Effect.succeed(connection)
      const name = typeof target.host === "string" ? target.host : NetAddress.formatIp(target.host.address)
      const client = options.tls === true ? {} : options.tls
      const secured = Effect.mapError(
        sockets.tls.client(connection, { ...client, serverName: client.serverName ?? name }),
        (error) => Failure.openFromSocket("open", "tcp", target.text, error)
      )
      return timed(options, target.text, secured, [])
    }
  )

export const openUdp = (
  sockets: Sockets,
  options: OpenOptions<never> & { readonly destination: NonNullable<OpenOptions["destination"]> }
): Open<UdpSocket> =>
  connect(
    sockets,
    options,
    (remote, local) => sockets.udp.bind({ ...local, ...options.udp, remote }),
    (socket) => Effect.succeed(socket)
  )

/** The local end of a server, read. */
export const localEnd = (
  options: ListenOptions<never>
): Result.Result<LocalOptions & { readonly ipv6Only?: boolean | undefined }, PipeError> => {
  const invalid = (target: string, detail: string) =>
    Result.fail(Failure.open("listen", options.transport, { kind: "InvalidInput", target, detail }))
  if (typeof options.local !== "string") {
    const wrong = badPort(options.local?.port)
    return wrong === undefined
      ? Result.succeed(localOf(options.local, options.interface) ?? {})
      : invalid(String(options.local?.port), wrong)
  }
  const endpoint = NetAddress.inetAddressFromString(options.local)
  return Result.isSuccess(endpoint)
    ? Result.succeed(
        localOf({ address: endpoint.success.address, port: endpoint.success.port }, options.interface) ?? {}
      )
    : invalid(options.local, "write address:port, such as 0.0.0.0:80 or [::1]:0")
}
