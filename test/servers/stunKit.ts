/** What the tests of the STUN server share: a world with a server of two addresses in it, and a client without opinions. */
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as SimulatedWorld from "../../src/layers/simulated/SimulatedWorld.ts"
import type { Attribute } from "../../src/protocols/stun/Attribute.ts"
import { Deframer } from "../../src/protocols/stun/Deframer.ts"
import { decode } from "../../src/protocols/stun/decode.ts"
import { encode } from "../../src/protocols/stun/encode.ts"
import { type Message, Method, request } from "../../src/protocols/stun/Message.ts"
import type { World } from "../../src/schemas/World.ts"
import * as StunServer from "../../src/servers/StunServer.ts"
import { Tcp, type TcpConnection, type TcpError } from "../../src/services/Tcp.ts"
import type { UdpError, UdpSocket } from "../../src/services/Udp.ts"
import { at, ip } from "../layers/simulated/kit.ts"

export const addresses = {
  IPv4: { address: ip("11.0.1.1"), alternate: { address: ip("11.0.1.2") } },
  IPv6: { address: ip("2a10::1:1"), alternate: { address: ip("2a10::1:2") } }
}
export type Family = keyof typeof addresses
export const families: ReadonlyArray<Family> = ["IPv4", "IPv6"]

/** One way to the server takes 10 ms. */
export const description = {
  ipv6: true,
  link: { latency: 5 },
  hosts: { server: { addresses: ["11.0.1.1", "11.0.1.2", "2a10::1:1", "2a10::1:2"] }, client: {} }
} as const satisfies World

export interface Ends<Names extends string = "server" | "client"> {
  readonly server: StunServer.StunServer
  readonly world: SimulatedWorld.SimulatedWorld<Names>
  /** Runs something on a host. */
  readonly on: <A, E, R>(
    name: Names,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, Exclude<R, SimulatedWorld.HostServices>>
}

/** A program beside a server on the host `server`. All sockets are closed when it ends. */
export const beside = <A, E, const W extends World = typeof description>(
  options: StunServer.Options,
  body: (ends: Ends<SimulatedWorld.NamesOf<W> | "server">) => Effect.Effect<A, E, Scope.Scope>,
  made: W = description as unknown as W,
  of: SimulatedWorld.Options = {}
) =>
  Effect.gen(function* () {
    type Names = SimulatedWorld.NamesOf<W> | "server"
    const world = (yield* SimulatedWorld.make(made, of)) as unknown as SimulatedWorld.SimulatedWorld<Names>
    const on: Ends<Names>["on"] = (name, effect) => Effect.provide(effect, world.context(name))
    const program = Effect.gen(function* () {
      const server = yield* on("server", StunServer.serve(options))
      return yield* body({ server, world, on })
    })
    return yield* world.run(Effect.scoped(program))
  })

let count = 0

/** Twelve bytes, or sixteen, that no other request of this test has. */
export const transactionId = (length = 12): Uint8Array => {
  count++
  return Uint8Array.from({ length }, (_, index) => (index < 4 ? count >>> (8 * index) : 0xa0 + index))
}

export const requestBytes = (attributes: ReadonlyArray<Attribute> = [], id = transactionId()): Uint8Array =>
  Result.getOrThrow(encode(request(Method.Binding, id, attributes)))

export interface Heard {
  readonly message: Message
  readonly from: NetAddress.InetAddress
  readonly length: number
}

/** Long in simulated time, where nothing else takes any. */
const LIMIT = 300

/** What comes within some time, or nothing. */
export const hear = (socket: UdpSocket, limit = LIMIT): Effect.Effect<Heard | undefined, UdpError> =>
  socket.pull.pipe(
    Effect.timeoutOption(limit),
    Effect.catchTag("Done", () => Effect.succeed(Option.none())),
    Effect.map((pulled) => {
      if (Option.isNone(pulled)) return undefined
      const [{ bytes, from }] = pulled.value as [(typeof pulled.value)[number]]
      return { message: Result.getOrThrow(decode(bytes, { classic: true })), from, length: bytes.length }
    })
  )

export const ask = (socket: UdpSocket, to: NetAddress.InetAddress, bytes: Uint8Array, limit = LIMIT) =>
  Effect.andThen(socket.send(bytes, to), hear(socket, limit))

/** A client's connection, and what comes over it. */
export interface Line {
  readonly connection: TcpConnection
  readonly send: (...requests: ReadonlyArray<Uint8Array>) => Effect.Effect<void, TcpError>
  /** The next message, or nothing: after some time, or at the end. */
  readonly hear: Effect.Effect<Message | undefined, TcpError>
}

export const line = (connection: TcpConnection, limit = LIMIT): Line => {
  const deframer = new Deframer()
  const next = (): Message | undefined => {
    const frame = deframer.next()
    return frame?._tag === "Message" ? Result.getOrThrow(decode(frame.bytes)) : undefined
  }
  const hear: Line["hear"] = Effect.suspend(() => {
    const message = next()
    if (message !== undefined) return Effect.succeed(message)
    return connection.pull.pipe(
      Effect.timeoutOption(limit),
      Effect.catchTag("Done", () => Effect.succeed(Option.none())),
      Effect.flatMap((chunks) => {
        if (Option.isNone(chunks)) return Effect.succeed(undefined)
        for (const chunk of chunks.value) deframer.push(chunk)
        return hear
      })
    )
  })
  return { connection, send: (...requests) => connection.writeAll(requests), hear }
}

export const dialLine = (remote: NetAddress.InetAddress, limit = LIMIT) =>
  Effect.flatMap(Tcp, (tcp) => Effect.map(tcp.dial({ remote }), (connection) => line(connection, limit)))

export { at, ip }
