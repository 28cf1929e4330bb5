/**
 * What `Tcp` promises of listeners and dials.
 */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type ListenOptions, Tcp } from "../../src/services/Tcp.ts"
import { deadEnd, freePort } from "./freePort.ts"
import { bytes, dial, kindOf, listen, read } from "./tcpHelpers.ts"
import { at, endpointOf, failureOf, type Host, leavingNothing, testIn, type World } from "./World.ts"

const listeners = (world: World, family: NetAddress.IpFamily): void => {
  const test = testIn(world)
  describe(`a TCP listener over ${family} (${world.name})`, () => {
    test("hands out connections in the order they came, to those who wait in the order they asked", (hosts) =>
      Effect.gen(function* () {
        const listener = yield* listen(hosts.server, family)
        const early = [yield* dial(hosts.client, listener.local), yield* dial(hosts.client, listener.local)]
        const waiting = yield* Effect.forEach([0, 1, 2, 3], () =>
          Effect.forkChild(listener.accept, { startImmediately: true })
        )
        const late = [yield* dial(hosts.client, listener.local), yield* dial(hosts.client, listener.local)]
        const accepted = yield* Effect.forEach(waiting, (fiber) => Fiber.join(fiber))
        assert.deepStrictEqual(
          accepted.map(({ remote }) => at(remote)),
          [...early, ...late].map(({ local }) => at(local))
        )
      }).pipe(leavingNothing(hosts)))

    test("an interrupted accept takes nobody", (hosts) =>
      Effect.gen(function* () {
        const listener = yield* listen(hosts.server, family)
        yield* Fiber.interrupt(yield* Effect.forkChild(listener.accept, { startImmediately: true }))
        const near = yield* dial(hosts.client, listener.local)
        assert.strictEqual(at((yield* listener.accept).remote), at(near.local))
      }).pipe(leavingNothing(hosts)))

    test("what an accepting scope got is closed with that scope", (hosts) =>
      Effect.gen(function* () {
        const listener = yield* listen(hosts.server, family)
        const near = yield* dial(hosts.client, listener.local)
        yield* Effect.scoped(listener.accept)
        assert.strictEqual(yield* kindOf(near.pull), "Done")
      }).pipe(leavingNothing(hosts)))

    test("its stream owns what it hands out, and ends with the listener", (hosts) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const listener = yield* Scope.provide(listen(hosts.server, family), scope)
        const three = yield* Deferred.make<ReadonlyArray<string | undefined>>()
        const seen: Array<string | undefined> = []
        const all = yield* Effect.forkChild(
          Stream.runForEach(listener.connections, ({ remote }) => {
            seen.push(at(remote))
            return seen.length === 3 ? Deferred.succeed(three, seen) : Effect.void
          })
        )
        const near = yield* Effect.forEach([0, 1, 2], () => dial(hosts.client, listener.local))
        assert.deepStrictEqual(
          yield* Deferred.await(three),
          near.map(({ local }) => at(local))
        )
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.join(all)
        for (const connection of near) assert.strictEqual(yield* kindOf(connection.pull), "Done")
      }).pipe(leavingNothing(hosts)))

    test("closed: resets what nobody accepted, leaves what somebody did, and refuses everybody else", (hosts) =>
      Effect.gen(function* () {
        const listener = yield* listen(hosts.server, family, { port: yield* freePort(world, hosts.server) })
        const first = yield* dial(hosts.client, listener.local)
        const accepted = yield* listener.accept
        const second = yield* dial(hosts.client, listener.local)
        yield* listener.close
        yield* listener.close
        assert.strictEqual(yield* kindOf(second.pull), "read Reset")
        assert.strictEqual(yield* kindOf(listener.accept), "accept Closed")
        assert.strictEqual(yield* kindOf(dial(hosts.client, listener.local)), "dial Refused")
        yield* accepted.write(bytes("still"))
        assert.strictEqual(yield* read(first, 5), "still")
      }).pipe(leavingNothing(hosts)))

    test("closed: a waiting accept is told", (hosts) =>
      Effect.gen(function* () {
        const listener = yield* listen(hosts.server, family)
        const waiting = yield* Effect.forkChild(kindOf(listener.accept), { startImmediately: true })
        yield* listener.close
        assert.strictEqual(yield* Fiber.join(waiting), "accept Closed")
      }).pipe(leavingNothing(hosts)))

    test("takes no more connections at once than it may", (hosts) =>
      Effect.gen(function* () {
        const listener = yield* listen(hosts.server, family, { maxConnections: 2 })
        const first = yield* dial(hosts.client, listener.local)
        yield* dial(hosts.client, listener.local)
        const third = yield* dial(hosts.client, listener.local)
        // The system connects before the listener can say no; then it hangs up at once.
        yield* Effect.exit(third.pull)
        assert.strictEqual(listener.refused(), 1)
        const accepted = yield* listener.accept
        assert.strictEqual(at(accepted.remote), at(first.local))
        yield* accepted.close
        yield* first.close
        const fourth = yield* dial(hosts.client, listener.local)
        yield* listener.accept
        assert.strictEqual(at((yield* listener.accept).remote), at(fourth.local))
        assert.strictEqual(listener.refused(), 1)
      }).pipe(leavingNothing(hosts)))

    test("gives its port back with its scope", (hosts) =>
      Effect.gen(function* () {
        const port = yield* freePort(world, hosts.server)
        yield* Effect.scoped(listen(hosts.server, family, { port }))
        const again = yield* listen(hosts.server, family, { port })
        assert.strictEqual(again.local.port, port)
        assert.strictEqual(yield* kindOf(listen(hosts.server, family, { port })), "listen AddressInUse")
      }).pipe(leavingNothing(hosts)))
  })
}

