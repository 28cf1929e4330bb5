/**
 * One side of many idle connections, in a fresh process: bare sockets or pipes.
 */
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import * as net from "node:net"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import { Pipes } from "../../src/services/Pipes.ts"
import { serve } from "../harness/child.ts"
import type { Kind } from "./server.ts"

const runtime = ManagedRuntime.make(NodeP2P.layer)
const scope = Scope.makeUnsafe()
const held: Array<unknown> = []

const inScope = <A>(effect: Effect.Effect<A, unknown, Pipes | Scope.Scope>): Promise<A> =>
  runtime.runPromise(Scope.provide(effect, scope) as Effect.Effect<A, unknown, Pipes>)

const echo = { bare: (socket: net.Socket) => socket.on("data", (data) => socket.write(data)).on("error", () => {}) }

serve({
  // Both kinds load the same modules and open one connection first, so that only what each connection adds is counted.
  listen: async (kind: Kind) => {
    if (kind === "bare") {
      const server = net.createServer({ noDelay: true }, echo.bare)
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return (server.address() as net.AddressInfo).port
    }
    const pipe = await inScope(
      Effect.flatMap(Pipes, (pipes) =>
        pipes.listen({
          transport: "tcp",
          local: "127.0.0.1:0",
          onMessage: (message, sender, pipe) => pipe.send(message.data, sender)
        })
      )
    )
    return pipe.local.port
  },
  dial: async ({ count, kind, port }: { kind: Kind; port: number; count: number }) => {
    for (let left = count; left > 0; left--) {
      if (kind === "bare") {
        const socket = net.connect({ host: "127.0.0.1", port, noDelay: true })
        await new Promise<void>((resolve) => socket.once("connect", resolve))
        socket.on("data", () => {})
        held.push(socket)
      } else {
        held.push(
          await inScope(
            Effect.flatMap(Pipes, (pipes) => pipes.open({ transport: "tcp", destination: `127.0.0.1:${port}` }))
          )
        )
      }
    }
  }
})
