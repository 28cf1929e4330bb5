/** What the tests of the simulated network share: small programs and small words. */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import type { SimulationError } from "../../../src/layers/simulated/SimulationError.ts"
import { flagNames, format } from "../../../src/protocols/packet/IpPacket.ts"
import type { World, WorldError } from "../../../src/schemas/World.ts"
import type { NetKind } from "../../../src/schemas/NetKind.ts"
import { type DialOptions, Tcp, type TcpConnection, type TcpError } from "../../../src/services/Tcp.ts"
import type { TraceEvent } from "../../../src/protocols/trace/TraceEvent.ts"
import { Udp, type UdpError, type UdpSocket } from "../../../src/services/Udp.ts"

export const at = NetAddress.inetAddressFromStringUnsafe
export const ip = NetAddress.ipFromStringUnsafe
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (chunk: Uint8Array): string => new TextDecoder().decode(chunk)

/** Bytes that show where they come from. */
export const pattern = (size: number): Uint8Array => {
  const made = new Uint8Array(size)
  for (let index = 0; index < size; index++) made[index] = (index * 31 + (index >> 8) * 7 + (index >> 16)) & 0xff
  return made
}

/** Runs one program for each host of a world made for it; gives what they gave, and the world. */
export const inWorld = <const W extends World, const P extends SimulatedWorld.HostPrograms<SimulatedWorld.NamesOf<W>>>(
  description: W,
  programs: P,
  options: SimulatedWorld.Options & SimulatedWorld.RunOptions = {}
) =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make(description, options)
    const outcomes = yield* world.run<P>(programs, options)
    return { world, outcomes }
  })

export type Ran<A> = Effect.Effect<A, WorldError | SimulationError>

export const dial = (
  remote: string,
  options: Omit<DialOptions, "remote"> = {}
): Effect.Effect<TcpConnection, TcpError, Tcp | Scope.Scope> =>
  Effect.flatMap(Tcp, (tcp) => tcp.dial({ remote: at(remote), ...options }))

export const bind = (
  options: Parameters<Udp["Service"]["bind"]>[0] = {}
): Effect.Effect<UdpSocket, UdpError, Udp | Scope.Scope> => Effect.flatMap(Udp, (udp) => udp.bind(options))

/** The kind of a failure, or `undefined` for a success. */
export const kindOf = <A, R>(
  effect: Effect.Effect<A, TcpError | UdpError, R>
): Effect.Effect<NetKind | undefined, never, R> =>
  Effect.match(effect, { onFailure: (error) => error.reason.kind, onSuccess: () => undefined })

/** Reads to the end. */
export const readAll = (connection: TcpConnection): Effect.Effect<Uint8Array, TcpError> =>
  Effect.gen(function* () {
    const chunks: Array<Uint8Array> = []
    yield* connection.pull.pipe(
      Effect.tap((some) => Effect.sync(() => chunks.push(...some))),
      Effect.forever,
      Effect.catchTag("Done", () => Effect.void)
    )
    return Uint8Array.from(Buffer.concat(chunks))
  })

/** Takes one connection on a port and gives it to a program. */
export const serve = <A, E, R>(
  port: number,
  use: (connection: TcpConnection) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | TcpError, Exclude<R, Scope.Scope> | Tcp> =>
  Effect.gen(function* () {
    const tcp = yield* Tcp
    const listener = yield* tcp.listen({ port })
    return yield* use(yield* listener.accept)
  }).pipe(Effect.scoped)

/** Echoes until the other side ends, then ends. */
export const echo = (port: number) =>
  serve(port, (connection) =>
    connection.pull.pipe(
      Effect.flatMap((chunks) => connection.writeAll(chunks)),
      Effect.forever,
      Effect.catchTag("Done", () => connection.end),
      Effect.andThen(connection.closed)
    )
  )

/** `12.5 alice>bob SYN 0 Delivered`: the TCP packets of a trace. */
export const tcpLines = (trace: ReadonlyArray<TraceEvent>): ReadonlyArray<string> =>
  trace.flatMap(({ fate, from, packet, time, to }) =>
    packet._tag === "Tcp"
      ? [`${time} ${from}>${to ?? ""} ${flagNames(packet.flags)} ${packet.payload.length} ${fate._tag}`]
      : []
  )

export const lines = (trace: ReadonlyArray<TraceEvent>): string =>
  trace
    .map(({ duplicate, fate, from, network, packet, time, to }) =>
      [
        time,
        from,
        to ?? "-",
        network,
        format(packet),
        duplicate,
        JSON.stringify(fate),
        Array.from("payload" in packet ? packet.payload : [])
      ].join(" ")
    )
    .join("\n")
