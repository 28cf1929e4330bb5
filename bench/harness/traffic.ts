/**
 * What the far side does with what it hears, for bare sockets and for pipes.
 */
import * as Effect from "effect/Effect"
import type * as net from "node:net"
import type { MessageHandler } from "../../src/services/Pipe.ts"

/** `pour`: sends without end once the first byte comes. */
export type Mode = "echo" | "swallow" | "pour"

export const block = Buffer.alloc(64 * 1024, 7)
export const small = Buffer.alloc(64, 7)

let received = 0
let messages = 0
let wanted = 0
let reached: (() => void) | undefined

/** Counts what was swallowed. */
export const took = (bytes: number) => {
  received += bytes
  messages++
  if (reached !== undefined && received >= wanted) reached()
}

export const bare = (mode: Mode) => (socket: net.Socket) => {
  socket.on("error", () => {})
  if (mode === "echo") return socket.on("data", (data) => socket.write(data))
  if (mode === "swallow") return socket.on("data", (data) => took(data.length))
  return socket.once("data", () => {
    const pour = () => {
      while (!socket.destroyed && socket.write(block));
    }
    socket.on("drain", pour)
    pour()
  })
}

export const piped: { readonly [M in Mode]: MessageHandler } = {
  echo: (message, sender, pipe) => pipe.send(message.data, sender),
  swallow: (message) => Effect.sync(() => took(message.data.length)),
  pour: (_message, _sender, pipe) => Effect.ignore(Effect.forever(pipe.send(block), { disableYield: true }))
}

/** For `serve`. */
export const counts = {
  /** Answers when so many bytes have come since the last `reset`. */
  received: (bytes: number) =>
    new Promise<void>((resolve) => {
      wanted = bytes
      reached = () => {
        reached = undefined
        resolve()
      }
      if (received >= wanted) reached()
    }),
  reset: () => {
    received = 0
    messages = 0
    reached = undefined
  },
  messages: () => messages
}
