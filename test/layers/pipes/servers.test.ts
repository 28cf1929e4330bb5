/**
 * Servers over sockets that do what they are told: clients no real network makes on demand.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as PipesLayer from "../../../src/layers/Pipes.ts"
import { type ListenOptions, Pipes } from "../../../src/services/Pipes.ts"
import { Tcp, type TcpConnection } from "../../../src/services/Tcp.ts"
import { Tls } from "../../../src/services/Tls.ts"
import { type Datagram, Udp } from "../../../src/services/Udp.ts"

const local = NetAddress.inetAddressFromStringUnsafe("0.0.0.0:7")
const peer = (at: number) => NetAddress.inetAddressFromStringUnsafe(`192.0.2.${at}:5000`)

/** A server, with what arrives at its socket put there by the test. */
const listening = Effect.fnUntraced(function* (options: ListenOptions) {
  const connections = yield* Queue.unbounded<TcpConnection>()
  const datagrams = yield* Queue.unbounded<Datagram>()
  const tcp = Tcp.of({
    dial: () => Effect.die("not here"),
    reserve: () => Effect.die("not here"),
    listen: () =>
      Effect.succeed({
        local,
        binding: "none",
        accept: Effect.acquireRelease(Queue.take(connections), (connection) => connection.close, {
          interruptible: true
        }),
        connections: Stream.never,
        close: Effect.void,
        refused: () => 0
      })
  })
  const udp = Udp.of({
    bind: () =>
      Effect.succeed({
        local,
        remote: undefined,
        binding: "none",
        pull: Queue.takeAll(datagrams),
        events: Stream.never,
        dropped: () => 0,
        close: Effect.void,
        send: () => Effect.void
      } as never)
  })
  const layer = PipesLayer.layer.pipe(
    Layer.provide(
      Layer.mergeAll(
        Layer.succeed(Tcp, tcp),
        Layer.succeed(Udp, udp),
        Layer.mock(Tls, {}),
        Layer.orDie(Dns.layerStatic({}))
      )
    )
  )
  const scope = yield* Scope.make()
  const server = yield* Pipes.use((pipes) => pipes.listen(options)).pipe(
    Effect.provide(Layer.fresh(layer)),
    Scope.provide(scope)
  )
  const hear = (text: string, from: NetAddress.InetAddress) =>
    Queue.offer(datagrams, { bytes: new TextEncoder().encode(text), from })
  return { server, hear, connections, close: Scope.close(scope, Exit.void) }
})

describe("clients of a TCP server", () => {
  it.effect("two from one remote endpoint, to two addresses of the server, are both closed with it", () =>
    Effect.gen(function* () {
      const { close, connections, server } = yield* listening({ transport: "tcp" })
      const closed: Array<string> = []
      const connect = (to: string) =>
        Queue.offer(connections, {
          local: NetAddress.inetAddressFromStringUnsafe(to),
          remote: peer(1),
          binding: "none",
          pull: Effect.never,
          write: () => Effect.sync(() => closed.push(`sent by ${to}`)),
          writeAll: () => Effect.void,
          end: Effect.void,
          reset: Effect.void,
          close: Effect.sync(() => {
            closed.push(to)
          }),
          closed: Effect.never
        })
      yield* connect("192.0.2.250:7")
      yield* connect("192.0.2.251:7")
      yield* Effect.yieldNow
      yield* server.send("x", peer(1))
      yield* close
      assert.deepStrictEqual([...new Set(closed)], ["sent by 192.0.2.251:7", "192.0.2.250:7", "192.0.2.251:7"])
    })
  )
})

describe("accepted endpoints of a UDP server", () => {
  it.effect("are limited: beyond it the server hears, and room is given to who waits", () =>
    Effect.gen(function* () {
      const { hear, server } = yield* listening({ transport: "udp", maxConnections: 2 })
      const clients = yield* Effect.forEach([1, 2], (at) => Effect.andThen(hear(`from ${at}`, peer(at)), server.accept))
      const third = yield* Effect.forkChild(server.accept, { startImmediately: true })
      yield* hear("from 3", peer(3))
      yield* hear("from 4", peer(4))
      yield* hear("again 3", peer(3))
      assert.strictEqual((yield* server.receive({ from: peer(4) })).text, "from 4")
      assert.isUndefined(third.pollUnsafe())
      yield* clients[0]!.close
      const accepted = yield* Fiber.join(third)
      assert.deepStrictEqual(
        [(yield* accepted.receive()).text, (yield* accepted.receive()).text],
        ["from 3", "again 3"]
      )
      // Closed twice is closed once: the endpoint may have been accepted again by then.
      yield* accepted.close
      yield* hear("new 3", peer(3))
      const again = yield* server.accept
      yield* accepted.close
      yield* hear("still 3", peer(3))
      assert.deepStrictEqual([(yield* again.receive()).text, (yield* again.receive()).text], ["new 3", "still 3"])
    })
  )

  it.effect("are 1,024 unless told otherwise", () =>
    Effect.gen(function* () {
      const { hear, server } = yield* listening({ transport: "udp" })
      yield* Effect.forkScoped(Effect.forever(server.accept))
      const from = (at: number) => NetAddress.inetAddressFromStringUnsafe(`192.0.2.1:${2000 + at}`)
      for (let at = 0; at < 1025; at++) yield* hear("x", from(at))
      const message = yield* server.receive({ from: from(1024) })
      assert.strictEqual(NetAddress.formatInet(message.from), "192.0.2.1:3024")
    })
  )
})
