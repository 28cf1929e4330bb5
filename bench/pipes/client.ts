/**
 * The near side of the pipe bench: what bare and piped clients have in common.
 */
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import * as net from "node:net"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import type { Pipe } from "../../src/services/Pipe.ts"
import { Pipes } from "../../src/services/Pipes.ts"
import type { Context } from "../harness/case.ts"
import type { Peer } from "../harness/peer.ts"
import { socketOptions } from "./bare.ts"
import type { Kind, Listen } from "./server.ts"

export const makeRuntime = () => ManagedRuntime.make(NodeP2P.layer)

export interface Setting {
  readonly context: Context
  readonly server: Peer
  readonly runtime: ReturnType<typeof makeRuntime>
  /** Scales the work down for a smoke test. */
  readonly many: (amount: number) => number
}

/** Ports of a bare and a piped server that do the same. */
export const ports = async (
  { server }: Setting,
  transport: Listen["transport"],
  mode: Listen["mode"]
): Promise<Record<Kind, number>> => {
  const port = (kind: Kind) => server.ask<number>("listen", { kind, transport, mode } satisfies Listen)
  return { bare: await port("bare"), ours: await port("ours") }
}

export const connectBare = async (port: number): Promise<net.Socket> => {
  const socket = net.connect({ host: "127.0.0.1", port, ...socketOptions })
  await once(socket, "connect")
  return socket
}

/** Opens a pipe and gives what `use` makes of it. */
export const piped = <A>(
  { runtime }: Setting,
  transport: "tcp" | "udp",
  port: number,
  use: (pipe: Pipe) => Effect.Effect<A, unknown, Scope.Scope>
): Promise<A> =>
  runtime.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const pipes = yield* Pipes
        return yield* use(yield* pipes.open({ transport, destination: `127.0.0.1:${port}` }))
      })
    )
  )
