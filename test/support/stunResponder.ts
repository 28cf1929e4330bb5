/**
 * A STUN server as small as tests need, on the socket contracts: it answers what the test says, from where the test says.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Attribute } from "../../src/protocols/stun/Attribute.ts"
import { decode } from "../../src/protocols/stun/decode.ts"
import { Deframer } from "../../src/protocols/stun/Deframer.ts"
import { encode } from "../../src/protocols/stun/encode.ts"
import { failure, get, type Message, success } from "../../src/protocols/stun/Message.ts"
import { Tcp, type TcpConnection, type TcpError, type TcpListener } from "../../src/services/Tcp.ts"
import { Udp, type UdpError, type UdpSocket } from "../../src/services/Udp.ts"

export interface Asked {
  readonly request: Message
  readonly bytes: Uint8Array
  readonly from: NetAddress.InetAddress
  /** Requests there were before this one. */
  readonly before: number
}

/** What to send for a request, in this order. */
export type Reply = (asked: Asked) => ReadonlyArray<Uint8Array>

export const bytesOf = (message: Message): Uint8Array => Result.getOrThrow(encode(message, { fingerprint: true }))

export const mapped = (endpoint: NetAddress.InetAddress): Attribute => ({ _tag: "XorMappedAddress", value: endpoint })

/** A proper answer, with more attributes where wanted. */
export const answer = (
  { from, request }: Pick<Asked, "from" | "request">,
  ...more: ReadonlyArray<Attribute>
): Uint8Array => bytesOf(success(request, [mapped(from), ...more]))

/** An answer that says another mapped endpoint. */
export const lie = ({ request }: Asked, endpoint: string, ...more: ReadonlyArray<Attribute>): Uint8Array =>
  bytesOf(success(request, [mapped(NetAddress.inetAddressFromStringUnsafe(endpoint)), ...more]))

export const refusal = ({ request }: Asked, code: number, ...more: ReadonlyArray<Attribute>): Uint8Array =>
  bytesOf(failure(request, code, more))

const good: Reply = (asked) => [answer(asked)]

const any = NetAddress.ipFromStringUnsafe("0.0.0.0")

// Reads one socket for ever and answers each request by `each`.
const serve = (socket: UdpSocket, each: (asked: Asked) => Effect.Effect<void, UdpError>) => {
  let before = 0
  return socket.pull.pipe(
    Effect.flatMap((datagrams) =>
      Effect.forEach(datagrams, ({ bytes, from }) => {
        const request = decode(bytes)
        return Result.isFailure(request)
          ? Effect.void
          : each({ request: request.success, bytes, from, before: before++ })
      })
    ),
    Effect.forever,
    Effect.catchTag("Done", () => Effect.never)
  )
}

/** Answers on an open socket for ever, from it or from another. */
export const serveUdp = (socket: UdpSocket, reply: Reply, via = socket) =>
  serve(socket, (asked) => Effect.forEach(reply(asked), (bytes) => via.send(bytes, asked.from), { discard: true }))

/** Answers on an open listener for ever; with `end` each connection is closed after the first answer. */
export const serveTcp = (listener: TcpListener, reply: Reply, end = false): Effect.Effect<never, TcpError> => {
  const each = (connection: TcpConnection) => {
    const deframer = new Deframer()
    let before = 0
    return connection.pull.pipe(
      Effect.flatMap((chunks) => {
        const out: Array<Uint8Array> = []
        for (const chunk of chunks) {
          deframer.push(chunk)
          for (let frame = deframer.next(); frame?._tag === "Message"; frame = deframer.next()) {
            const { bytes } = frame
            const request = Result.getOrThrow(decode(bytes))
            out.push(...reply({ request, bytes, from: connection.remote, before: before++ }))
          }
        }
        // One by one, so that each can be a packet of its own.
        const sent = Effect.forEach(out, (bytes) => connection.write(bytes), { discard: true })
        return end ? Effect.andThen(sent, connection.close) : sent
      }),
      Effect.forever,
      Effect.catch(() => connection.close)
    )
  }
  return listener.connections.pipe(
    Stream.mapEffect(each, { concurrency: "unbounded" }),
    Stream.runDrain,
    Effect.andThen(Effect.never)
  )
}

export interface Place {
  /** Default 0.0.0.0. */
  readonly address?: string | undefined
  /** Default 3478. */
  readonly port?: number | undefined
}

const placeOf = ({ address, port = 3478 }: Place) => ({
  address: address === undefined ? any : NetAddress.ipFromStringUnsafe(address),
  port
})

/** Answers over UDP for ever; `via` names the port that answers are sent from, where it is another. */
export const udpResponder = (
  reply: Reply = good,
  place: Place & { readonly via?: Place | undefined } = {}
): Effect.Effect<never, UdpError, Udp> =>
  Effect.gen(function* () {
    const udp = yield* Udp
    const socket = yield* udp.bind(placeOf(place))
    return yield* serveUdp(socket, reply, place.via === undefined ? socket : yield* udp.bind(placeOf(place.via)))
  }).pipe(Effect.scoped)

/**
 * Two addresses and two ports, as RFC 5780 wants; answers come from where CHANGE-REQUEST says, and `other` is what the server
 * says of its other end.
 */
export const twoByTwo = (
  addresses: readonly [string, string],
  options: { readonly ports?: readonly [number, number]; readonly other?: string | undefined } = {}
): Effect.Effect<never, UdpError, Udp> =>
  Effect.gen(function* () {
    const udp = yield* Udp
    const { ports = [3478, 3479] } = options
    const open = (address: number, port: number) =>
      udp.bind({ address: NetAddress.ipFromStringUnsafe(addresses[address]!), port: ports[port]! })
    const sockets = [
      [yield* open(0, 0), yield* open(0, 1)],
      [yield* open(1, 0), yield* open(1, 1)]
    ]
    const serving = [0, 1].flatMap((address) =>
      [0, 1].map((port) =>
        serve(sockets[address]![port]!, (asked) => {
          const change = get(asked.request, "ChangeRequest") ?? { address: false, port: false }
          const out = sockets[change.address ? 1 - address : address]![change.port ? 1 - port : port]!
          const other =
            options.other === undefined
              ? sockets[1 - address]![1 - port]!.local
              : NetAddress.inetAddressFromStringUnsafe(options.other)
          return out.send(answer(asked, { _tag: "OtherAddress", value: other }), asked.from)
        })
      )
    )
    return yield* Effect.raceAllFirst(serving)
  }).pipe(Effect.scoped)

/** Answers over TCP for ever. */
export const tcpResponder = (
  reply: Reply = good,
  place: Place & { readonly end?: boolean } = {}
): Effect.Effect<never, TcpError, Tcp> =>
  Effect.gen(function* () {
    const tcp = yield* Tcp
    return yield* serveTcp(yield* tcp.listen(placeOf(place)), reply, place.end)
  }).pipe(Effect.scoped)

export type Responder = Effect.Effect<never, UdpError | TcpError, Udp | Tcp | Scope.Scope>
