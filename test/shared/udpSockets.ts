/**
 * What `Udp` promises.
 */
import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import { type BindOptions, type Datagram, Udp, type UdpError, type UdpSocket } from "../../src/services/Udp.ts"
import { deadEnd, freePort } from "./freePort.ts"
import {
  at,
  endpointOf,
  failureOf,
  type Host,
  type Hosts,
  leavingNothing,
  standstill,
  testIn,
  type World
} from "./World.ts"

export const bind = (host: Host, family: NetAddress.IpFamily, options: BindOptions = {}) =>
  host.on(Udp.use((udp) => udp.bind({ address: host.address(family), ...options })))

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (datagram: Datagram) => new TextDecoder().decode(datagram.bytes)

const take = Effect.fnUntraced(function* (socket: UdpSocket, count: number) {
  const found: Array<Datagram> = []
  while (found.length < count) found.push(...(yield* socket.pull))
  return found
})

const one = (socket: UdpSocket) => Effect.map(take(socket, 1), ([datagram]) => datagram!)

const kindOf = <A, R>(effect: Effect.Effect<A, UdpError | Cause.Done, R>) =>
  Effect.map(failureOf(effect), (error) => (Cause.isDone(error) ? "Done" : `${error.reason.op} ${error.reason.kind}`))

const exchange = Effect.fnUntraced(function* (hosts: Hosts, family: NetAddress.IpFamily) {
  const a = yield* bind(hosts.client, family)
  const b = yield* bind(hosts.server, family)
  return Effect.gen(function* () {
    yield* a.send(bytes("ping"), b.local)
    yield* b.send(bytes("pong"), (yield* one(b)).from)
    yield* one(a)
  })
})

