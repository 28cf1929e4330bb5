/**
 * The small exchange `p2p simulate` shows: two hosts meet over UDP by way of a server and send to each other, then each
 * has a TCP server in the middle echo a few bytes. Written on the contracts alone.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { NetKind } from "../../schemas/NetKind.ts"
import { Tcp } from "../../services/Tcp.ts"
import { Udp, type UdpSocket } from "../../services/Udp.ts"

/** STUN's port for the meeting, and HTTPS's for the echo, which hardly any network blocks. */
const MEETING_PORT = 3478
const ECHO_PORT = 443
/** The hosts' own UDP port: the same on both, so that one sees whether a NAT keeps it. */
const HOST_PORT = 5000

/** A datagram may get lost, and the other host may come later: each is said this often. */
const TRIES = 4
/** Between two tries, in milliseconds and in round trips, whichever is more. */
const REGISTER_EVERY = 500
const SEND_EVERY = 250
const PATIENCE = 2

/** Longer than it takes to lose a SYN twice. */
const DIAL_LIMIT = 4_000
const ECHO_LIMIT = 4_000

/** What the server has seen of the hosts. */
export interface Seen {
  readonly udp: Map<string, NetAddress.InetAddress>
  readonly tcp: Map<string, NetAddress.InetAddress>
}

export const nothingSeen = (): Seen => ({ udp: new Map(), tcp: new Map() })

/** Times are milliseconds of the host's own clock. */
export interface Report {
  readonly name: string
  /** What the other host's first datagram came from; `undefined` if none came. */
  readonly heard: { readonly from: NetAddress.InetAddress; readonly after: number } | undefined
  /** Whether the other host said it had heard this one. */
  readonly confirmed: boolean
  /** How long the TCP echo took, or why there was none. */
  readonly echo: Result.Result<number, NetKind>
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

// What the network does not take is as good as lost.
const say = (socket: UdpSocket, text: string, to: NetAddress.InetAddress): Effect.Effect<void> =>
  Effect.ignore(socket.send(encoder.encode(text), to))

/** Tells each host the endpoint of the other, as seen from here, and echoes TCP. Never ends. */
export const serve = Effect.fnUntraced(function* (seen: Seen) {
  const udp = yield* Udp
  const tcp = yield* Tcp
  const socket = yield* udp.bind({ address: NetAddress.ipv4Unspecified, port: MEETING_PORT })
  const listener = yield* tcp.listen({ address: NetAddress.ipv4Unspecified, port: ECHO_PORT })
  const echo = Stream.runForEach(listener.connections, (connection) =>
    Effect.gen(function* () {
      for (;;) {
        const chunks = yield* connection.pull
        for (const chunk of chunks) if (chunk.length > 0) seen.tcp.set(decoder.decode(chunk), connection.remote)
        yield* connection.writeAll(chunks)
      }
    }).pipe(Effect.ensuring(connection.close), Effect.ignore, Effect.forkChild)
  )
  const introduce = Effect.gen(function* () {
    for (const { bytes, from } of yield* socket.pull) {
      seen.udp.set(decoder.decode(bytes), from)
      if (seen.udp.size < 2) continue
      for (const to of seen.udp.values()) {
        for (const [name, other] of seen.udp) {
          if (other !== to) yield* say(socket, `${name} ${NetAddress.formatInet(other)}`, to)
        }
      }
    }
  })
  yield* Pull.catchDone(Effect.raceFirst(echo, Effect.forever(introduce)), () => Effect.void)
  return yield* Effect.never
}, Effect.scoped)

export interface Call {
  readonly name: string
  readonly server: NetAddress.IpAddress
  /** How long an answer takes if nothing is lost, in milliseconds. */
  readonly roundTrip: number
}

/** One host's part. */
export const call = Effect.fnUntraced(function* ({ name, roundTrip, server }: Call) {
  const udp = yield* Udp
  const socket = yield* udp.bind({ address: NetAddress.ipv4Unspecified, port: HOST_PORT })
  const meeting = yield* meet(socket, name, NetAddress.inetAddressUnsafe(server, MEETING_PORT), PATIENCE * roundTrip)
  const echo = yield* Effect.result(echoed(name, NetAddress.inetAddressUnsafe(server, ECHO_PORT), roundTrip))
  const report: Report = { name, ...meeting(), echo: Result.mapError(echo, kindOf) }
  return report
}, Effect.scoped)

const now = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1_000_000)

/** Done when the other host is known to hear this one, or has been tried often enough. Goes on answering afterwards. */
const meet = Effect.fnUntraced(function* (
  socket: UdpSocket,
  name: string,
  server: NetAddress.InetAddress,
  patience: number
) {
  const began = yield* now
  const introduced = yield* Deferred.make<void>()
  const open = yield* Deferred.make<void>()
  let peer: NetAddress.InetAddress | undefined
  let heard: Report["heard"]
  const listen = Effect.gen(function* () {
    for (const { bytes, from } of yield* socket.pull) {
      const text = decoder.decode(bytes)
      if (from.port === server.port && NetAddress.formatIp(from.address) === NetAddress.formatIp(server.address)) {
        const endpoint = NetAddress.inetAddressFromString(text.split(" ")[1] ?? "")
        if (Result.isSuccess(endpoint)) peer ??= endpoint.success
        yield* Deferred.succeed(introduced, undefined)
        continue
      }
      heard ??= { from, after: (yield* now) - began }
      if (text === "hello") yield* say(socket, "heard you", from)
      else yield* Deferred.succeed(open, undefined)
    }
  })
  yield* Effect.forkScoped(Effect.ignore(Effect.forever(listen)))

  // A second time only what was not answered the first.
  const insist = (done: Deferred.Deferred<void>, every: number, send: () => Effect.Effect<void>) =>
    Effect.gen(function* () {
      for (let turn = 0; turn < TRIES && !(yield* Deferred.isDone(done)); turn++) {
        yield* send()
        yield* Effect.timeoutOption(Deferred.await(done), Math.max(every, patience))
      }
    })
  yield* insist(introduced, REGISTER_EVERY, () => say(socket, name, server))
  const found = peer
  if (found !== undefined) yield* insist(open, SEND_EVERY, () => say(socket, "hello", heard?.from ?? found))
  return () => ({ heard, confirmed: Deferred.isDoneUnsafe(open) })
})

const echoed = Effect.fnUntraced(function* (name: string, remote: NetAddress.InetAddress, roundTrip: number) {
  const tcp = yield* Tcp
  const began = yield* now
  const connection = yield* tcp.dial({ remote, timeout: DIAL_LIMIT + 3 * roundTrip })
  const exchange = Effect.andThen(connection.write(encoder.encode(name)), connection.pull)
  yield* Effect.timeout(exchange, ECHO_LIMIT + 3 * roundTrip)
  const took = (yield* now) - began
  // The server's end comes after this one's, as it should.
  const end = Effect.andThen(connection.end, Effect.forever(connection.pull))
  yield* Effect.ignore(Effect.timeout(end, ECHO_LIMIT + 3 * roundTrip))
  return took
}, Effect.scoped)

const kindOf = (error: Effect.Error<ReturnType<typeof echoed>>): NetKind =>
  error._tag === "TcpError" ? error.reason.kind : error._tag === "Done" ? "Closed" : "TimedOut"
