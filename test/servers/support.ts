/**
 * What the tests of servers share: a client that asks one thing, and sockets made without this library, which tell whether
 * a port is free.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as dgram from "node:dgram"
import * as net from "node:net"
import type { Pipe } from "../../src/services/Pipe.ts"
import { type OpenOptions, Pipes } from "../../src/services/Pipes.ts"
import { portNumbers } from "../support/portNumbers.ts"
import { realWorld } from "../support/realWorld.ts"

/** The answer of a server to one message. */
export const ask = (server: Pipe, question: string, options: Partial<OpenOptions> = {}) =>
  Effect.scoped(
    Effect.gen(function* () {
      const pipes = yield* Pipes
      const pipe = yield* pipes.open({ transport: server.transport, destination: server.local, ...options })
      yield* pipe.send(question)
      return (yield* pipe.receive()).text
    })
  )

export const nameOf = ({ local, transport }: Pick<Pipe, "local" | "transport">): string =>
  `${transport} ${NetAddress.formatIp(local.address)}`

/** The loopback addresses there are. */
export const hosts = realWorld.families.map((family) => (family === "IPv4" ? "127.0.0.1" : "::1"))

/** A server on each, TCP and UDP: what a daemon on loopback has. */
export const everywhere = hosts.flatMap((host) => [`tcp ${host}`, `udp ${host}`])

type Kind = "tcp" | "udp"

const listenOn = (kind: Kind, host: string, port: number) =>
  Effect.callback<{ readonly port: number; readonly close: () => void }, NodeJS.ErrnoException>((resume) => {
    const fail = (error: NodeJS.ErrnoException) => resume(Effect.fail(error))
    if (kind === "tcp") {
      const server = net.createServer().once("error", fail)
      server.listen({ host, port, exclusive: true }, () => {
        const address = server.address() as net.AddressInfo
        resume(Effect.succeed({ port: address.port, close: () => server.close() }))
      })
    } else {
      const socket = dgram.createSocket(host.includes(":") ? "udp6" : "udp4").once("error", fail)
      socket.bind({ address: host, port, exclusive: true }, () =>
        resume(Effect.succeed({ port: socket.address().port, close: () => socket.close() }))
      )
    }
  })

/** Takes a port of this machine, any with 0, until the scope closes. */
export const occupy = (kind: Kind, host: string, port = 0) =>
  Effect.map(
    Effect.acquireRelease(listenOn(kind, host, port), ({ close }) => Effect.sync(close)),
    ({ port }) => port
  )

/** Which of these the port is taken on. */
export const takenOn = (port: number) =>
  Effect.gen(function* () {
    const taken: Array<string> = []
    for (const host of hosts) {
      for (const kind of ["tcp", "udp"] as const) {
        const free = yield* Effect.isSuccess(Effect.scoped(occupy(kind, host, port)))
        if (!free) taken.push(`${kind} ${host}`)
      }
    }
    return taken
  })

const next = portNumbers(20_000, 12_000)

/** A port that nothing holds on either loopback address, with either transport. */
export const freePort = Effect.gen(function* () {
  for (;;) {
    const port = next()
    if ((yield* takenOn(port)).length === 0) return port
  }
})
