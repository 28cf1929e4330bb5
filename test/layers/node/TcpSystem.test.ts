/**
 * What `Tcp` asks of the system that no peer sees: keep-alive, descriptors, the limit of a close, errors of a listener.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import koffi from "koffi"
import { readFileSync } from "node:fs"
import * as net from "node:net"
import { NodeTcpListener } from "../../../src/layers/node/tcp/listener.ts"
import { make as makeLibc } from "../../../src/layers/node/native/libc.ts"
import type { NativeCalls } from "../../../src/layers/node/native/NativeCalls.ts"
import { endpointOf } from "../../../src/layers/node/nativeAddress.ts"
import { NativeSockets } from "../../../src/layers/node/NativeSockets.ts"
import * as NodeTcp from "../../../src/layers/node/Tcp.ts"
import * as NodeUdp from "../../../src/layers/node/Udp.ts"
import { type ConnectionOptions, Tcp } from "../../../src/services/Tcp.ts"
import { Udp } from "../../../src/services/Udp.ts"
import { freePort } from "../../servers/support.ts"
import { openSockets } from "../../support/realWorld.ts"
import { failureOf } from "../../shared/World.ts"

const loopback = NetAddress.ipFromStringUnsafe("127.0.0.1")
const onLinux = process.platform === "linux"

const listeningOn = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<net.Server>((resume) => {
      const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true })
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

/** What the kernel's timer of a connection waits for: "02" is the keep-alive probe. In hundredths of a second. */
const timerOf = (from: number, to: number) => {
  const port = (number: number) => number.toString(16).toUpperCase().padStart(4, "0")
  const row = readFileSync("/proc/self/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(([, local, remote]) => local?.endsWith(`:${port(from)}`) && remote?.endsWith(`:${port(to)}`))
  const [timer = "", left = "0"] = row?.[5]?.split(":") ?? []
  return { timer, left: Number.parseInt(left, 16) }
}

describe("TCP and the system", () => {
  it.live.skipIf(!onLinux)("probes idle peers after 15 seconds at both ends, another time, or never", () =>
    Effect.gen(function* () {
      const tcp = yield* Tcp
      const timers = Effect.fnUntraced(function* (options: ConnectionOptions) {
        const listener = yield* tcp.listen({ address: loopback, ...options })
        const near = yield* tcp.dial({ remote: listener.local, ...options })
        const far = yield* listener.accept
        return [timerOf(near.local.port, far.local.port), timerOf(far.local.port, near.local.port)]
      })
      for (const { left, timer } of yield* timers({})) {
        assert.strictEqual(timer, "02")
        assert.isTrue(left > 0 && left <= 1500, `${left}`)
      }
      for (const { left, timer } of yield* timers({ keepAlive: "1 minute" })) {
        assert.strictEqual(timer, "02")
        assert.isTrue(left > 1500 && left <= 6000, `${left}`)
      }
      for (const { timer } of yield* timers({ keepAlive: false })) assert.strictEqual(timer, "00")
    }).pipe(Effect.scoped, Effect.provide(NodeTcp.layer))
  )

  it.effect("a close waits two seconds for a peer that does not read, by the real clock under a test clock too", () =>
    Effect.gen(function* () {
      const server = yield* listeningOn(0)
      const { port } = server.address() as net.AddressInfo
      const tcp = yield* Tcp
      const connection = yield* tcp.dial({ remote: NetAddress.inetAddressUnsafe(loopback, port) })
      yield* Effect.forkChild(Effect.ignore(connection.write(new Uint8Array(50_000_000))), { startImmediately: true })
      const before = performance.now()
      yield* connection.close
      const took = performance.now() - before
      assert.isTrue(took > 1900 && took < 4000, `${took} ms`)
      assert.deepStrictEqual(yield* connection.closed, { _tag: "ClosedHere" })
    }).pipe(Effect.scoped, Effect.provide(NodeTcp.layer))
  )

  it.live("a listener lives through what concerns one connection, and stops listening where it fails", () =>
    Effect.gen(function* () {
      const server = yield* listeningOn(yield* freePort)
      const listener = new NodeTcpListener(server, "none")
      const { port } = listener.local
      const fail = (code: string) => server.emit("error", Object.assign(new Error(code), { code, syscall: "accept" }))
      const tcp = yield* Tcp
      for (const code of ["EMFILE", "ENOBUFS", "ECONNABORTED"]) {
        fail(code)
        const near = yield* tcp.dial({ remote: listener.local })
        assert.strictEqual((yield* listener.accept).remote.port, near.local.port)
      }
      assert.strictEqual(listener.refused(), 3)
      fail("EBADF")
      const error = yield* failureOf(listener.accept)
      assert.strictEqual(`${error.reason.op} ${error.reason.kind}`, "accept Closed")
      assert.strictEqual((error.reason.cause as NodeJS.ErrnoException).code, "EBADF")
      assert.isFalse(server.listening)
      const refused = yield* failureOf(tcp.dial({ remote: NetAddress.inetAddressUnsafe(loopback, port) }))
      assert.strictEqual(refused.reason.kind, "Refused")
    }).pipe(Effect.scoped, Effect.provide(NodeTcp.layer))
  )

  it.live.skipIf(!onLinux)("a descriptor Node does not adopt is closed", () =>
    Effect.gen(function* () {
      const libc = makeLibc(koffi, process.platform)
      const opened: Array<string> = []
      const closed: Array<number> = []
      // Sockets of the other transport: Node looks what a descriptor is, and throws.
      const swapped: NativeCalls = {
        open: (options) => {
          opened.push(options.transport)
          return libc.open({ ...options, transport: options.transport === "tcp" ? "udp" : "tcp" })
        },
        close: (fd) => {
          closed.push(fd)
          libc.close(fd)
        }
      }
      const before = openSockets()
      yield* Effect.gen(function* () {
        const bound = yield* failureOf(Udp.use((udp) => udp.bind({ address: loopback, interface: "lo" })))
        assert.strictEqual(bound.reason.op, "bind")
        assert.isDefined(bound.reason.cause)
        const remote = NetAddress.inetAddressUnsafe(loopback, 9)
        const dialled = yield* failureOf(Tcp.use((tcp) => tcp.dial({ remote, local: { interface: "lo" } })))
        assert.strictEqual(dialled.reason.op, "dial")
        assert.isDefined(dialled.reason.cause)
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.mergeAll(NodeTcp.layer, NodeUdp.layer).pipe(
            Layer.provide(Layer.succeed(NativeSockets, Option.some(swapped)))
          )
        )
      )
      assert.deepStrictEqual([opened, closed.length], [["udp", "tcp"], 2])
      while (openSockets() > before) yield* Effect.sleep("1 millis")
    })
  )
})

describe("endpoints as the system writes them", () => {
  it("a zone may be a number, of an interface nobody has a name for", () => {
    assert.strictEqual(NetAddress.formatInet(endpointOf("fe80::1%4321", 5)), "[fe80::1%4321]:5")
    assert.strictEqual(NetAddress.formatInet(endpointOf("fe80::1%no-such-if0", 5)), "[fe80::1]:5")
  })
})
