/**
 * The program of the interface tests, run inside network namespaces. Takes commands on standard input and answers each with
 * one line of JSON:
 *
 * - `answer NAME`: from now on answers everybody at the destinations, TCP and UDP, with its name and the address it sees.
 * - `ask native|plain FAMILY WAY INTERFACE`: asks the destination of the family that way (`dial`, `reserve`, `udp`,
 *   `udp-connected`, `pipe-tcp`, `pipe-udp`) from the interface (`-`: none), and says who answered.
 * - `listen native|plain FAMILY INTERFACE`: listens on the interface, and says where.
 * - `connect ENDPOINT`: says whether somebody listens there.
 */
import * as NodeDns from "@effect/platform-node/NodeDns"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { createInterface } from "node:readline"
import * as NativeSockets from "../../src/layers/node/NativeSockets.ts"
import * as NodeTcp from "../../src/layers/node/Tcp.ts"
import * as NodeTls from "../../src/layers/node/Tls.ts"
import * as NodeUdp from "../../src/layers/node/Udp.ts"
import * as PipesLayer from "../../src/layers/Pipes.ts"
import { Pipes } from "../../src/services/Pipes.ts"
import { Tcp, type TcpConnection } from "../../src/services/Tcp.ts"
import { Udp, type UdpSocket } from "../../src/services/Udp.ts"

const PORT = 7777
const destinations: Record<string, string> = { IPv4: `203.0.113.1:${PORT}`, IPv6: `[2001:db8:3::1]:${PORT}` }
const sources: Record<string, string> = { IPv4: "0.0.0.0", IPv6: "::" }

const layers = {
  native: Layer.orDie(NativeSockets.layer),
  plain: NativeSockets.layerNone
}
type Variant = keyof typeof layers
const layerOf = (variant: Variant) => {
  const sockets = Layer.mergeAll(NodeTcp.layer, NodeUdp.layer).pipe(Layer.provide(layers[variant]))
  return PipesLayer.layer.pipe(Layer.provideMerge(Layer.mergeAll(sockets, NodeTls.layer, NodeDns.layer)))
}

const say = (value: unknown) => Effect.sync(() => process.stdout.write(`${JSON.stringify(value)}\n`))
const decoder = new TextDecoder()

const answer = Effect.fnUntraced(function* (name: string) {
  const pipes = yield* Pipes
  for (const local of Object.values(destinations)) {
    for (const transport of ["tcp", "udp"] as const) {
      yield* pipes.listen({
        transport,
        local,
        onMessage: (_message, sender, pipe) => pipe.send(`${name} ${NetAddress.formatIp(sender.address)}`, sender)
      })
    }
  }
  return { ready: name }
})

const heardFrom = Effect.fnUntraced(function* (connection: TcpConnection) {
  yield* connection.write(new Uint8Array([63]))
  return decoder.decode((yield* connection.pull)[0])
})

const heardBy = Effect.fnUntraced(function* (socket: UdpSocket, to?: NetAddress.InetAddress) {
  yield* socket.send(new Uint8Array([63]), to)
  return decoder.decode((yield* socket.pull)[0]!.bytes)
})

const ask = Effect.fnUntraced(function* (family: string, way: string, device: string) {
  const tcp = yield* Tcp
  const udp = yield* Udp
  const remote = NetAddress.inetAddressFromStringUnsafe(destinations[family]!)
  const address = NetAddress.ipFromStringUnsafe(sources[family]!)
  const local = { interface: device === "-" ? undefined : device }
  switch (way) {
    case "dial": {
      const connection = yield* tcp.dial({ remote, local })
      return { binding: connection.binding, heard: yield* heardFrom(connection) }
    }
    case "reserve": {
      const reservation = yield* tcp.reserve({ address, ...local })
      const connection = yield* reservation.dial({ remote })
      return { binding: reservation.binding, heard: yield* heardFrom(connection) }
    }
    case "udp": {
      const socket = yield* udp.bind({ address, ...local })
      return { binding: socket.binding, heard: yield* heardBy(socket, remote) }
    }
    case "udp-connected": {
      const socket = yield* udp.bind({ remote, ...local })
      return { binding: socket.binding, heard: yield* heardBy(socket) }
    }
    default: {
      const transport = way === "pipe-tcp" ? "tcp" : "udp"
      const pipe = yield* Pipes.use((pipes) => pipes.open({ transport, destination: remote, ...local }))
      yield* pipe.send("?")
      return { binding: pipe.binding, heard: (yield* pipe.receive()).text }
    }
  }
})

const listen = (family: string, device: string) =>
  Effect.map(
    Pipes.use((pipes) =>
      pipes.listen({
        transport: "tcp",
        local: { address: NetAddress.ipFromStringUnsafe(sources[family]!) },
        interface: device,
        onMessage: (message, sender, pipe) => pipe.send(message.data, sender)
      })
    ),
    ({ binding, local }) => ({ binding, local: NetAddress.formatInet(local) })
  )

const connect = (destination: string) =>
  Pipes.use((pipes) => pipes.open({ transport: "tcp", destination })).pipe(
    Effect.match({ onSuccess: () => ({ connected: true }), onFailure: ({ reason }) => ({ kind: reason.kind }) })
  )

const outcome = <A, R>(effect: Effect.Effect<A, unknown, R>) =>
  effect.pipe(
    Effect.timeout("5 seconds"),
    Effect.catchCause((cause) => Effect.succeed({ failed: Cause.pretty(cause) }))
  )

const main = Effect.gen(function* () {
  const contexts = { native: yield* Layer.build(layerOf("native")), plain: yield* Layer.build(layerOf("plain")) }
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  for (;;) {
    const line = yield* Effect.promise(() => lines.next())
    if (line.done === true) return
    const [command, first = "", second = "", third = "", fourth = ""] = line.value.split(" ")
    const variant = contexts[first as Variant]
    switch (command) {
      case "answer":
        yield* say(yield* outcome(Effect.provide(answer(first), contexts.plain)))
        break
      case "ask":
        yield* say(yield* outcome(Effect.scoped(Effect.provide(ask(second, third, fourth), variant))))
        break
      case "listen":
        yield* say(yield* outcome(Effect.provide(listen(second, third), variant)))
        break
      default:
        yield* say(yield* outcome(Effect.scoped(Effect.provide(connect(first), contexts.plain))))
    }
  }
})

await Effect.runPromise(Effect.scoped(main))