const sockets = (world: World, family: NetAddress.IpFamily): void => {
  const test = testIn(world)
  describe(`UDP over ${family} (${world.name})`, () => {
    test("one socket talks with many, and knows who said what", (hosts) =>
      Effect.gen(function* () {
        const server = yield* bind(hosts.server, family)
        const clients = [yield* bind(hosts.client, family), yield* bind(hosts.client, family)] as const
        assert.isUndefined(server.remote)
        assert.strictEqual(server.binding, "none")
        for (const client of clients) {
          yield* client.send(bytes(`from ${client.local.port}`), server.local)
          const heard = yield* one(server)
          assert.strictEqual(at(heard.from), at(client.local))
          assert.strictEqual(text(heard), `from ${client.local.port}`)
        }
        for (const client of clients) yield* server.send(bytes(`to ${client.local.port}`), client.local)
        for (const client of clients) {
          const heard = yield* one(client)
          assert.strictEqual(text(heard), `to ${client.local.port}`)
          assert.strictEqual(at(heard.from), at(server.local))
        }
      }).pipe(leavingNothing(hosts)))

    test("keeps borders, an empty datagram's too", (hosts) =>
      Effect.gen(function* () {
        const a = yield* bind(hosts.client, family)
        const b = yield* bind(hosts.server, family)
        const sent = ["one", "", "x".repeat(1200), "four"]
        for (const each of sent) yield* a.send(bytes(each), b.local)
        assert.deepStrictEqual((yield* take(b, 4)).map(text), sent)
      }).pipe(leavingNothing(hosts)))

    test("the bytes sent may be used again at once, those received are the receiver's", (hosts) =>
      Effect.gen(function* () {
        const a = yield* bind(hosts.client, family)
        const b = yield* bind(hosts.server, family)
        const buffer = bytes("first")
        yield* a.send(buffer, b.local)
        buffer.set(bytes("other"))
        yield* a.send(buffer, b.local)
        const [first, second] = yield* take(b, 2)
        first!.bytes.fill(0)
        assert.strictEqual(text(second!), "other")
      }).pipe(leavingNothing(hosts)))

    test("a connected socket needs no destination and hears only its peer", (hosts) =>
      Effect.gen(function* () {
        const server = yield* bind(hosts.server, family)
        const client = yield* bind(hosts.client, family, { remote: server.local })
        const stranger = yield* bind(hosts.server, family)
        assert.strictEqual(at(client.remote), at(server.local))
        yield* stranger.send(bytes("spam"), client.local)
        yield* client.send(bytes("hello"))
        yield* client.send(bytes("again"), server.local)
        const [first, again] = yield* take(server, 2)
        assert.deepStrictEqual([text(first!), text(again!)], ["hello", "again"])
        assert.strictEqual(at(first!.from), at(client.local))
        yield* server.send(bytes("answer"), client.local)
        const heard = yield* one(client)
        assert.deepStrictEqual([text(heard), at(heard.from)], ["answer", at(server.local)])
        const error = yield* failureOf(client.send(bytes("x"), stranger.local))
        assert.strictEqual(error.reason.kind, "InvalidInput")
        assert.include(error.message, "this socket is connected to another peer")
      }).pipe(leavingNothing(hosts)))

    test("starts from the port it is told, which no other socket has", (hosts) =>
      Effect.gen(function* () {
        const port = yield* freePort(world, hosts.client)
        const socket = yield* bind(hosts.client, family, { port })
        assert.strictEqual(at(socket.local), at(endpointOf(hosts.client, family, port)))
        const error = yield* failureOf(bind(hosts.client, family, { port }))
        assert.strictEqual(`${error.reason.op} ${error.reason.kind}`, "bind AddressInUse")
        assert.include(error.message, at(socket.local)!)
      }).pipe(leavingNothing(hosts)))

    test("`reuse` lets sockets share a port", (hosts) =>
      Effect.gen(function* () {
        const first = yield* bind(hosts.client, family, { reuse: true })
        const second = yield* bind(hosts.client, family, { reuse: true, port: first.local.port })
        assert.strictEqual(at(second.local), at(first.local))
        assert.strictEqual(yield* kindOf(bind(hosts.client, family, { port: first.local.port })), "bind AddressInUse")
      }).pipe(leavingNothing(hosts)))

    test("what a slow reader has no room for is dropped and counted", (hosts) =>
      Effect.gen(function* () {
        const beat = yield* exchange(hosts, family)
        const a = yield* bind(hosts.client, family)
        const b = yield* bind(hosts.server, family, { queue: 3 })
        for (let count = 0; count < 10; count++) yield* a.send(bytes(String(count)), b.local)
        assert.strictEqual(yield* standstill(b.dropped, beat, 7), 7)
        assert.deepStrictEqual((yield* b.pull).map(text), ["0", "1", "2"])
        yield* a.send(bytes("room again"), b.local)
        assert.strictEqual(text(yield* one(b)), "room again")
        assert.strictEqual(b.dropped(), 7)
      }).pipe(leavingNothing(hosts)))

    test("an interrupted pull takes nothing", (hosts) =>
      Effect.gen(function* () {
        const a = yield* bind(hosts.client, family)
        const b = yield* bind(hosts.server, family)
        yield* Fiber.interrupt(yield* Effect.forkChild(b.pull, { startImmediately: true }))
        yield* a.send(bytes("still here"), b.local)
        assert.strictEqual(text(yield* one(b)), "still here")
      }).pipe(leavingNothing(hosts)))

    test("closed, by hand or by its scope: readers end, senders are told", (hosts) =>
      Effect.gen(function* () {
        const other = yield* bind(hosts.server, family)
        const byScope = yield* Effect.scoped(bind(hosts.client, family))
        const byHand = yield* bind(hosts.client, family, { port: yield* freePort(world, hosts.client) })
        const reading = yield* Effect.forkChild(kindOf(byHand.pull), { startImmediately: true })
        const watching = yield* Effect.forkChild(Stream.runCollect(byHand.events), { startImmediately: true })
        yield* byHand.close
        yield* byHand.close
        assert.strictEqual(yield* Fiber.join(reading), "Done")
        assert.deepStrictEqual(yield* Fiber.join(watching), [])
        for (const socket of [byScope, byHand]) {
          assert.strictEqual(yield* kindOf(socket.pull), "Done")
          assert.strictEqual(yield* kindOf(socket.send(bytes("x"), other.local)), "send Closed")
          assert.strictEqual(yield* kindOf(socket.setTtl(3)), "set Closed")
          assert.deepStrictEqual(yield* Stream.runCollect(socket.events), [])
        }
        yield* bind(hosts.client, family, { port: byHand.local.port })
      }).pipe(leavingNothing(hosts)))

    test("what cannot be sent says why, and the socket goes on", (hosts) =>
      Effect.gen(function* () {
        const socket = yield* bind(hosts.client, family)
        const server = yield* bind(hosts.server, family)
        assert.strictEqual(yield* kindOf(socket.send(bytes("x"))), "send InvalidInput")
        assert.strictEqual(
          yield* kindOf(socket.send(bytes("x"), endpointOf(hosts.server, family, 0))),
          "send InvalidInput"
        )
        for (const size of [65_536, 1_000_000]) {
          const error = yield* failureOf(socket.send(new Uint8Array(size), server.local))
          assert.strictEqual(error.reason.kind, "TooLarge")
          assert.include(error.message, `send ${at(socket.local)} -> ${at(server.local)}`)
        }
        yield* socket.send(bytes("fine"), server.local)
        assert.strictEqual(text(yield* one(server)), "fine")
      }).pipe(leavingNothing(hosts)))

    test("the hop limit can be set at open and changed; one that is none is refused", (hosts) =>
      Effect.gen(function* () {
        const server = yield* bind(hosts.server, family)
        const socket = yield* bind(hosts.client, family, { ttl: 255 })
        for (const hops of [1, 64, 255]) {
          yield* socket.setTtl(hops)
          yield* socket.send(bytes(`with ${hops}`), server.local)
          assert.strictEqual(text(yield* one(server)), `with ${hops}`)
        }
        for (const hops of [0, 256, -1]) {
          assert.strictEqual(yield* kindOf(socket.setTtl(hops)), "set InvalidInput")
          assert.strictEqual(yield* kindOf(bind(hosts.client, family, { ttl: hops })), "bind InvalidInput")
        }
      }).pipe(leavingNothing(hosts)))

    test("what makes no sense is refused before anything is opened", (hosts) =>
      Effect.gen(function* () {
        const kinds = [
          yield* kindOf(bind(hosts.client, family, { port: 70_000 })),
          yield* kindOf(bind(hosts.client, family, { interface: "no-such-if0" })),
          yield* kindOf(bind(hosts.client, family, { remote: endpointOf(hosts.server, family, 0) }))
        ]
        assert.deepStrictEqual(kinds, ["bind InvalidInput", "bind UnknownInterface", "bind InvalidInput"])
      }).pipe(leavingNothing(hosts)))

    test("nobody there: a connected socket is told, by an event, and goes on", (hosts) =>
      Effect.gen(function* () {
        const gone = yield* deadEnd(world, hosts.server, family)
        const socket = yield* bind(hosts.client, family, { remote: gone })
        yield* socket.send(bytes("anybody?"))
        const [event] = yield* socket.events.pipe(Stream.take(1), Stream.runCollect)
        assert.strictEqual(event?.kind, "Refused")
        assert.strictEqual(at(event?.remote), at(gone))
        assert.isDefined(event?.cause)
        const back = yield* bind(hosts.server, family, { port: gone.port })
        yield* socket.send(bytes("now?"))
        assert.strictEqual(text(yield* one(back)), "now?")
      }).pipe(leavingNothing(hosts)))
  })
}

