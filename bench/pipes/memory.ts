/**
 * Resident memory of an idle connection, server and client, each measured in fresh processes.
 */
import { type CaseResult, compare, type Context } from "../harness/case.ts"
import { startPeer } from "../harness/peer.ts"
import type { Kind } from "./server.ts"

const files: Record<Kind, URL> = {
  bare: new URL("./idleBare.ts", import.meta.url),
  ours: new URL("./idlePiped.ts", import.meta.url)
}

/** KiB a pipe may cost above a bare socket. */
const ALLOWANCE = 8

/** Opened before the first reading, so that code is compiled and what starting up left free is filled again. */
const WARM = 2000

// V8 lets its nursery grow to tens of MiB while a program allocates, and keeps it: memory that depends on how fast the
// connections were opened, and belongs to none of them. A nursery of a fixed, small size leaves it out of both readings.
const FLAGS = ["--max-semi-space-size=1"]

const measure = async (kind: Kind, side: "server" | "client", count: number): Promise<number> => {
  await using server = await startPeer(files[kind], FLAGS)
  await using client = await startPeer(files[kind], FLAGS)
  const port = await server.ask<number>("listen")
  const watched = side === "server" ? server : client
  await client.ask("dial", { port, count: WARM })
  const before = await watched.memory()
  await client.ask("dial", { port, count })
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
      baseline: () => measure("bare", side, count),
      ours: () => measure("ours", side, count)
    })
    const target = Number(((result.baseline + ALLOWANCE) / result.baseline).toFixed(2))
    results.push({ ...result, target })
  }
  return results
}
