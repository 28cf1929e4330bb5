/**
 * Pipes against bare `node:net` and `node:dgram`: two processes, loopback, bare and piped rounds in turn.
 */
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type * as Scope from "effect/Scope"
import * as dgram from "node:dgram"
import { once } from "node:events"
import * as net from "node:net"
import * as NodeP2P from "../src/layers/node/NodeP2P.ts"
import { Pipes } from "../src/services/Pipes.ts"
import { type Bench, type CaseResult, compare, type Context } from "./harness/case.ts"
import { type Peer, startPeer } from "./harness/peer.ts"
import { idleMemory } from "./pipes/memory.ts"
import type { Kind, Listen } from "./pipes/server.ts"

const serverFile = new URL("./pipes/server.ts", import.meta.url)
const block = Buffer.alloc(64 * 1024, 7)
const small = Buffer.alloc(64, 7)

const connectBare = async (port: number): Promise<net.Socket> => {
  const socket = net.connect({ host: "127.0.0.1", port, noDelay: true })
  await once(socket, "connect")
  return socket
}

const seconds = async (run: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await run()
  return (performance.now() - start) / 1000
}

type Runtime = ManagedRuntime.ManagedRuntime<Effect.Services<typeof Pipes> | Pipes, never>

// Opens a pipe, and measures what `use` does with it.
const piped = (
  runtime: Runtime,
  transport: "tcp" | "udp",
  port: number,
  use: (pipe: Effect.Success<ReturnType<Pipes["Service"]["open"]>>) => Effect.Effect<number, unknown, Scope.Scope>
): Promise<number> =>
  runtime.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const pipes = yield* Pipes
        return yield* use(yield* pipes.open({ transport, destination: `127.0.0.1:${port}` }))
      })
    )
  )

const timed = <E, R>(amount: number, effect: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, () => (amount * 1000) / (performance.now() - start))
  })

const repeat = <E, R>(times: number, effect: Effect.Effect<unknown, E, R>): Effect.Effect<void, E, R> => {
  let left = times
  return Effect.whileLoop({ while: () => left-- > 0, body: () => effect, step: () => {} })
}

