/**
 * From the call of connect to the first echoed byte.
 *
 * What closing takes is not measured, on either side; both close in order, and begin the next when the last is closed.
 */
import * as Effect from "effect/Effect"
import { once } from "node:events"
import type { Peer, StrategyName } from "../../src/services/Peer.ts"
import { type CaseResult, compare, type Context } from "../harness/case.ts"
import { startPeer } from "../harness/peer.ts"
import { often } from "../harness/timing.ts"
import { small } from "../harness/traffic.ts"
import * as Bare from "./bare.ts"
import * as Peers from "./peers.ts"
import type { Listen, Listening } from "./server.ts"

/** What a closed socket leaves for the next turns of the loop is over before the next dial: TLS has a socket below its own. */
const settled = async () => {
  for (let turns = 4; turns > 0; turns--) await new Promise<void>((resume) => void setImmediate(resume))
}

const unit = { unit: "ms", better: "lower" } as const

const bareDial = async (port: number): Promise<number> => {
  const start = performance.now()
  const socket = Bare.dial(port)
  const echoed = new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", () => socket.write(small))
    socket.once("data", () => resolve()).once("error", reject)
  })
  await echoed
  const took = performance.now() - start
  socket.end()
  await once(socket, "close")
  await settled()
  return took
}

const peerDial = (peer: Peer["Service"], address: string, strategies?: ReadonlyArray<StrategyName>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const start = performance.now()
      const pipe = yield* peer.connect(address, { strategies })
      yield* pipe.send(small)
      yield* pipe.receive()
      const took = performance.now() - start
      yield* pipe.end
      yield* pipe.closed
      return took
    })
  ).pipe(Effect.tap(() => Effect.promise(settled)))

/** Mean of so many, one after the other. */
const peerDials = (client: Peers.Running, address: string, dials: number, strategies?: ReadonlyArray<StrategyName>) =>
  client.run((peer) => {
    let left = dials
    let took = 0
    const all = Effect.whileLoop({
      while: () => left-- > 0,
      body: () => peerDial(peer, address, strategies),
      step: (each) => {
        took += each
      }
    })
    return Effect.map(all, () => took / dials)
  })

export const direct = async (
  context: Context,
  client: Peers.Running,
  { bare, ours }: Listening,
  dials: number
): Promise<CaseResult> =>
  compare(often(context), {
    ...unit,
    case: "direct connect to first echoed byte",
    // A dial runs more code than anything else here, and is compiled when it ran a few thousand times.
    warmup: context.quick ? 1 : 10,
    target: 1.5,
    baseline: async () => {
      let took = 0
      for (let left = dials; left > 0; left--) took += await bareDial(bare)
      return took / dials
    },
    ours: () => peerDials(client, ours, dials)
  })

/** Messages a peer takes of another at once; more come at the pace of its limits. */
const AT_ONCE = 30

/** A peer that nobody has heard of yet, and so with a full allowance of messages. */
const withNewPeer = async (broker: string, use: (peer: Peers.Running) => Promise<number>): Promise<number> => {
  const client = Peers.start([broker])
  try {
    return await use(client)
  } finally {
    await client.stop()
  }
}

/** No baseline of another's: how much longer the way round takes. */
export const reverse = async (context: Context): Promise<CaseResult> => {
  await using mqtt = await startPeer(new URL("./broker.ts", import.meta.url))
  await using server = await startPeer(new URL("./server.ts", import.meta.url))
  const broker = await mqtt.ask<string>("listen")
  const { ours } = await server.ask<Listening>("listen", { mode: "echo", brokers: [broker] } satisfies Listen)
  const measure = (strategy: StrategyName) => () =>
    withNewPeer(broker, async (client) => {
      await peerDials(client, ours, 1, [strategy])
      return peerDials(client, ours, context.quick ? 3 : AT_ONCE, [strategy])
    })
  // Awaited here: the processes end with this block.
  return await compare(often(context), {
    ...unit,
    case: "reverse connect by a broker, beside direct",
    warmup: context.quick ? 0 : 3,
    baseline: measure("direct"),
    ours: measure("reverse")
  })
}
