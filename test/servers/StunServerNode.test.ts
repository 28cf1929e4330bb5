/** The STUN server on this machine's sockets: two loopback addresses, and every descriptor given back. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import { mappedEndpoint } from "../../src/protocols/stun/binding.ts"
import { probeRequest, readReport, type Report } from "../../src/protocols/stun/probeBack.ts"
import * as StunServer from "../../src/servers/StunServer.ts"
import { Tcp } from "../../src/services/Tcp.ts"
import { Udp } from "../../src/services/Udp.ts"
import { openSockets } from "../support/realWorld.ts"
import { ask, dialLine, ip, line, requestBytes, transactionId } from "./stunKit.ts"

const options = { address: ip("127.0.0.1"), port: 0, alternate: { address: ip("127.0.0.2") }, probeBack: true }

/** What is not there by then does not come: here time is real. */
const LIMIT = 10_000

describe.skipIf(process.platform !== "linux")("StunServer on real sockets", () => {
  it.live("answers, dials back, and leaves no descriptor", () =>
    Effect.gen(function* () {
      const before = openSockets()
      yield* Effect.gen(function* () {
        const server = yield* StunServer.serve(options)
        assert.strictEqual(openSockets() - before, 8)
        const socket = yield* (yield* Udp).bind({ address: options.address })
        const changed = requestBytes([{ _tag: "ChangeRequest", value: { address: true, port: true } }])
        const heard = yield* ask(socket, server.endpoint, changed, LIMIT)
        assert.deepStrictEqual([heard!.from, mappedEndpoint(heard!.message)], [server.other, socket.local])
        const { connection, hear, send } = yield* dialLine(server.other!, LIMIT)
        yield* send(requestBytes())
        assert.deepStrictEqual(mappedEndpoint((yield* hear)!), connection.local)

        const port = yield* (yield* Tcp).reserve({ address: options.address })
        yield* port.listen()
        const prober = line(yield* port.dial({ remote: server.endpoint }), LIMIT)
        let dialled = 0
        const probe = Effect.fnUntraced(function* (address: boolean) {
          dialled++
          const change = { address, port: true }
          yield* prober.send(
            Result.getOrThrow(probeRequest(transactionId(), { change, nonce: new Uint8Array(8) })),
            requestBytes()
          )
          const messages = [(yield* prober.hear)!, (yield* prober.hear)!]
          return messages.flatMap((message) =>
            Result.match(readReport(message), { onSuccess: (report) => [report], onFailure: () => [] })
          )[0]
        })
        for (const address of [true, false]) {
          // A machine that is busy for as long as a dial may take.
          const isSilent = (report: Report | undefined) => report?._tag === "Reported" && report.result === "silent"
          const report = yield* Effect.repeat(probe(address), { while: isSilent, times: 9 })
          assert.deepInclude(report, { _tag: "Reported", result: "connected" })
        }
        assert.deepInclude(server.statistics(), { answered: 2 + dialled, dialled, notSent: 0, connections: 2 })
      }).pipe(Effect.scoped)
      // Node closes descriptors in the next turns of its loop.
      while (openSockets() > before) yield* Effect.sleep("5 millis")
    }).pipe(Effect.provide(NodeP2P.layer))
  )

  it.live("interrupted while it opens, or right after, leaves no descriptor", () =>
    Effect.gen(function* () {
      const before = openSockets()
      for (let turns = 0; turns < 40; turns++) {
        const waiting = Effect.forEach(Array.from({ length: turns }), () => Effect.promise(() => Promise.resolve()))
        yield* Effect.raceFirst(Effect.scoped(Effect.andThen(StunServer.serve(options), Effect.never)), waiting)
      }
      while (openSockets() > before) yield* Effect.sleep("5 millis")
    }).pipe(Effect.provide(NodeP2P.layer))
  )
})
