/**
 * Blocks of 64 KiB one way, over a bare socket and over a pipe.
 */
import * as Effect from "effect/Effect"
import { once } from "node:events"
import type * as net from "node:net"
import type { Pipe } from "../../src/services/Pipe.ts"
import { type CaseResult, compare, type Context } from "./case.ts"
import type { Peer } from "./peer.ts"
import { repeat, seconds, timed } from "./timing.ts"
import { block, small } from "./traffic.ts"

export interface Bulk {
  readonly case: string
  readonly context: Context
  /** Swallows and counts, or pours. */
  readonly server: Peer
  readonly blocks: number
  /** A new connection there. */
  readonly bare: () => Promise<net.Socket>
  /** The same as a pipe, and what is made of it. */
  readonly piped: <A>(use: (pipe: Pipe) => Effect.Effect<A, unknown>) => Promise<A>
}

const measure = { unit: "MB/s", better: "higher", target: 0.9 } as const

export const bulkUp = ({ bare, blocks, case: name, context, piped, server }: Bulk): Promise<CaseResult> => {
  const bytes = blocks * block.length
  const received = () => server.ask("received", bytes)
  return compare(context, {
    ...measure,
    case: `${name} bulk up, 64 KiB writes`,
    baseline: async () => {
      const socket = await bare()
      await server.ask("reset")
      const took = await seconds(async () => {
        for (let left = blocks; left > 0; left--) if (!socket.write(block)) await once(socket, "drain")
        await received()
      })
      socket.destroy()
      return bytes / 1e6 / took
    },
    ours: async () => {
      await server.ask("reset")
      const took = await piped((pipe) =>
        timed(Effect.andThen(repeat(blocks, pipe.send(block)), Effect.promise(received)))
      )
      return bytes / 1e6 / took
    }
  })
}

export const bulkDown = ({ bare, blocks, case: name, context, piped }: Bulk): Promise<CaseResult> => {
  const bytes = blocks * block.length
  return compare(context, {
    ...measure,
    case: `${name} bulk down, 64 KiB writes`,
    baseline: async () => {
      const socket = await bare()
      const all = new Promise<void>((resolve) => {
        let left = bytes
        socket.on("data", (data) => {
          left -= data.length
          if (left <= 0) resolve()
        })
      })
      const took = await seconds(() => {
        socket.write(small)
        return all
      })
      socket.destroy()
      return bytes / 1e6 / took
    },
    ours: async () => {
      const took = await piped((pipe) => {
        let left = bytes
        const receive = Effect.whileLoop({
          while: () => left > 0,
          body: () => pipe.receive(),
          step: (message) => {
            left -= message.data.length
          }
        })
        return Effect.ensuring(timed(Effect.andThen(pipe.send(small), receive)), pipe.reset)
      })
      return bytes / 1e6 / took
    }
  })
}
