/**
 * Very many pipes on one server, each side in a process of its own: afterwards fibres, descriptors and memory are back where
 * they began.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { type Child, child } from "../../support/childProcess.ts"

const script = fileURLToPath(new URL("../../support/manyPipes.ts", import.meta.url))

interface Measured {
  readonly fibers: number
  readonly descriptors: number
  readonly handles: number
  readonly heap: number
  readonly resident: number
}

const start = (...args: ReadonlyArray<string>) =>
  child(process.execPath, ["--expose-gc", "--disable-warning=ExperimentalWarning", script, ...args])

const both = Effect.gen(function* () {
  const server = yield* start("server")
  const client = yield* start("client")
  const { port } = (yield* server.line) as { port: number }
  yield* client.line
  yield* client.ask(`server ${port}`)
  return { server, client }
})

const measure = (side: Child): Effect.Effect<Measured, unknown> => side.ask("measure")

const measures = (server: Child, client: Child) => Effect.all([measure(server), measure(client)], { concurrency: 2 })

/** Descriptors and fibres must be what they were; of memory at most so many bytes more. */
const back = Effect.fnUntraced(function* (name: string, side: Child, before: Measured, bytes: number) {
  const after = yield* measure(side)
  assert.isAtMost(after.fibers, before.fibers + 5, `${name}: fibres`)
  assert.strictEqual(after.descriptors, before.descriptors, `${name}: descriptors`)
  assert.strictEqual(after.handles, before.handles, `${name}: handles`)
  assert.isBelow(after.heap - before.heap, bytes, `${name}: heap`)
})

// All of them with `P2P_FULL=1`, as CI does.
const COUNT = process.env["P2P_FULL"] === "1" ? 10_000 : 2000

/** The soft limit of open files, which children inherit. */
const limit = Number(/Max open files\s+(\d+)/.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? 0)
const why = limit < COUNT + 200 ? `only ${limit} files may be open: see ulimit -n` : undefined
if (why !== undefined) console.log(`skipped: ${COUNT} pipes at once (${why})`)

describe("very many pipes", () => {
  it.live(
    "1,000 opened, used and closed at once, three times over",
    () =>
      Effect.gen(function* () {
        const { client, server } = yield* both
        // Once before, so that code is compiled and pools are filled.
        yield* client.ask("burst 1000")
        yield* server.ask("wait 0")
        const before = yield* measures(server, client)
        for (let round = 0; round < 3; round++) {
          yield* client.ask("burst 1000")
          yield* server.ask("wait 0")
        }
        // What 3,000 pipes would keep if each kept but 300 bytes.
        yield* back("server", server, before[0], 900_000)
        yield* back("client", client, before[1], 900_000)
      }),
    60_000
  )

  it.live.skipIf(why !== undefined)(
    `${COUNT.toLocaleString("en")} open at once and idle, then closed`,
    () =>
      Effect.gen(function* () {
        const { client, server } = yield* both
        yield* client.ask("open 500")
        yield* client.ask("close")
        yield* server.ask("wait 0")
        const before = yield* measures(server, client)

        yield* client.ask(`open ${COUNT}`)
        yield* server.ask(`wait ${COUNT}`)
        const during = yield* measure(server)
        assert.strictEqual(during.descriptors - before[0].descriptors, COUNT)
        // Far above what it is (under 4 KiB), far below what a forgotten buffer would make of it.
        assert.isBelow((during.heap - before[0].heap) / COUNT, 8192)

        yield* client.ask("close")
        yield* server.ask("wait 0")
        // What 10,000 pipes would keep if each kept but 300 bytes; fewer tell less, since a heap is never quite still.
        const kept = Math.max(900_000, 300 * COUNT)
        yield* back("server", server, before[0], kept)
        yield* back("client", client, before[1], kept)
      }),
    60_000
  )
})
