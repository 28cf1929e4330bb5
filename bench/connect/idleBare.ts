/**
 * One side of many idle TLS connections, in a fresh process.
 */
import type * as tls from "node:tls"
import { serve } from "../harness/child.ts"
import type { Dial } from "../harness/idle.ts"
import * as Bare from "./bare.ts"

const held: Array<tls.TLSSocket> = []

serve({
  listen: () =>
    Bare.listen((socket) => {
      socket.on("data", (data) => socket.write(data)).on("error", () => {})
    }),
  dial: async ({ count, to }: Dial<number>) => {
    for (let left = count; left > 0; left--) {
      const socket = await Bare.connect(to)
      held.push(socket.on("data", () => {}).on("error", () => {}))
    }
  }
})
