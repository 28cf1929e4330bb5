/**
 * Resident memory of an idle connection, server and client, each measured in fresh processes.
 */
import { type CaseResult, compare, type Context } from "./case.ts"
import { startPeer } from "./peer.ts"

export interface Idle {
  /** What is held, for people. */
  readonly what: string
  /**
   * Programs that answer `listen` with where they listen, and `dial` ({@link Dial}) when so many connections more are open.
   */
  readonly baseline: URL
  readonly ours: URL
  /** KiB ours may cost above the baseline's. */
  readonly allowance: number
  /** Opened before the first reading, so that code is compiled and what starting up left free is filled again. */
  readonly warm: number
  readonly count: number
}

export interface Dial<To> {
  readonly to: To
  readonly count: number
}

// V8 lets its nursery grow to tens of MiB while a program allocates, and keeps it: memory that depends on how fast the
// connections were opened, and belongs to none of them. A nursery of a fixed, small size leaves it out of both readings.
const FLAGS = ["--max-semi-space-size=1"]

const measure = async (file: URL, side: "server" | "client", { count, warm }: Idle): Promise<number> => {
  await using server = await startPeer(file, FLAGS)
  await using client = await startPeer(file, FLAGS)
  const to = await server.ask<unknown>("listen")
  const watched = side === "server" ? server : client
  await client.ask("dial", { to, count: warm } satisfies Dial<unknown>)
  const before = await watched.memory()
  await client.ask("dial", { to, count } satisfies Dial<unknown>)
  const after = await watched.memory()
  return (after.rss - before.rss) / 1024 / count
}

export const idleMemory = async (context: Context, idle: Idle): Promise<ReadonlyArray<CaseResult>> => {
  const results: Array<CaseResult> = []
  for (const side of ["server", "client"] as const) {
    const result = await compare(context, {
      case: `memory of an idle ${idle.what}, ${side}`,
      unit: "KiB",
      better: "lower",
      warmup: 0,
      baseline: () => measure(idle.baseline, side, idle),
      ours: () => measure(idle.ours, side, idle)
    })
    const target = Number(((result.baseline + idle.allowance) / result.baseline).toFixed(2))
    results.push({ ...result, target })
  }
  return results
}