const run = async (context: Context): Promise<ReadonlyArray<CaseResult>> => {
  const scale = context.quick ? 0.02 : 1
  const many = (amount: number) => Math.max(1, Math.round(amount * scale))
  const runtime = ManagedRuntime.make(NodeP2P.layer) as unknown as Runtime
  await using server = await startPeer(serverFile)
  const port = (kind: Kind, transport: Listen["transport"], mode: Listen["mode"]) =>
    server.ask<number>("listen", { kind, transport, mode } satisfies Listen)
  const ports = async (transport: Listen["transport"], mode: Listen["mode"]) => ({
    bare: await port("bare", transport, mode),
    ours: await port("ours", transport, mode)
  })
  const results: Array<CaseResult> = []

  const blocks = many(24_000)
  const bytes = blocks * block.length
  const swallow = await ports("tcp", "swallow")
  results.push(
    await compare(context, {
      case: "tcp bulk up, 64 KiB writes",
      unit: "MB/s",
      better: "higher",
      target: 0.9,
      baseline: async () => {
        const socket = await connectBare(swallow.bare)
        await server.ask("reset")
        const took = await seconds(async () => {
          for (let left = blocks; left > 0; left--) if (!socket.write(block)) await once(socket, "drain")
          await server.ask("received", bytes)
        })
        socket.destroy()
        return bytes / 1e6 / took
      },
      ours: () =>
        piped(runtime, "tcp", swallow.ours, (pipe) =>
          Effect.gen(function* () {
            yield* Effect.promise(() => server.ask("reset"))
            return yield* timed(
              bytes / 1e6,
              Effect.andThen(
                repeat(blocks, pipe.send(block)),
                Effect.promise(() => server.ask("received", bytes))
              )
            )
          })
        )
    })
  )

  const pour = await ports("tcp", "pour")
  results.push(
    await compare(context, {
      case: "tcp bulk down, 64 KiB writes",
      unit: "MB/s",
      better: "higher",
      target: 0.9,
      baseline: async () => {
        const socket = await connectBare(pour.bare)
        const took = await seconds(
          () =>
            new Promise<void>((resolve) => {
              let left = bytes
              socket.on("data", (data) => {
                left -= data.length
                if (left <= 0) resolve()
              })
              socket.write(small)
            })
        )
        socket.destroy()
        return bytes / 1e6 / took
      },
      ours: () =>
        piped(runtime, "tcp", pour.ours, (pipe) => {
          let left = bytes
          const receive = Effect.whileLoop({
            while: () => left > 0,
            body: () => pipe.receive(),
            step: (message) => {
              left -= message.data.length
            }
          })
          return Effect.ensuring(timed(bytes / 1e6, Effect.andThen(pipe.send(small), receive)), pipe.reset)
        })
    })
  )

  const echo = await ports("tcp", "echo")
  const dials = many(1_500)
  results.push(
    await compare(context, {
      case: "tcp dial to first echoed byte",
      unit: "ms",
      better: "lower",
      target: 1.5,
      baseline: async () => {
        const took = await seconds(async () => {
          for (let left = dials; left > 0; left--) {
            const socket = net.connect({ host: "127.0.0.1", port: echo.bare, noDelay: true })
            await new Promise<void>((resolve) => {
              socket.once("connect", () => socket.write(small))
              socket.once("data", () => resolve())
            })
            socket.destroy()
          }
        })
        return (took * 1000) / dials
      },
      ours: () =>
        runtime.runPromise(
          Effect.gen(function* () {
            const pipes = yield* Pipes
            const destination = `127.0.0.1:${echo.ours}`
            const one = Effect.scoped(
              Effect.gen(function* () {
                const pipe = yield* pipes.open({ transport: "tcp", destination })
                yield* pipe.send(small)
                yield* pipe.receive()
              })
            )
            const rate = yield* timed(dials, repeat(dials, one))
            return 1000 / rate
          })
        )
    })
  )

  const rounds = many(30_000)
  results.push(
    await compare(context, {
      case: "tcp ping-pong, 64 B",
      unit: "/s",
      better: "higher",
      target: 0.9,
      baseline: async () => {
        const socket = await connectBare(echo.bare)
        const took = await seconds(
          () =>
            new Promise<void>((resolve) => {
              let left = rounds
              socket.on("data", () => (--left > 0 ? socket.write(small) : resolve()))
              socket.write(small)
            })
        )
        socket.destroy()
        return rounds / took
      },
      ours: () =>
        piped(runtime, "tcp", echo.ours, (pipe) =>
          timed(rounds, repeat(rounds, Effect.andThen(pipe.send(small), pipe.receive())))
        )
    })
  )

  results.push(...(await udpOneWay(context, server, runtime, ports, many(60_000))))
  await runtime.dispose()
  return [...results, ...(await idleMemory(context, many(2_000)))]
}

// What arrives counts: sending faster than the receiver reads only fills its socket buffer. A few datagrams are under way
// at a time, as any sender with flow control would have it.
const WINDOW = 64

const udpOneWay = async (
  context: Context,
  server: Peer,
  runtime: Runtime,
  ports: (transport: "udp", mode: "swallow") => Promise<{ readonly bare: number; readonly ours: number }>,
  count: number
): Promise<ReadonlyArray<CaseResult>> => {
  const swallow = await ports("udp", "swallow")
  const arrived = async (start: number) => {
    const took = (performance.now() - start) / 1000
    return (await server.ask<number>("datagrams")) / took
  }
  return [
    await compare(context, {
      case: "udp one way, 64 B",
      unit: "/s",
      better: "higher",
      target: 0.9,
      baseline: async () => {
        const socket = dgram.createSocket("udp4")
        await new Promise<void>((resolve) => socket.connect(swallow.bare, "127.0.0.1", resolve))
        await server.ask("reset")
        const start = performance.now()
        const send = () => new Promise<void>((resolve) => socket.send(small, () => resolve()))
        for (let left = count; left > 0; left -= WINDOW) {
          await Promise.all(Array.from({ length: Math.min(WINDOW, left) }, send))
        }
        const rate = await arrived(start)
        socket.close()
        return rate
      },
      ours: () =>
        piped(runtime, "udp", swallow.ours, (pipe) =>
          Effect.gen(function* () {
            yield* Effect.promise(() => server.ask("reset"))
            const start = performance.now()
            yield* repeat(count, pipe.send(small))
            return yield* Effect.promise(() => arrived(start))
          })
        )
    })
  ]
}

export default {
  name: "pipes",
  description: "pipes against bare node:net and node:dgram: bulk, dial, ping-pong, UDP, memory of idle connections",
  run
} satisfies Bench
