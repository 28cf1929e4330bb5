/**
 * The program of the tests on what a network refuses, run inside a namespace that has a loopback, a `hole0` that swallows
 * everything (192.0.2.1/24, 2001:db8:1::1/64; multicast goes there too), and routes that say no. Each line of standard input names a case; each is
 * answered with one line of JSON: what happened, and how many sockets were left open.
 */
import * as NodeDns from "@effect/platform-node/NodeDns"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import koffi from "koffi"
import { createInterface } from "node:readline"
import * as NativeSockets from "../../src/layers/node/NativeSockets.ts"
import * as NodeTcp from "../../src/layers/node/Tcp.ts"
import * as NodeTls from "../../src/layers/node/Tls.ts"
import * as NodeUdp from "../../src/layers/node/Udp.ts"
import * as PipesLayer from "../../src/layers/Pipes.ts"
import { Pipes } from "../../src/services/Pipes.ts"
import { Tcp } from "../../src/services/Tcp.ts"
import { type BindOptions, Udp, type UdpSocket } from "../../src/services/Udp.ts"
import { openSockets } from "./realWorld.ts"

const variant = process.argv[2]
const native = variant === "native" ? Layer.orDie(NativeSockets.layer) : NativeSockets.layerNone
const sockets = Layer.mergeAll(NodeTcp.layer, NodeUdp.layer).pipe(Layer.provide(native))
const layer = PipesLayer.layer.pipe(Layer.provideMerge(Layer.mergeAll(sockets, NodeTls.layer, NodeDns.layer)))

const endpoint = NetAddress.inetAddressFromStringUnsafe
const address = NetAddress.ipFromStringUnsafe
const bytes = (text: string) => new TextEncoder().encode(text)

type Failure = { readonly message: string; readonly reason: { readonly kind: string; readonly op: string } }

/** How something failed, as `op kind: message`. */
const failure = <A, E extends Failure, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.result(Effect.scoped(effect)), (result) =>
    Result.isSuccess(result)
      ? { succeeded: true }
      : { op: result.failure.reason.op, kind: result.failure.reason.kind, message: result.failure.message }
  )

const dial = (remote: string, timeout: `${number} millis` | "5 seconds" = "5 seconds") =>
  Tcp.use((tcp) => tcp.dial({ remote: endpoint(remote), timeout }))

const bind = (options: BindOptions) => Udp.use((udp) => udp.bind(options))

const heard = (socket: UdpSocket) =>
  Effect.map(socket.pull, (datagrams) => datagrams.map((datagram) => new TextDecoder().decode(datagram.bytes)))

/** What a member of a group hears of what is sent while it is one, and after. */
const multicast = Effect.fnUntraced(function* (
  group: string,
  any: string,
  options: Pick<BindOptions, "interface" | "multicast"> = {}
) {
  const to = address(group)
  const member = yield* bind({ address: address(any), ...options })
  const sender = yield* bind({ address: address(any), ...options })
  const remote = NetAddress.inetAddressUnsafe(to, member.local.port)
  // Sent straight to the socket, so it comes whatever the group does, and marks the end of what could have come before.
  const here = options.interface === undefined ? ["127.0.0.1", "::1"] : ["192.0.2.1", "2001:db8:1::1"]
  const mark = NetAddress.inetAddressUnsafe(address(here[any === "::" ? 1 : 0]!), member.local.port)
  const all: Array<string> = []
  const until = Effect.fnUntraced(function* (what: string) {
    while (!all.includes(what)) all.push(...(yield* heard(member)))
  })
  yield* Effect.scoped(
    Effect.gen(function* () {
      if (options.multicast?.groups === undefined) yield* member.join(to)
      yield* sender.send(bytes("to the group"), remote)
      yield* sender.send(bytes("mark 1"), mark)
      yield* until("mark 1")
    })
  )
  yield* sender.send(bytes("after leaving"), remote)
  yield* sender.send(bytes("mark 2"), mark)
  yield* until("mark 2")
  return { all, bindings: [member.binding, sender.binding] }
})

/** An ICMP "port unreachable" about a datagram between two ports of 127.0.0.1 that was never sent. Anybody could send such. */
const forgedReport = (port: number, remote: number): Uint8Array => {
  const packet = Buffer.alloc(36)
  packet.set([3, 3], 0)
  packet.set([0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1], 8)
  packet.writeUInt16BE(port, 28)
  packet.writeUInt16BE(remote, 30)
  packet.writeUInt16BE(8, 32)
  let sum = 0
  for (let at = 0; at < packet.length; at += 2) sum += packet.readUInt16BE(at)
  sum = (sum & 0xffff) + (sum >>> 16)
  packet.writeUInt16BE(~(sum + (sum >>> 16)) & 0xffff, 2)
  return packet
}