const dials = (world: World, family: NetAddress.IpFamily): void => {
  const test = testIn(world)
  describe(`dialling TCP over ${family} (${world.name})`, () => {
    test("starts from the address and the port it is told", (hosts) =>
      Effect.gen(function* () {
        const listener = yield* listen(hosts.server, family)
        const other = yield* listen(hosts.server, family)
        const port = yield* freePort(world, hosts.client)
        const local = { address: hosts.client.address(family), port }
        const near = yield* dial(hosts.client, listener.local, { local })
        assert.strictEqual(at(near.local), at(endpointOf(hosts.client, family, port)))
        assert.strictEqual(at((yield* listener.accept).remote), at(near.local))
        // The same port to another remote is another connection; to the same remote it would be the same one.
        yield* dial(hosts.client, other.local, { local })
        const error = yield* failureOf(dial(hosts.client, listener.local, { local }))
        assert.strictEqual(error.reason.kind, "AddressNotAvailable")
        assert.include(error.message, `dial ${at(near.local)} -> ${at(listener.local)}`)
        assert.include(error.message, "not the same pair of endpoints twice")
      }).pipe(leavingNothing(hosts)))

    test("nobody there: refused, with both endpoints named", (hosts) =>
      Effect.gen(function* () {
        const local = yield* deadEnd(world, hosts.server, family)
        const error = yield* failureOf(dial(hosts.client, local))
        assert(error.reason._tag === "TcpOpenError")
        assert.strictEqual(`${error.reason.op} ${error.reason.kind}`, "dial Refused")
        assert.strictEqual(at(error.reason.remote), at(local))
        assert.include(error.message, `-> ${at(local)}: the connection was refused`)
        assert.isDefined(error.reason.cause)
      }).pipe(leavingNothing(hosts)))

    test("a dial that meets itself is refused, not connected", (hosts) =>
      Effect.gen(function* () {
        const local = yield* deadEnd(world, hosts.client, family)
        const error = yield* failureOf(
          dial(hosts.client, local, { local: { address: local.address, port: local.port } })
        )
        assert.strictEqual(error.reason.kind, "Refused")
        assert.strictEqual(at(error.reason.remote), at(local))
      }).pipe(leavingNothing(hosts)))

    test("what makes no sense is refused before anything is opened", (hosts) =>
      Effect.gen(function* () {
        const remote = endpointOf(hosts.server, family, 9)
        const kinds = [
          yield* kindOf(dial(hosts.client, endpointOf(hosts.server, family, 0))),
          yield* kindOf(dial(hosts.client, remote, { local: { port: 70_000 } })),
          yield* kindOf(dial(hosts.client, remote, { local: { interface: "no-such-if0" } })),
          yield* kindOf(listen(hosts.server, family, { port: 70_000 })),
          yield* kindOf(listen(hosts.server, family, { interface: "no-such-if0" }))
        ]
        assert.deepStrictEqual(kinds, [
          "dial InvalidInput",
          "dial InvalidInput",
          "dial UnknownInterface",
          "listen InvalidInput",
          "listen UnknownInterface"
        ])
      }).pipe(leavingNothing(hosts)))

    test("interrupted before anything could happen, it leaves nothing", (hosts) =>
      Effect.gen(function* () {
        const listener = yield* listen(hosts.server, family)
        const dialling = yield* Effect.forkChild(dial(hosts.client, listener.local), { startImmediately: true })
        yield* Fiber.interrupt(dialling)
      }).pipe(leavingNothing(hosts)))
  })
}

export const tcpListenersTests = (world: World): void => {
  for (const family of world.families) {
    listeners(world, family)
    dials(world, family)
  }

  if (world.families.length === 2) {
    const test = testIn(world)
    const on = (host: Host, options: ListenOptions) => host.on(Tcp.use((tcp) => tcp.listen(options)))
    describe(`TCP listeners of both families (${world.name})`, () => {
      test("without an address, both are taken, and IPv4 peers are shown as such", (hosts) =>
        Effect.gen(function* () {
          const listener = yield* on(hosts.server, { port: yield* freePort(world, hosts.server) })
          for (const family of world.families) {
            const near = yield* dial(hosts.client, endpointOf(hosts.server, family, listener.local.port))
            const far = yield* listener.accept
            assert.strictEqual(at(far.remote), at(near.local))
            assert.strictEqual(at(far.local), at(near.remote))
          }
        }).pipe(leavingNothing(hosts)))

      test("ipv6Only leaves the IPv4 port to others", (hosts) =>
        Effect.gen(function* () {
          const port = yield* freePort(world, hosts.server)
          const listener = yield* on(hosts.server, { port, ipv6Only: true })
          const v4 = endpointOf(hosts.server, "IPv4", port)
          assert.strictEqual(yield* kindOf(dial(hosts.client, v4)), "dial Refused")
          // Where there is no choice it changes nothing.
          const other = yield* listen(hosts.server, "IPv4", { port, ipv6Only: true })
          yield* dial(hosts.client, v4)
          yield* dial(hosts.client, endpointOf(hosts.server, "IPv6", port))
          assert.strictEqual(at((yield* other.accept).local), at(v4))
          assert.strictEqual((yield* listener.accept).local.port, port)
        }).pipe(leavingNothing(hosts)))
    })
  }
}