export const udpSocketsTests = (world: World): void => {
  for (const family of world.families) sockets(world, family)

  if (world.families.length === 2) {
    const test = testIn(world)
    describe(`UDP sockets of both families (${world.name})`, () => {
      test("without an address, both are heard and answered, and IPv4 peers are shown as such", (hosts) =>
        Effect.gen(function* () {
          const port = yield* freePort(world, hosts.server)
          const server = yield* hosts.server.on(Udp.use((udp) => udp.bind({ port })))
          for (const family of world.families) {
            const client = yield* bind(hosts.client, family)
            yield* client.send(bytes(family), endpointOf(hosts.server, family, port))
            const heard = yield* one(server)
            assert.deepStrictEqual([text(heard), at(heard.from)], [family, at(client.local)])
            yield* server.send(bytes("answer"), heard.from)
            assert.strictEqual(text(yield* one(client)), "answer")
          }
        }).pipe(leavingNothing(hosts)))

      test("ipv6Only leaves the IPv4 port to others", (hosts) =>
        Effect.gen(function* () {
          const port = yield* freePort(world, hosts.server)
          yield* hosts.server.on(Udp.use((udp) => udp.bind({ port, ipv6Only: true })))
          // Where there is no choice it changes nothing.
          const other = yield* bind(hosts.server, "IPv4", { port, ipv6Only: true })
          const client = yield* bind(hosts.client, "IPv4")
          yield* client.send(bytes("to IPv4"), other.local)
          assert.strictEqual(text(yield* one(other)), "to IPv4")
        }).pipe(leavingNothing(hosts)))

      test("families do not mix", (hosts) =>
        Effect.gen(function* () {
          for (const [family, other] of [
            ["IPv4", "IPv6"],
            ["IPv6", "IPv4"]
          ] as const) {
            const socket = yield* bind(hosts.client, family)
            const remote = endpointOf(hosts.server, other, 9)
            assert.strictEqual(yield* kindOf(socket.send(bytes("x"), remote)), "send FamilyMismatch")
            assert.strictEqual(yield* kindOf(bind(hosts.client, family, { remote })), "bind FamilyMismatch")
          }
        }).pipe(leavingNothing(hosts)))
    })
  }
}
