/**
 * Resident memory of an idle connection, bare and as a pipe.
 */
import type { CaseResult, Context } from "../harness/case.ts"
import { idleMemory as measured } from "../harness/idle.ts"

export const idleMemory = (context: Context, count: number): Promise<ReadonlyArray<CaseResult>> =>
  measured(context, {
    what: "connection",
    baseline: new URL("./idleBare.ts", import.meta.url),
    ours: new URL("./idlePiped.ts", import.meta.url),
    allowance: 8,
    warm: 2000,
    count
  })
