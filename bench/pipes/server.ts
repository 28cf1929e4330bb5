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
import { Pipes } from "../../src/services/Pipes.ts"
import { serve } from "../harness/child.ts"
import * as Traffic from "../harness/traffic.ts"
import { socketOptions } from "./bare.ts"

export type Kind = "bare" | "ours"
export interface Listen {
  readonly kind: Kind
  readonly transport: "tcp" | "udp"
  readonly mode: Traffic.Mode
}

const runtime = ManagedRuntime.make(NodeP2P.layer)
const scope = Scope.makeUnsafe()

const listenBare = ({ mode, transport }: Listen): Promise<number> =>
  new Promise((resolve) => {
    if (transport === "tcp") {
      const server = net.createServer(socketOptions, Traffic.bare(mode))
      server.listen(0, "127.0.0.1", () => resolve((server.address() as net.AddressInfo).port))
    } else {
      const socket = dgram.createSocket("udp4")
      socket.on("message", (data, from) =>
        mode === "echo" ? socket.send(data, from.port, from.address) : Traffic.took(data.length)
      )
      socket.bind(0, "127.0.0.1", () => resolve(socket.address().port))
    }
  })

const listenPipe = ({ mode, transport }: Listen): Promise<NetAddress.InetAddress> =>
  runtime.runPromise(
    Effect.gen(function* () {
      const pipes = yield* Pipes
      const pipe = yield* pipes.listen({ transport, local: "127.0.0.1:0", onMessage: Traffic.piped[mode] })
      return pipe.local
    }).pipe(Scope.provide(scope))
  )

serve({
  listen: (listen: Listen) =>
    listen.kind === "bare" ? listenBare(listen) : listenPipe(listen).then((endpoint) => endpoint.port),
  ...Traffic.counts
})
