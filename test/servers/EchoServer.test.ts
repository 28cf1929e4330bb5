import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import * as EchoServer from "../../src/servers/EchoServer.ts"
import type { Message, Pipe } from "../../src/services/Pipe.ts"
import { Pipes } from "../../src/services/Pipes.ts"
import { everywhere, nameOf } from "./support.ts"

const endpoint = NetAddress.inetAddressFromStringUnsafe

/** Whether the handler answers this sender, on a pipe that only takes down what is sent. */
const answers = (transport: "tcp" | "udp", local: string, from: string): Effect.Effect<boolean> => {
  const data = new TextEncoder().encode("hello")
  const sender = endpoint(from)
  const message: Message = { data, from: sender, text: "hello" }
  const sent: Array<readonly [unknown, unknown]> = []
  const pipe = {
    transport,
    local: endpoint(local),
    send: (data: unknown, to: unknown) => Effect.sync(() => sent.push([data, to]))
  } as unknown as Pipe
  return Effect.map(Effect.orDie(EchoServer.echo(message, sender, pipe)), () => {
    if (sent.length > 0) assert.deepStrictEqual(sent, [[data, sender]])
    return sent.length > 0
  })
}

describe("whom the echo handler answers", () => {
  const rows: ReadonlyArray<readonly [transport: "tcp" | "udp", from: string, answered: boolean]> = [
    ["udp", "192.0.2.1:50000", true],
    ["udp", "192.0.2.1:1024", true],
    ["udp", "192.0.2.1:1023", false],
    ["udp", "192.0.2.1:7", false],
    ["udp", "192.0.2.1:0", false],
    ["udp", "192.0.2.1:7777", false],
    ["udp", "[2001:db8::1]:53", false],
    ["udp", "[2001:db8::1]:7777", false],
    ["udp", "[2001:db8::1]:7778", true],
    // A connection has shown that its other end is real.
    ["tcp", "192.0.2.1:7", true],
    ["tcp", "192.0.2.1:7777", true]
  ]
  for (const [transport, from, answered] of rows) {
    it.effect(`${transport} from ${from} to port 7777: ${answered ? "yes" : "no"}`, () =>
      Effect.gen(function* () {
        const local = from.startsWith("[") ? "[::]:7777" : "0.0.0.0:7777"
        assert.strictEqual(yield* answers(transport, local, from), answered)
      })
    )
  }
})

describe("an echo server", () => {
  it.live("sends back what it gets, over every transport and family", () =>
    Effect.gen(function* () {
      const { failed, servers } = yield* EchoServer.serve({ on: "loopback" })
      assert.deepStrictEqual([servers.map(nameOf), failed], [everywhere, []])
      const pipes = yield* Pipes
      for (const server of servers) {
        const pipe = yield* pipes.open({ transport: server.transport, destination: server.local })
        for (const message of [
          new Uint8Array([0, 255, 10, 13]),
          new TextEncoder().encode("grüße"),
          new Uint8Array(1200)
        ]) {
          yield* pipe.send(message)
          const back = yield* pipe.receive()
          assert.deepStrictEqual(new Uint8Array(back.data), message, nameOf(server))
          assert.strictEqual(String(back.from), String(server.local))
        }
      }
    }).pipe(Effect.provide(NodeP2P.layer))
  )

  it.live("over TCP takes more than the buffers on the way hold, and ends when its client does", () =>
    Effect.gen(function* () {
      const { servers } = yield* EchoServer.serve({ on: "loopback", transports: ["tcp"], families: ["IPv4"] })
      const pipe = yield* Pipes.use((pipes) => pipes.open({ transport: "tcp", destination: servers[0]!.local }))
      const block = Uint8Array.from({ length: 65_536 }, (_, at) => at)
      const blocks = 128
      const [, back] = yield* Effect.all(
        [
          Effect.andThen(Effect.replicateEffect(pipe.send(block), blocks, { discard: true }), pipe.end),
          Stream.runFold(
            pipe.toStream,
            () => 0,
            (at, bytes) => {
              const wrong = bytes.findIndex((byte, index) => byte !== ((at + index) & 255))
              assert.strictEqual(wrong, -1, `byte ${at + wrong} changed`)
              return at + bytes.length
            }
          )
        ],
        { concurrency: "unbounded" }
      )
      assert.strictEqual(back, block.length * blocks)
      assert.strictEqual((yield* pipe.closed)._tag, "ClosedByPeer")
    }).pipe(Effect.provide(NodeP2P.layer))
  )

  // The whole of 127/8 is this machine on Linux alone.
  it.live.skipIf(process.platform !== "linux")("leaves a datagram from its own port number without an answer", () =>
    Effect.gen(function* () {
      const { servers } = yield* EchoServer.serve({ on: "loopback", transports: ["udp"], families: ["IPv4"] })
      const [server] = servers as [Pipe]
      const pipes = yield* Pipes
      const twin = yield* pipes.open({
        transport: "udp",
        destination: server.local,
        local: { address: NetAddress.ipFromStringUnsafe("127.0.0.2"), port: server.local.port }
      })
      const other = yield* pipes.open({ transport: "udp", destination: server.local })
      yield* twin.send("to and fro for ever")
      yield* other.send("hello")
      assert.strictEqual((yield* other.receive()).text, "hello")
      // The first of the two arrived first.
      const { messagesIn, messagesOut } = server.statistics()
      assert.deepStrictEqual({ messagesIn, messagesOut }, { messagesIn: 2, messagesOut: 1 })
    }).pipe(Effect.provide(NodeP2P.layer))
  )
})
