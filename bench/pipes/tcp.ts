/**
 * TCP pipes against `node:net`: bulk, dial, ping-pong.
 */
import * as Effect from "effect/Effect"
import * as net from "node:net"
import { Pipes } from "../../src/services/Pipes.ts"
import * as Bulk from "../harness/bulk.ts"
import { type CaseResult, compare } from "../harness/case.ts"
import { often, repeat, seconds, timed } from "../harness/timing.ts"
import { small } from "../harness/traffic.ts"
import { socketOptions } from "./bare.ts"
import { connectBare, piped, ports, type Setting } from "./client.ts"

const bulk = async (setting: Setting, mode: "swallow" | "pour"): Promise<Bulk.Bulk> => {
  const { context, many, server } = setting
  const { bare, ours } = await ports(setting, "tcp", mode)
  return {
    case: "tcp",
    context,
    server,
    blocks: many(24_000),
    bare: () => connectBare(bare),
    piped: (use) => piped(setting, "tcp", ours, use)
  }
}

export const bulkUp = async (setting: Setting): Promise<CaseResult> => Bulk.bulkUp(await bulk(setting, "swallow"))

export const bulkDown = async (setting: Setting): Promise<CaseResult> => Bulk.bulkDown(await bulk(setting, "pour"))

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
