/**
 * Resident memory of an idle connection, server and client, each measured in processes of its own.
 */
import { type CaseResult, compare, type Context } from "../harness/case.ts"
import { startPeer } from "../harness/peer.ts"
import type { Kind } from "./server.ts"

const idleFile = new URL("./idle.ts", import.meta.url)

/** KiB a pipe may cost above a bare socket. */
const ALLOWANCE = 8

// Connections opened before the first reading, so that code and pools are in place.
const WARM = 200

const measure = async (kind: Kind, side: "server" | "client", count: number): Promise<number> => {
  await using server = await startPeer(idleFile)
  await using client = await startPeer(idleFile)
  const port = await server.ask<number>("listen", kind)
  const watched = side === "server" ? server : client
  await client.ask("dial", { kind, port, count: WARM })
  const before = await watched.memory()
  await client.ask("dial", { kind, port, count })
  const after = await watched.memory()
  return (after.rss - before.rss) / 1024 / count
}

export const idleMemory = async (context: Context, count: number): Promise<ReadonlyArray<CaseResult>> => {
  const results: Array<CaseResult> = []
  for (const side of ["server", "client"] as const) {
    const result = await compare(context, {
      case: `memory of an idle connection, ${side}`,
      unit: "KiB",
      better: "lower",
      warmup: 0,
      // A page more or less decides nothing where the work is small; a negative figure would decide even less.
      baseline: async () => Math.max(1, await measure("bare", side, count)),
      ours: async () => Math.max(1, await measure("ours", side, count))
    })
    results.push({ ...result, target: (result.baseline + ALLOWANCE) / result.baseline })
  }
  return results
}
