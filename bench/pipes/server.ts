/**
 * The far side of the pipe bench: bare and piped servers that echo, swallow or pour.
 */
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import * as dgram from "node:dgram"
import * as net from "node:net"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import type { MessageHandler } from "../../src/services/Pipe.ts"
import { Pipes } from "../../src/services/Pipes.ts"
import { serve } from "../harness/child.ts"
import { socketOptions } from "./bare.ts"

export type Kind = "bare" | "ours"
export type Mode = "echo" | "swallow" | "pour"
export interface Listen {
  readonly kind: Kind
  readonly transport: "tcp" | "udp"
  readonly mode: Mode
}

const runtime = ManagedRuntime.make(NodeP2P.layer)
const scope = Scope.makeUnsafe()
const block = Buffer.alloc(64 * 1024, 7)

let received = 0
let datagrams = 0
let wanted = 0
let reached: (() => void) | undefined

const took = (bytes: number) => {
  received += bytes
  datagrams++
  if (reached !== undefined && received >= wanted) reached()
}

// A client that pours asks by its first byte, and counts.
const bareTcp = (mode: Mode) => (socket: net.Socket) => {
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

const handlers: { readonly [M in Mode]: MessageHandler } = {
  echo: (message, sender, pipe) => pipe.send(message.data, sender),
  swallow: (message) => Effect.sync(() => took(message.data.length)),
  pour: (_message, _sender, pipe) => Effect.ignore(Effect.forever(pipe.send(block)))
}

const listenBare = ({ mode, transport }: Listen): Promise<number> =>
  new Promise((resolve) => {
    if (transport === "tcp") {
      const server = net.createServer(socketOptions, bareTcp(mode))
      server.listen(0, "127.0.0.1", () => resolve((server.address() as net.AddressInfo).port))
    } else {
      const socket = dgram.createSocket("udp4")
      socket.on("message", (data, from) =>
        mode === "echo" ? socket.send(data, from.port, from.address) : took(data.length)
      )
      socket.bind(0, "127.0.0.1", () => resolve(socket.address().port))
    }
  })

const listenPipe = ({ mode, transport }: Listen): Promise<NetAddress.InetAddress> =>
  runtime.runPromise(
    Effect.gen(function* () {
      const pipes = yield* Pipes
      const pipe = yield* pipes.listen({ transport, local: "127.0.0.1:0", onMessage: handlers[mode] })
      return pipe.local
    }).pipe(Scope.provide(scope))
  )

serve({
  listen: (listen: Listen) =>
    listen.kind === "bare" ? listenBare(listen) : listenPipe(listen).then((endpoint) => endpoint.port),
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
    datagrams = 0
    reached = undefined
  },
  datagrams: () => datagrams
})