const sendForged = (port: number, remote: number, count: number) => {
  const libc = koffi.load("libc.so.6")
  const socket = libc.func("int socket(int domain, int type, int protocol)")
  const sendto = libc.func(
    "intptr_t sendto(int fd, const void *data, size_t size, int flags, const void *to, uint32_t length)"
  )
  const close = libc.func("int close(int fd)")
  const fd: number = socket(2, 3, 1)
  const to = Buffer.from([2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
  const packet = forgedReport(port, remote)
  let sent = 0
  for (let at = 0; at < count; at++) if (sendto(fd, packet, packet.length, 0, to, to.length) === packet.length) sent++
  close(fd)
  return sent
}

const cases: Record<string, Effect.Effect<unknown, unknown, Tcp | Udp | Pipes | Scope.Scope>> = {
  "dial timeout": failure(dial("192.0.2.2:80", "30 millis")),
  "dial timeout IPv6": failure(dial("[2001:db8:1::2]:80", "30 millis")),
  "dial unreachable": failure(dial("198.51.100.1:80")),
  "dial no route": failure(dial("203.0.113.1:80")),
  "dial no route IPv6": failure(dial("[2001:db8:9::1]:80")),
  "dial prohibited": failure(dial("198.51.100.129:80")),
  "dial interrupted": Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.scoped(dial("192.0.2.2:80")), { startImmediately: true })
    yield* Effect.yieldNow
    const during = openSockets()
    yield* Fiber.interrupt(fiber)
    return { opened: during - openSockets(), interrupted: Exit.hasInterrupts(yield* Fiber.await(fiber)) }
  }),
  "pipe timeout": failure(
    Pipes.use((pipes) => pipes.open({ transport: "tcp", destination: "192.0.2.2:80", timeout: "30 millis" }))
  ),
  "pipe unreachable": failure(Pipes.use((pipes) => pipes.open({ transport: "tcp", destination: "198.51.100.1:80" }))),
  "udp pipe unreachable": failure(
    Pipes.use((pipes) => pipes.open({ transport: "udp", destination: "198.51.100.1:80" }))
  ),
  "send unreachable": failure(
    Effect.flatMap(bind({ address: address("0.0.0.0") }), (socket) =>
      socket.send(bytes("x"), endpoint("198.51.100.1:9"))
    )
  ),
  "broadcast refused": failure(
    Effect.flatMap(bind({ address: address("192.0.2.1") }), (socket) =>
      socket.send(bytes("x"), endpoint("192.0.2.255:9"))
    )
  ),
  "broadcast allowed": failure(
    Effect.flatMap(bind({ address: address("192.0.2.1"), broadcast: true }), (socket) =>
      socket.send(bytes("x"), endpoint("192.0.2.255:9"))
    )
  ),
  "too large for the path": failure(
    // IPv6 routers do not fragment, so with this the kernel does not either.
    Effect.flatMap(bind({ remote: endpoint("192.0.2.2:9") }), (socket) => socket.send(new Uint8Array(65_508)))
  ),
  multicast: multicast("239.1.2.3", "0.0.0.0"),
  "multicast IPv6": multicast("ff15::1:2:3", "::"),
  "multicast on an interface": multicast("239.1.2.3", "0.0.0.0", { interface: "hole0" }),
  "multicast on an interface IPv6": multicast("ff15::1:2:3", "::", { interface: "hole0" }),
  "multicast at open": multicast("239.1.2.3", "0.0.0.0", { multicast: { groups: [address("239.1.2.3")], ttl: 1 } }),
  "multicast without loopback": multicast("239.1.2.3", "0.0.0.0", { multicast: { loopback: false } }),
  "join no group": failure(
    Effect.flatMap(bind({ address: address("0.0.0.0") }), (socket) => socket.join(address("192.0.2.9")))
  ),
  "forged reports": Effect.gen(function* () {
    const socket = yield* bind({ address: address("127.0.0.1") })
    const other = yield* bind({ address: address("127.0.0.1") })
    // In one turn, so that all of them wait when the loop looks again.
    const sent = sendForged(socket.local.port, other.local.port, 200)
    yield* Effect.sleep("20 millis")
    yield* other.send(bytes("still alive?"), socket.local)
    return { sent, heard: yield* heard(socket) }
  }),
  "forged reports, connected": Effect.gen(function* () {
    const other = yield* bind({ address: address("127.0.0.1") })
    const socket = yield* bind({ address: address("127.0.0.1"), remote: other.local })
    const reports = yield* Effect.forkChild(
      socket.events.pipe(
        Stream.take(1),
        Stream.runCollect,
        Effect.map((events) => events.map(({ kind }) => kind))
      )
    )
    const sent = sendForged(socket.local.port, other.local.port, 200)
    yield* Effect.sleep("20 millis")
    yield* other.send(bytes("still alive?"), socket.local)
    const answer = yield* heard(socket)
    yield* socket.send(bytes("yes"))
    return { sent, heard: answer, back: yield* heard(other), reports: yield* Fiber.join(reports) }
  })
}

const main = Effect.gen(function* () {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  for (;;) {
    const line = yield* Effect.promise(() => lines.next())
    if (line.done === true) return
    const before = openSockets()
    const result = yield* Effect.scoped(cases[line.value] ?? Effect.die("no such case")).pipe(
      Effect.timeout("3 seconds"),
      Effect.catchCause((cause) => Effect.succeed({ failed: Cause.pretty(cause) }))
    )
    process.stdout.write(`${JSON.stringify({ result, left: openSockets() - before })}\n`)
  }
})

await Effect.runPromise(main.pipe(Effect.scoped, Effect.provide(layer)))
