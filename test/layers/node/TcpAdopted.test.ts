/**
 * Sockets opened by other code, taken over.
 */
import { assert, describe } from "@effect/vitest"
import * as dgram from "node:dgram"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as NodeTcp from "../../../src/layers/node/Tcp.ts"
import * as NodeUdp from "../../../src/layers/node/Udp.ts"
import { Pipes } from "../../../src/services/Pipes.ts"
import { listen } from "../../shared/tcpHelpers.ts"
import { bind } from "../../shared/udpSockets.ts"
import { at, failureOf, leavingNothing, testIn } from "../../shared/World.ts"
import { realWorld } from "../../support/realWorld.ts"

const test = testIn(realWorld)

const connectTo = (remote: NetAddress.InetAddress) =>
  Effect.callback<net.Socket>((resume) => {
    const socket = net.connect({ host: NetAddress.formatIp(remote.address), port: remote.port })
    socket.once("connect", () => resume(Effect.succeed(socket)))
  })

const bound = Effect.callback<dgram.Socket>((resume) => {
  const socket = dgram.createSocket("udp4")
  socket.bind(0, "127.0.0.1", () => resume(Effect.succeed(socket)))
})

describe("a net.Socket taken over", () => {
  test("is a connection like any other, half-close included, and a pipe", (hosts) =>
    Effect.gen(function* () {
      const listener = yield* listen(hosts.server, "IPv4")
      const socket = yield* connectTo(listener.local)
      const far = yield* listener.accept
      const connection = yield* NodeTcp.fromSocket(socket)
      assert.strictEqual(at(connection.local), at(far.remote))
      assert.strictEqual(at(connection.remote), at(listener.local))
      const near = yield* hosts.client.on(Pipes.use((pipes) => pipes.fromTcp(connection, { framing: "lines" })))
      const there = yield* hosts.server.on(Pipes.use((pipes) => pipes.fromTcp(far, { framing: "lines" })))
      yield* there.send("hello")
      yield* there.end
      assert.strictEqual((yield* near.receive()).text, "hello")
      assert.strictEqual((yield* near.closed)._tag, "ClosedByPeer")
      yield* near.send("still here")
      assert.strictEqual((yield* there.receive()).text, "still here")
    }).pipe(leavingNothing(hosts)))

  test("is closed with its scope", (hosts) =>
    Effect.gen(function* () {
      const listener = yield* listen(hosts.server, "IPv4")
      const socket = yield* connectTo(listener.local)
      yield* Effect.scoped(NodeTcp.fromSocket(socket))
      assert.isTrue(socket.destroyed)
    }).pipe(leavingNothing(hosts)))

  test("must be connected", (hosts) =>
    Effect.gen(function* () {
      const error = yield* failureOf(NodeTcp.fromSocket(new net.Socket()))
      assert.strictEqual(`${error.reason.op} ${error.reason.kind}`, "adopt InvalidInput")
    }).pipe(leavingNothing(hosts)))
})

describe("a dgram.Socket taken over", () => {
  test("sends and hears, and is a server pipe", (hosts) =>
    Effect.gen(function* () {
      const other = yield* bind(hosts.client, "IPv4")
      const adopted = yield* NodeUdp.fromSocket(yield* bound)
      assert.isUndefined(adopted.remote)
      const pipe = yield* hosts.server.on(Pipes.use((pipes) => pipes.fromUdp(adopted)))
      assert.strictEqual(pipe.kind, "server")
      yield* other.send(new TextEncoder().encode("hello"), adopted.local)
      const message = yield* pipe.receive()
      assert.deepStrictEqual([message.text, at(message.from)], ["hello", at(other.local)])
    }).pipe(leavingNothing(hosts)))

  test("connected to a peer, it is a client pipe", (hosts) =>
    Effect.gen(function* () {
      const other = yield* bind(hosts.server, "IPv4")
      const socket = yield* bound
      yield* Effect.callback<void>((resume) => {
        socket.connect(other.local.port, "127.0.0.1", () => resume(Effect.void))
      })
      const adopted = yield* NodeUdp.fromSocket(socket)
      assert.strictEqual(at(adopted.remote), at(other.local))
      const pipe = yield* hosts.client.on(Pipes.use((pipes) => pipes.fromUdp(adopted)))
      yield* pipe.send("hello")
      const [datagram] = yield* other.pull
      assert.strictEqual(at(datagram!.from), at(adopted.local))
    }).pipe(leavingNothing(hosts)))

  test("must be bound", (hosts) =>
    Effect.gen(function* () {
      const socket = dgram.createSocket("udp4")
      const error = yield* failureOf(NodeUdp.fromSocket(socket))
      assert.strictEqual(`${error.reason.op} ${error.reason.kind}`, "adopt InvalidInput")
      socket.close()
    }).pipe(leavingNothing(hosts)))
})
