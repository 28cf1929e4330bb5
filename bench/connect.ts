/**
 * Pipes between peers against bare `node:tls`: two processes, loopback, bare and peers in turn.
 */
import * as Effect from "effect/Effect"
import { type Bulk, bulkDown, bulkUp } from "./harness/bulk.ts"
import type { Bench, CaseResult, Context } from "./harness/case.ts"
import { idleMemory } from "./harness/idle.ts"
import { startPeer } from "./harness/peer.ts"
import { often } from "./harness/timing.ts"
import type { Mode } from "./harness/traffic.ts"
import * as Bare from "./connect/bare.ts"
import * as Dial from "./connect/dial.ts"
import * as Peers from "./connect/peers.ts"
import type { Listen, Listening } from "./connect/server.ts"

const run = async (context: Context): Promise<ReadonlyArray<CaseResult>> => {
  const scale = context.quick ? 0.02 : 1
  const many = (amount: number) => Math.max(1, Math.round(amount * scale))
  const results: Array<CaseResult> = []
  {
    await using server = await startPeer(new URL("./connect/server.ts", import.meta.url))
    const client = Peers.start()
    const listen = (mode: Mode) => server.ask<Listening>("listen", { mode } satisfies Listen)
    const bulk = async (mode: Mode): Promise<Bulk> => {
      const { bare, ours } = await listen(mode)
      return {
        case: "tls",
        context: often(context),
        server,
        blocks: many(4_000),
        bare: () => Bare.connect(bare),
        piped: (use) => client.run((peer) => Effect.scoped(Effect.flatMap(peer.connect(ours), use)))
      }
    }
    results.push(await Dial.direct(context, client, await listen("echo"), many(200)))
    results.push(await bulkUp(await bulk("swallow")))
    results.push(await bulkDown(await bulk("pour")))
    await client.stop()
  }
  results.push(await Dial.reverse(context))
  const idle = {
    what: "peer pipe",
    baseline: new URL("./connect/idleBare.ts", import.meta.url),
    ours: new URL("./connect/idlePeer.ts", import.meta.url),
    allowance: 16,
    warm: context.quick ? 200 : 1000,
    // Fewer say nothing: memory comes in pages.
    count: context.quick ? 500 : 2000
  }
  return [...results, ...(await idleMemory(context, idle))]
}

export default {
  name: "connect",
  description: "pipes between peers against bare node:tls: connect, bulk, memory of idle ones; reverse beside direct",
  run
} satisfies Bench
