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
import type { PipeError } from "../../services/Pipe.ts"
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

type ToDestination = OpenOptions<never> & { readonly destination: NonNullable<OpenOptions["destination"]> }

/** What is to be opened, read and checked. */
interface Plan {
  readonly target: Resolve.Target
  readonly local: LocalOptions | undefined
  readonly family: NetAddress.IpFamily | undefined
  /** One endpoint: nothing to look up and nothing to race. */
  readonly direct: NetAddress.InetAddress | undefined
}

const planOf = (options: ToDestination): Result.Result<Plan, PipeError> => {
  const read = Resolve.read(options.destination, options.transport)
  if (Result.isFailure(read)) return Result.fail(read.failure)
  const target = read.success
  const local = localOf(options.local, options.interface)
  const detail = badPort(local?.port)
  if (detail !== undefined) {
    return Result.fail(Failure.open("open", options.transport, { kind: "InvalidInput", target: target.text, detail }))
  }
  const family =
    local?.address === undefined || NetAddress.isUnspecified(local.address)
      ? options.family
      : NetAddress.familyOf(local.address)
  const { host } = target
  const fits = typeof host !== "string" && (family === undefined || NetAddress.familyOf(host) === family)
  return Result.succeed({ target, local, family, direct: fits ? host : undefined })
}

type AttemptOpen<A, E> = (
  remote: NetAddress.InetAddress,
  local: LocalOptions | undefined
) => Effect.Effect<A, E, Scope.Scope>

/**
 * Connects, then does what has to follow. A direct attempt has the whole time and keeps it by itself; whatever takes more
 * steps than that is timed as a whole.
 */
const reach = <A, E extends TcpError | UdpError>(
  { dns }: Sockets,
  options: ToDestination,
  attempt: AttemptOpen<A, E>,
  then?: (opened: A, target: Resolve.Target) => Open<A>
): Open<A> => {
  const plan = planOf(options)
  if (Result.isFailure(plan)) return Effect.fail(plan.failure)
  const { direct, target } = plan.success
  const progress: Progress<E> = { tried: [], underWay: new Set(), reached: undefined }
  const opening =
    direct === undefined
      ? race(dns, options, plan.success, attempt, progress)
      : Effect.mapError(attempt(direct, plan.success.local), (error) =>
          Failure.openFromSocket("open", options.transport, target.text, error)
        )
  const whole = then === undefined ? opening : Effect.flatMap(opening, (opened) => then(opened, target))
  if (direct !== undefined && then === undefined) return whole
  // Runs in a fibre of its own, with which look-ups end that are still under way.
  return Effect.timeoutOrElse(whole, {
    duration: options.timeout ?? OPEN_TIMEOUT,
    orElse: () =>
      Effect.fail(
        Failure.open("open", options.transport, {
          kind: "TimedOut",
          target: target.text,
          attempts: progress.tried,
          detail: direct === undefined ? outOfTime(progress) : undefined
        })
      )
  })
}

/** Of a name: what was done with its addresses so far. */
interface Progress<E> {
  readonly tried: Array<{ readonly remote: NetAddress.InetAddress; readonly error: E }>
  readonly underWay: Set<NetAddress.InetAddress>
  reached: NetAddress.InetAddress | undefined
}

const outOfTime = ({ reached, tried, underWay }: Progress<TcpError | UdpError>): string => {
  if (reached !== undefined) return `${NetAddress.formatInet(reached)} answered, but the TLS handshake took too long`
  if (tried.length + underWay.size === 0)
    return "the name service has not answered: check the network and this machine's DNS"
  const failed = tried.map(({ error, remote }) => `${NetAddress.formatInet(remote)} ${error.reason.kind}`)
  const silent = [...underWay].map((remote) => `${NetAddress.formatInet(remote)} did not answer`)
  return `of its addresses ${[...failed, ...silent].join(", ")}; the limit may be too short`
}

/** Resolves the destination and races its addresses. */
const race = <A, E extends TcpError | UdpError>(
  dns: Sockets["dns"],
  options: ToDestination,
  { family, local, target }: Plan,
  attempt: AttemptOpen<A, E>,
  progress: Progress<E>
): Open<A> =>
  Effect.gen(function* () {
    const noted = (remote: NetAddress.InetAddress) =>
      Effect.suspend(() => {
        progress.underWay.add(remote)
        return attempt(remote, local).pipe(
          Effect.tap(() => Effect.sync(() => (progress.reached = remote))),
          Effect.tapError((error) =>
            Effect.sync(() => {
              progress.underWay.delete(remote)
              progress.tried.push({ remote, error })
            })
          )
        )
      })
    const among = (remotes: ReadonlyArray<NetAddress.InetAddress>) => staggered(remotes.map(noted), ATTEMPT_DELAY_MS)
    const { first, late } = yield* Resolve.endpoints(dns, target, family, options.transport)
    const joining = Effect.flatMap(late, (more) => (more.length === 0 ? Effect.fail([]) : among(more)))
    // Late addresses are an attempt like the next one.
    return yield* Effect.mapError(staggered([among(first), joining], ATTEMPT_DELAY_MS), () =>
      allFailed(options, target.text, progress.tried)
    )
  })

export const openTcp = (sockets: Sockets, options: ToDestination): Open<TcpConnection> => {
  const { keepAlive, noDelay, tls } = options
  // The whole opening has a limit of its own.
  const timeout = options.timeout ?? OPEN_TIMEOUT
  const dial: AttemptOpen<TcpConnection, TcpError> = (remote, local) =>
    sockets.tcp.dial({ remote, local, noDelay, keepAlive, timeout })
  if (tls === undefined || tls === false) return reach(sockets, options, dial)
  return reach(sockets, options, dial, (connection, { host, text }) => {
    const client = tls === true ? {} : tls
    const serverName = client.serverName ?? (typeof host === "string" ? host : NetAddress.formatIp(host.address))
    return Effect.mapError(sockets.tls.client(connection, { ...client, serverName }), (error) =>
      Failure.openFromSocket("open", "tcp", text, error)
    )
  })
}

export const openUdp = (sockets: Sockets, options: ToDestination): Open<UdpSocket> =>
  reach(sockets, options, (remote, local) => sockets.udp.bind({ ...local, ...options.udp, remote }))

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
