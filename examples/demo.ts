/**
 * `npm run demo`: an echo daemon on loopback, a pipe of each kind to it, and a real file through each.
 *
 * The file is the Node binary that runs this. TCP streams it; UDP sends it in datagrams, each answered before the next one
 * goes, and sent again when no answer came.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { open } from "node:fs/promises"
import { EchoServer, NodeP2P, type Pipe, Pipes } from "../src/index.ts"

const SIZE = { tcp: 64 * 1024 * 1024, udp: 4 * 1024 * 1024 }
const BLOCK = { tcp: 64 * 1024, udp: 8 * 1024 }

const sha256 = (chunks: ReadonlyArray<Uint8Array>): string => {
  const hash = createHash("sha256")
  for (const chunk of chunks) hash.update(chunk)
  return hash.digest("hex")
}

// The first `size` bytes of a file, in blocks.
const readBlocks = (file: string, size: number, block: number) =>
  Effect.promise(async () => {
    const handle = await open(file)
    const bytes = new Uint8Array(size)
    const { bytesRead } = await handle.read(bytes, 0, size)
    await handle.close()
    return Array.from({ length: Math.ceil(bytesRead / block) }, (_, at) =>
      bytes.subarray(at * block, Math.min(bytesRead, (at + 1) * block))
    )
  })

// Sends everything, says so, and takes what comes back until the server has no more.
const stream = (pipe: Pipe.Pipe, blocks: ReadonlyArray<Uint8Array>) =>
  Effect.gen(function* () {
    const [, back] = yield* Effect.all(
      [
        Effect.andThen(
          Effect.forEach(blocks, (block) => pipe.send(block), { discard: true }),
          pipe.end
        ),
        Stream.runCollect(pipe.toStream)
      ],
      { concurrency: "unbounded" }
    )
    return back
  })

const datagrams = (pipe: Pipe.Pipe, blocks: ReadonlyArray<Uint8Array>) =>
  Effect.forEach(blocks, (block) => {
    // A late answer to an earlier block may come first.
    const answer = Effect.repeat(pipe.receive(), { until: (message) => Buffer.compare(message.data, block) === 0 })
    return Effect.andThen(pipe.send(block), Effect.timeout(answer, "250 millis")).pipe(
      Effect.retry(Schedule.recurs(5)),
      Effect.map((message) => message.data)
    )
  })

const row = (cells: ReadonlyArray<string>) =>
  console.log(
    cells
      .map((cell) => cell.padEnd(16))
      .join("")
      .trimEnd()
  )

const program = Effect.gen(function* () {
  const pipes = yield* Pipes.Pipes
  const daemon = yield* EchoServer.serve({ on: "loopback" })
  row(["pipe", "to", "sent back", "MB/s", "SHA-256"])
  let failed = 0
  for (const server of daemon.servers) {
    const { transport } = server
    const blocks = yield* readBlocks(process.execPath, SIZE[transport], BLOCK[transport])
    yield* Effect.scoped(
      Effect.gen(function* () {
        const pipe = yield* pipes.open({ transport, destination: server.local })
        const start = performance.now()
        const back = yield* transport === "tcp" ? stream(pipe, blocks) : datagrams(pipe, blocks)
        const seconds = (performance.now() - start) / 1000
        const bytes = back.reduce((sum, chunk) => sum + chunk.length, 0)
        const same = sha256(back) === sha256(blocks)
        if (!same) failed++
        const family = server.local._tag === "InetAddressV6" ? "IPv6" : "IPv4"
        row([
          `${transport} ${family}`,
          String(server.local),
          `${(bytes / 1e6).toFixed(1)} MB`,
          (bytes / 1e6 / seconds).toFixed(0),
          same ? `${sha256(back).slice(0, 16)}… ok` : "DIFFERENT"
        ])
      })
    )
  }
  if (failed > 0) return yield* Effect.fail(new Error(`${failed} of ${daemon.servers.length} pipes changed the file`))
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(NodeP2P.layer)))
