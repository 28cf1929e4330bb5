/**
 * UDP pipes against `node:dgram`: datagrams that arrive.
 *
 * Both senders wait for each datagram to be taken by the system before the next, the pace a program has that looks at its
 * errors. The receivers cannot always keep up with that, so what counts is what they heard.
 */
import * as Effect from "effect/Effect"
import * as dgram from "node:dgram"
import { type CaseResult, compare } from "../harness/case.ts"
import { often, repeat } from "../harness/timing.ts"
import { small } from "../harness/traffic.ts"
import { piped, ports, type Setting } from "./client.ts"

export const oneWay = async (setting: Setting): Promise<CaseResult> => {
  const { context, many, server } = setting
  const { bare, ours } = await ports(setting, "udp", "swallow")
  const count = many(40_000)
  const arriving = async (send: () => Promise<unknown>) => {
    await server.ask("reset")
    const start = performance.now()
    await send()
    const arrived = await server.ask<number>("messages")
    return (arrived * 1000) / (performance.now() - start)
  }
  return compare(often(context), {
    case: "udp one way, 64 B",
    unit: "/s",
    better: "higher",
    target: 0.9,
    baseline: async () => {
      const socket = dgram.createSocket("udp4")
      await new Promise<void>((resolve) => socket.connect(bare, "127.0.0.1", resolve))
      const rate = await arriving(async () => {
        for (let left = count; left > 0; left--) await new Promise((resolve) => socket.send(small, resolve))
      })
      socket.close()
      return rate
    },
    ours: () =>
      piped(setting, "udp", ours, (pipe) =>
        Effect.contextWith((services: Parameters<typeof Effect.runPromiseWith<never>>[0]) =>
          Effect.promise(() => arriving(() => Effect.runPromiseWith(services)(repeat(count, pipe.send(small)))))
        )
      )
  })
}
