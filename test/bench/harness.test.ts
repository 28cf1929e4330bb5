import { assert, describe, it } from "@effect/vitest"
import { type CaseResult, compare, type Context, median, reached } from "../../bench/harness/case.ts"
import { startPeer } from "../../bench/harness/peer.ts"
import { jsonLine, table } from "../../bench/harness/report.ts"

const context: Context = { rounds: 3, quick: true, log: () => {} }
const start = () => startPeer(new URL("./fixtures/peer.ts", import.meta.url))

const fails = async (promise: Promise<unknown>, message: RegExp): Promise<void> => {
  const error: unknown = await promise.then(
    () => undefined,
    (failure: unknown) => failure
  )
  assert.instanceOf(error, Error)
  assert.match((error as Error).message, message)
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe("compare", () => {
  const measure = async (baseline: ReadonlyArray<number>, ours: ReadonlyArray<number>) => {
    const order: Array<string> = []
    const next = (name: string, values: ReadonlyArray<number>) => {
      let at = 0
      return () => Promise.resolve((order.push(name), values[at++]!))
    }
    const comparison = { case: "c", unit: "MB/s", better: "higher", target: 0.9 } as const
    const result = await compare(context, { ...comparison, baseline: next("A", baseline), ours: next("B", ours) })
    return { order: order.join(""), result }
  }

  it("takes turns, leaves out the warm-up and gives the median of the rounds' ratios", async () => {
    const { order, result } = await measure([1, 10, 20, 40], [99, 10, 10, 10])
    assert.strictEqual(order, "ABBAABBA")
    assert.deepStrictEqual(result, {
      case: "c",
      unit: "MB/s",
      better: "higher",
      target: 0.9,
      ratio: 0.5,
      ratioMin: 0.25,
      ratioMax: 1,
      baseline: 20,
      ours: 10,
      rounds: 3
    } satisfies CaseResult)
    assert.isFalse(reached(result))
    assert.isTrue(reached({ ...result, better: "lower" }))
    assert.isUndefined(reached({ ...result, target: undefined }))
  })

  it("breaks where there is nothing to compare with", () => fails(measure([0], [1]), /no ratio can be made of 1 \/ 0/))

  it("is shown as a table and as lines of JSON", async () => {
    const { result } = await measure([2, 2, 2, 2000], [2, 2, 2, 2000])
    assert.match(table([result]), /c +1\.00 {2}\(1\.00-1\.00\) +2 MB\/s +2 MB\/s +>= 0\.9 +3$/)
    assert.match(table([{ ...result, ratio: 0.5 }]), />= 0\.9 {2}missed/)
    const { bench, baseline, ratio, rounds } = JSON.parse(jsonLine("pipes", result))
    assert.deepStrictEqual({ bench, baseline, ratio, rounds }, { bench: "pipes", baseline: 2, ratio: 1, rounds: 3 })
  })

  it("medians", () => {
    assert.strictEqual(median([3, 1, 2]), 2)
    assert.strictEqual(median([4, 1, 2, 3]), 2.5)
  })
})

describe("a peer process", () => {
  it("answers, and is gone when its scope closes", async () => {
    let pid = 0
    {
      await using peer = await start()
      pid = peer.pid
      assert.strictEqual(await peer.ask("double", 21), 42)
      await fails(peer.ask("fail"), /peer\.ts: Error: no such thing/)
      await fails(peer.ask("unknown"), /does not know "unknown"/)
      const { rss, heapUsed } = await peer.memory()
      assert.isAbove(heapUsed, 1e6)
      assert.isAbove(rss, heapUsed)
      assert.isTrue(isAlive(pid))
    }
    assert.isFalse(isAlive(pid))
  })

  it("fails what is asked of it when it ends by itself", async () => {
    await using peer = await start()
    await fails(peer.ask("leave"), /ended with code 3/)
    await fails(peer.ask("double", 1), /ended with code 3/)
  })
})
