/**
 * What `Tcp.reserve` promises: one local port for several dials and a listener.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import { type InterfaceBinding, type LocalOptions, Tcp, type TcpReservation } from "../../src/services/Tcp.ts"
import { deadEnd, freePort } from "./freePort.ts"
import { dial, listen, read } from "./tcpHelpers.ts"
import { at, endpointOf, failureOf, type Host, leavingNothing, testIn, type World } from "./World.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

/** What to reserve beside the address, and how the sockets are to be bound then. */
export interface Variant {
  readonly name: string
  readonly local?: LocalOptions
  readonly binding: InterfaceBinding
  /** Whether the listener may come before the dials here. */
  readonly listenFirst: boolean
}

export const tcpReservationTests = (world: World, variant: Variant): void => {
  const test = testIn(world)
  for (const family of world.families) {
    // Where the port is only remembered, the system could give one of its own to others before it is used.
    const reserve = Effect.fnUntraced(function* (host: Host, options: LocalOptions = {}) {
      const port = variant.listenFirst ? 0 : yield* freePort(world, host)
      const local = { ...variant.local, port, ...options, address: host.address(family) }
      return yield* host.on(Tcp.use((tcp) => tcp.reserve(local)))
    })
    // Dials and a listener in the order this world allows.
    const together = Effect.fnUntraced(function* (
      reservation: TcpReservation,
      remotes: ReadonlyArray<NetAddress.InetAddress>
    ) {
      if (reservation.listenFirst) {
        const listener = yield* reservation.listen()
        return { listener, near: yield* Effect.forEach(remotes, (remote) => reservation.dial({ remote })) }
      }
      const near = yield* Effect.forEach(remotes, (remote) => reservation.dial({ remote }))
      return { listener: yield* reservation.listen(), near }
    })

    describe(`a TCP port reserved ${variant.name}, ${family} (${world.name})`, () => {
      test("serves two dials and a listener at once", (hosts) =>
        Effect.gen(function* () {
          const first = yield* listen(hosts.server, family)
          const second = yield* listen(hosts.server, family)
          const reservation = yield* reserve(hosts.client)
          assert.deepStrictEqual([reservation.listenFirst, reservation.binding], [variant.listenFirst, variant.binding])

          const { listener, near } = yield* together(reservation, [first.local, second.local])
          const guest = yield* dial(hosts.server, listener.local)
          const accepted = [yield* first.accept, yield* second.accept]
          assert.strictEqual(at(listener.local), at(reservation.local))
          for (const connection of near) {
            assert.strictEqual(at(connection.local), at(reservation.local))
            assert.strictEqual(connection.binding, variant.binding)
          }
          for (const connection of accepted) assert.strictEqual(at(connection.remote), at(reservation.local))

          const host = yield* listener.accept
          assert.strictEqual(at(host.remote), at(guest.local))
          const pairs = [
            [near[0]!, accepted[0]!],
            [near[1]!, accepted[1]!],
            [guest, host]
          ] as const
          for (const [index, [a, b]] of pairs.entries()) {
            yield* a.write(bytes(`hello ${index}`))
            assert.strictEqual(yield* read(b, 7), `hello ${index}`)
            yield* b.write(bytes(`reply ${index}`))
            assert.strictEqual(yield* read(a, 7), `reply ${index}`)
          }
        }).pipe(leavingNothing(hosts)))

      test("a dial while listening works where the listener may come first, else says why not", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, family)
          const reservation = yield* reserve(hosts.client)
          yield* reservation.listen()
          const dialled = yield* Effect.result(reservation.dial({ remote: server.local }))
          if (variant.listenFirst) return assert.strictEqual(dialled._tag, "Success")
          assert(dialled._tag === "Failure")
          assert.strictEqual(dialled.failure.reason.kind, "AddressInUse")
        }).pipe(leavingNothing(hosts)))

      test("the same remote twice, itself, and port 0 are refused", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, family)
          const reservation = yield* reserve(hosts.client)
          yield* reservation.dial({ remote: server.local })
          const twice = yield* failureOf(reservation.dial({ remote: server.local }))
          assert.strictEqual(twice.reason.kind, "AddressNotAvailable")
          assert.include(twice.message, `dial ${at(reservation.local)} -> ${at(server.local)}`)
          const itself = yield* failureOf(reservation.dial({ remote: reservation.local }))
          assert.strictEqual(itself.reason.kind, "Refused")
          const local = yield* deadEnd(world, hosts.server, family)
          assert.strictEqual((yield* failureOf(reservation.dial({ remote: local }))).reason.kind, "Refused")
          // Refused or not, the port is there for the next one.
          const again = yield* listen(hosts.server, family)
          const near = yield* reservation.dial({ remote: again.local })
          assert.strictEqual(at(near.local), at(reservation.local))
        }).pipe(leavingNothing(hosts)))

      test("can be dialled again after a dial ended, to the same remote", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, family)
          const reservation = yield* reserve(hosts.client)
          for (let round = 0; round < 3; round++) {
            const near = yield* reservation.dial({ remote: server.local })
            const far = yield* server.accept
            assert.strictEqual(at(far.remote), at(reservation.local))
            // By reset, so that no side has to wait before the pair can be used again.
            yield* near.reset
            yield* far.closed
          }
        }).pipe(leavingNothing(hosts)))

      test("takes a port that is asked for, and not one that is taken", (hosts) =>
        Effect.gen(function* () {
          const port = yield* freePort(world, hosts.client)
          const reservation = yield* reserve(hosts.client, { port })
          assert.strictEqual(at(reservation.local), at(endpointOf(hosts.client, family, port)))
          const taken = yield* listen(hosts.client, family)
          const error = yield* failureOf(reserve(hosts.client, { port: taken.local.port }))
          assert(error.reason._tag === "TcpOpenError")
          assert.strictEqual(`${error.reason.op} ${error.reason.kind}`, "reserve AddressInUse")
          assert.include(error.message, at(taken.local)!)
        }).pipe(leavingNothing(hosts)))

      test("gives its port back with its scope, and without having been used", (hosts) =>
        Effect.gen(function* () {
          assert.notStrictEqual((yield* Effect.scoped(reserve(hosts.client, { port: 0 }))).local.port, 0)
          const port = yield* freePort(world, hosts.client)
          yield* Effect.scoped(reserve(hosts.client, { port }))
          const listener = yield* listen(hosts.client, family, { port })
          assert.strictEqual(listener.local.port, port)
        }).pipe(leavingNothing(hosts)))

      test("what was opened from it lives on when it is over", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, family)
          const scope = yield* Scope.make()
          const reservation = yield* Scope.provide(reserve(hosts.client), scope)
          const { listener, near } = yield* together(reservation, [server.local])
          yield* Scope.close(scope, Exit.void)
          const far = yield* server.accept
          yield* near[0]!.write(bytes("still"))
          assert.strictEqual(yield* read(far, 5), "still")
          yield* dial(hosts.server, reservation.local)
          assert.strictEqual(at((yield* listener.accept).local), at(reservation.local))
        }).pipe(leavingNothing(hosts)))
    })
  }
}
