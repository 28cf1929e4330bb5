/**
 * Pipes against bare `node:net` and `node:dgram`: two processes, loopback, bare and piped rounds in turn.
 */
import { type Bench, type CaseResult, type Context } from "./harness/case.ts"
import { startPeer } from "./harness/peer.ts"
import { makeRuntime, type Setting } from "./pipes/client.ts"
import { idleMemory } from "./pipes/memory.ts"
import * as Tcp from "./pipes/tcp.ts"
import * as Udp from "./pipes/udp.ts"

const run = async (context: Context): Promise<ReadonlyArray<CaseResult>> => {
  const scale = context.quick ? 0.02 : 1
  const many = (amount: number) => Math.max(1, Math.round(amount * scale))
  const results: Array<CaseResult> = []
  const runtime = makeRuntime()
  {
    await using server = await startPeer(new URL("./pipes/server.ts", import.meta.url))
    const setting: Setting = { context, server, runtime, many }
    for (const measure of [Tcp.bulkUp, Tcp.bulkDown, Tcp.dial, Tcp.pingPong, Udp.oneWay]) {
      results.push(await measure(setting))
    }
  }
  await runtime.dispose()
  // Fewer say nothing: memory comes in pages.
  return [...results, ...(await idleMemory(context, Math.max(1_000, many(4_000))))]
}

export default {
  name: "pipes",
  description: "pipes against bare node:net and node:dgram: bulk, dial, ping-pong, UDP, memory of idle connections",
  run
} satisfies Bench
