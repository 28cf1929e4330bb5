/**
 * The program of the tests on servers that are given an interface and no address, run inside a namespace. Each line of
 * standard input, `native|plain INTERFACE ADDRESS…`, opens a TCP and a UDP server there, knocks at every address, and says in
 * one line of JSON how the servers are bound and at which addresses each was reached.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { createInterface } from "node:readline"
import * as NativeSockets from "../../src/layers/node/NativeSockets.ts"
import * as NodeTcp from "../../src/layers/node/Tcp.ts"
import * as NodeUdp from "../../src/layers/node/Udp.ts"
import { Tcp } from "../../src/services/Tcp.ts"
import { Udp } from "../../src/services/Udp.ts"

const layerOf = (variant: string) =>
  Layer.mergeAll(NodeTcp.layer, NodeUdp.layer).pipe(
    Layer.provide(variant === "native" ? Layer.orDie(NativeSockets.layer) : NativeSockets.layerNone)
  )

const host = (endpoint: NetAddress.InetAddress) => NetAddress.formatIp(endpoint.address)

const visit = Effect.fnUntraced(function* (device: string, addresses: ReadonlyArray<NetAddress.IpAddress>) {
  const tcp = yield* Tcp
  const udp = yield* Udp
  const listener = yield* tcp.listen({ interface: device })
  const socket = yield* udp.bind({ interface: device })
  const reached = { tcp: [] as Array<string>, udp: [] as Array<string> }
  for (const address of addresses) {
    const remote = NetAddress.inetAddressUnsafe(address, listener.local.port)
    const dialled = yield* Effect.result(tcp.dial({ remote }))
    if (dialled._tag === "Success") reached.tcp.push(host((yield* listener.accept).local))
    const client = yield* udp.bind({ address })
    yield* client.send(new Uint8Array([1]), NetAddress.inetAddressUnsafe(address, socket.local.port))
    const heard = yield* Effect.timeoutOption(socket.pull, "300 millis")
    if (heard._tag === "Some") reached.udp.push(host(heard.value[0]!.from))
  }
  return {
    tcp: { binding: listener.binding, local: host(listener.local), reached: reached.tcp },
    udp: { binding: socket.binding, local: host(socket.local), reached: reached.udp }
  }
})

const main = Effect.gen(function* () {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  for (;;) {
    const line = yield* Effect.promise(() => lines.next())
    if (line.done === true) return
    const [variant = "", device = "", ...addresses] = line.value.split(" ")
    const result = yield* visit(device, addresses.map(NetAddress.ipFromStringUnsafe)).pipe(
      Effect.scoped,
      Effect.provide(layerOf(variant)),
      Effect.timeout("5 seconds"),
      Effect.catchCause((cause) => Effect.succeed({ failed: Cause.pretty(cause) }))
    )
    process.stdout.write(`${JSON.stringify(result)}\n`)
  }
})

await Effect.runPromise(main)
