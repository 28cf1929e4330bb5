/**
 * One side of many idle connections, in a fresh process that knows of nothing but `node:net`.
 */
import * as net from "node:net"
import { serve } from "../harness/child.ts"
import type { Dial } from "../harness/idle.ts"
import { socketOptions } from "./bare.ts"

const held: Array<net.Socket> = []

serve({
  listen: async () => {
    const server = net.createServer(socketOptions, (socket) => {
      socket.on("data", (data) => socket.write(data)).on("error", () => {})
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return (server.address() as net.AddressInfo).port
  },
  dial: async ({ count, to: port }: Dial<number>) => {
    for (let left = count; left > 0; left--) {
      const socket = net.connect({ host: "127.0.0.1", port, ...socketOptions })
      await new Promise<void>((resolve) => socket.once("connect", resolve))
      held.push(socket.on("data", () => {}).on("error", () => {}))
    }
  }
})
