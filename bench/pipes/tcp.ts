/**
 * TCP pipes against `node:net`: bulk, dial, ping-pong.
 */
import * as Effect from "effect/Effect"
import { once } from "node:events"
import * as net from "node:net"
import { Pipes } from "../../src/services/Pipes.ts"
import { type CaseResult, compare } from "../harness/case.ts"
import { socketOptions } from "./bare.ts"
import { connectBare, often, piped, ports, repeat, seconds, type Setting, timed } from "./client.ts"

const block = Buffer.alloc(64 * 1024, 7)
const small = Buffer.alloc(64, 7)

export const bulkUp = async (setting: Setting): Promise<CaseResult> => {
  const { context, many, server } = setting
  const { bare, ours } = await ports(setting, "tcp", "swallow")
  const blocks = many(24_000)
  const bytes = blocks * block.length
  const received = () => server.ask("received", bytes)
  return compare(context, {
    case: "tcp bulk up, 64 KiB writes",
    unit: "MB/s",
    better: "higher",
    target: 0.9,
    baseline: async () => {
      const socket = await connectBare(bare)
      await server.ask("reset")
      const took = await seconds(async () => {
        for (let left = blocks; left > 0; left--) if (!socket.write(block)) await once(socket, "drain")
        await received()
      })
      socket.destroy()
      return bytes / 1e6 / took
    },
    ours: async () => {
      await server.ask("reset")
      const took = await piped(setting, "tcp", ours, (pipe) =>
        timed(Effect.andThen(repeat(blocks, pipe.send(block)), Effect.promise(received)))
      )
      return bytes / 1e6 / took
    }
  })
}

export const bulkDown = async (setting: Setting): Promise<CaseResult> => {
  const { context, many } = setting
  const { bare, ours } = await ports(setting, "tcp", "pour")
  const bytes = many(24_000) * block.length
  return compare(context, {
    case: "tcp bulk down, 64 KiB writes",
    unit: "MB/s",
    better: "higher",
    target: 0.9,
    baseline: async () => {
      const socket = await connectBare(bare)
      const all = new Promise<void>((resolve) => {
        let left = bytes
        socket.on("data", (data) => {
          left -= data.length
          if (left <= 0) resolve()
        })
      })
      const took = await seconds(() => {
        socket.write(small)
        return all
      })
      socket.resetAndDestroy()
      return bytes / 1e6 / took
    },
    ours: async () => {
      const took = await piped(setting, "tcp", ours, (pipe) => {
        let left = bytes
        const receive = Effect.whileLoop({
          while: () => left > 0,
          body: () => pipe.receive(),
          step: (message) => {
            left -= message.data.length
          }
        })
        return Effect.ensuring(timed(Effect.andThen(pipe.send(small), receive)), pipe.reset)
      })
      return bytes / 1e6 / took
    }
  })
}

export const dial = async (setting: Setting): Promise<CaseResult> => {
  const { context, many, runtime } = setting
  const { bare, ours } = await ports(setting, "tcp", "echo")
  const dials = many(1_000)
  return compare(often(context), {
    case: "tcp dial to first echoed byte",
    // A dial runs more code than anything else here, and is compiled when it ran a few thousand times.
    warmup: context.quick ? 1 : 4,
    unit: "ms",
    better: "lower",
    target: 1.5,
    baseline: async () => {
      const took = await seconds(async () => {
        for (let left = dials; left > 0; left--) {
          const socket = net.connect({ host: "127.0.0.1", port: bare, ...socketOptions })
          await new Promise<void>((resolve) => {
            socket.once("connect", () => socket.write(small))
            socket.once("data", () => resolve())
          })
          socket.destroy()
        }
      })
      return (took * 1000) / dials
    },
    ours: async () => {
      const destination = `127.0.0.1:${ours}`
      const one = Effect.scoped(
        Effect.gen(function* () {
          const pipes = yield* Pipes
          const pipe = yield* pipes.open({ transport: "tcp", destination })
          yield* pipe.send(small)
          yield* pipe.receive()
        })
      )
      return ((await runtime.runPromise(timed(repeat(dials, one)))) * 1000) / dials
    }
  })
}

export const pingPong = async (setting: Setting): Promise<CaseResult> => {
  const { context, many } = setting
  const { bare, ours } = await ports(setting, "tcp", "echo")
  const trips = many(10_000)
  return compare(often(context), {
    case: "tcp ping-pong, 64 B",
    unit: "/s",
    better: "higher",
    target: 0.9,
    baseline: async () => {
      const socket = await connectBare(bare)
      const all = new Promise<void>((resolve) => {
        let left = trips
        socket.on("data", () => (--left > 0 ? socket.write(small) : resolve()))
      })
      const took = await seconds(() => {
        socket.write(small)
        return all
      })
      socket.destroy()
      return trips / took
    },
    ours: async () =>
      trips /
      (await piped(setting, "tcp", ours, (pipe) =>
        timed(repeat(trips, Effect.andThen(pipe.send(small), pipe.receive())))
      ))
  })
}
