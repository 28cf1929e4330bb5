/** The STUN server over TCP, in a simulated internet: connections, and those who misuse them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import { mappedEndpoint, originEndpoint, otherEndpoint } from "../../src/protocols/stun/binding.ts"
import { get, transactionKey } from "../../src/protocols/stun/Message.ts"
import type { TcpError } from "../../src/services/Tcp.ts"
import { dial } from "../layers/simulated/kit.ts"
import {
  addresses,
  beside,
  description,
  dialLine,
  families,
  type Line,
  line,
  requestBytes,
  transactionId
} from "./stunKit.ts"

describe("StunServer over TCP", () => {
  for (const family of families) {
    it.effect(`answers at four endpoints (${family})`, () =>
      beside(addresses[family], ({ on, server }) =>
        Effect.gen(function* () {
          for (const [index, endpoint] of server.endpoints.entries()) {
            const { connection, hear, send } = yield* on("client", dialLine(endpoint))
            yield* send(requestBytes())
            const message = (yield* hear)!
            assert.deepStrictEqual(
              [mappedEndpoint(message), originEndpoint(message), otherEndpoint(message)],
              [connection.local, endpoint, server.endpoints[index ^ 3]]
            )
            assert.deepStrictEqual(get(message, "MappedAddress"), connection.local)
            assert.strictEqual(get(message, "Software"), "effect-p2p")
          }
          assert.deepInclude(server.statistics(), { answered: 4, connections: 4 })
        })
      )
    )
  }

  it.effect("answers several requests of one connection in order, however they are cut", () =>
    beside(addresses.IPv4, ({ on, server }) =>
      Effect.gen(function* () {
        const { connection, hear, send } = yield* on("client", dialLine(server.endpoint))
        const ids = Array.from({ length: 5 }, () => transactionId())
        const bytes = Uint8Array.from(ids.flatMap((id) => [...requestBytes([], id)]))
        yield* send(bytes.subarray(0, 3))
        yield* Effect.sleep(100)
        yield* send(bytes.subarray(3, 47), bytes.subarray(47))
        for (const id of ids) {
          assert.strictEqual(transactionKey((yield* hear)!.transactionId), transactionKey(id))
        }
        // The half-close of a client that is done is answered in kind, behind the answers.
        yield* send(requestBytes())
        yield* connection.end
        assert.isDefined(yield* hear)
        assert.deepStrictEqual(yield* connection.closed, { _tag: "ClosedByPeer" })
      })
    )
  )

  it.effect("says what is for UDP only", () =>
    beside(addresses.IPv4, ({ on, server }) =>
      Effect.gen(function* () {
        const { hear, send } = yield* on("client", dialLine(server.endpoint))
        yield* send(requestBytes([{ _tag: "ChangeRequest", value: { address: true, port: true } }]))
        assert.deepStrictEqual(get((yield* hear)!, "ErrorCode"), { code: 400, reason: "for UDP only" })
        yield* send(requestBytes())
        assert.isDefined(mappedEndpoint((yield* hear)!))
      })
    )
  )

  it.effect("resets who speaks something else, or too long", () =>
    beside(addresses.IPv4, ({ on, server, world }) =>
      Effect.gen(function* () {
        const garbage = [
          new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
          requestBytes([{ _tag: "Padding", value: 4000 }]),
          requestBytes([], transactionId(16))
        ]
        for (const bytes of garbage) {
          const { connection, send } = yield* on("client", dialLine(server.endpoint))
          yield* send(bytes)
          assert.deepStrictEqual(yield* connection.closed, { _tag: "ResetByPeer" })
        }
        assert.deepInclude(server.statistics(), { connections: 0 })
        assert.strictEqual(world.openSockets("server"), 8)
      })
    )
  )

  it.effect("closes a connection on which no request is completed, however busy it is", () =>
    beside({ ...addresses.IPv4, limits: { idle: "5 seconds" } }, ({ on, server, world }) =>
      Effect.gen(function* () {
        const began = world.now
        const [silent, slow, useful] = [
          yield* on("client", dialLine(server.endpoint)),
          yield* on("client", dialLine(server.endpoint)),
          yield* on("client", dialLine(server.endpoint))
        ] as const
        const every = (millis: number, send: (step: number) => Effect.Effect<void, TcpError>) =>
          Effect.forkChild(
            Effect.forEach([0, 1, 2, 3, 4, 5], (step) => Effect.andThen(Effect.sleep(millis), send(step))).pipe(
              Effect.ignore
            )
          )
        yield* every(1500, (step) => slow.send(requestBytes().subarray(step, step + 1)))
        yield* every(3000, () => useful.send(requestBytes()))
        const ended = ({ connection }: Line) =>
          connection.pull.pipe(
            Effect.forever,
            Effect.catchTag("Done", () => Effect.sync(() => Math.floor((world.now - began) / 1000)))
          )
        const times = yield* Effect.forEach([silent, slow, useful], ended, { concurrency: "unbounded" })
        assert.deepStrictEqual(times, [5, 5, 6 * 3 + 5])
        assert.strictEqual(server.statistics().connections, 0)
      })
    )
  )

  it.effect("drops who does not read its answers", () =>
    beside(
      {
        ...addresses.IPv4,
        limits: { answers: { each: { perSecond: Infinity, burst: 1 }, total: { perSecond: Infinity, burst: 1 } } }
      },
      ({ on, server }) =>
        Effect.gen(function* () {
          const { connection } = yield* on("client", dialLine(server.endpoint))
          const many = new Uint8Array(20_000)
          for (let i = 0; i < 1000; i++) many.set(requestBytes(), 20 * i)
          const sender = yield* Effect.forkChild(Effect.forever(connection.write(many)).pipe(Effect.ignore))
          assert.deepStrictEqual(yield* connection.closed, { _tag: "ResetByPeer" })
          yield* Fiber.join(sender)
          const { connections, notSent } = server.statistics()
          assert.strictEqual(connections, 0)
          assert.isAbove(notSent, 0)
        })
    )
  )

  it.effect("has a limit of connections for each source and in total", () =>
    beside(
      { ...addresses.IPv6, limits: { connections: { each: 3, total: 4 } } },
      ({ on, server }) =>
        Effect.gen(function* () {
          const open = (address: string) =>
            Effect.gen(function* () {
              const local = { address: NetAddress.ipFromStringUnsafe(address) }
              const remote = NetAddress.formatInet(server.endpoint)
              const { hear, send } = line(yield* on("client", dial(remote, { local })))
              return yield* Effect.match(Effect.andThen(send(requestBytes()), hear), {
                onFailure: (error) => error.reason.kind,
                onSuccess: (message) => (message === undefined ? "nothing" : "answered")
              })
            })
          const seen: Array<string> = []
          for (const address of ["2a10::1", "2a10::2", "2a10::1", "2a10::2", "2a11::2", "2a12::2"]) {
            seen.push(yield* open(address))
          }
          assert.deepStrictEqual(seen, ["answered", "answered", "answered", "Reset", "answered", "Reset"])
          assert.deepInclude(server.statistics(), { refused: 2, connections: 4 })
        }),
      {
        ...description,
        hosts: { ...description.hosts, client: { addresses: ["2a10::1", "2a10::2", "2a11::2", "2a12::2"] } }
      }
    )
  )

  it.effect("leaves requests over the limit unanswered, and answers again later", () =>
    beside(
      {
        ...addresses.IPv4,
        limits: { answers: { each: { perSecond: 1, burst: 3 }, total: { perSecond: 100, burst: 100 } } }
      },
      ({ on, server }) =>
        Effect.gen(function* () {
          const { hear, send } = yield* on("client", dialLine(server.endpoint))
          yield* send(...Array.from({ length: 10 }, () => requestBytes()))
          let heard = 0
          while ((yield* hear) !== undefined) heard++
          assert.strictEqual(heard, 3)
          yield* Effect.sleep("2 seconds")
          yield* send(requestBytes())
          assert.isDefined(yield* hear)
        })
    )
  )
})
