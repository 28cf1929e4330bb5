/** STUN over TCP on a simulated internet: connections that are kept, and servers that say something else. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import { get, Method } from "../../../src/protocols/stun/Message.ts"
import { StunClient } from "../../../src/services/StunClient.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import * as Responder from "../../support/stunResponder.ts"
import { at, bytes, ip } from "../simulated/kit.ts"
import { against, failed, near, nobody, query, SERVER, show } from "./kit.ts"

const connect = StunClient.use((stun) => stun.connect({ server: SERVER }))
const ask = query({ transport: "tcp" })

describe("a binding over TCP", () => {
  it.effect("says what the server saw; the handshake is no part of the round trip", () =>
    Effect.gen(function* () {
      const { value, world } = yield* against(
        Responder.tcpResponder(),
        query({ transport: "tcp", local: { port: 7000 } })
      )
      const { from, local, mapped, server, ...rest } = value
      assert.deepStrictEqual([local, mapped, server, from].map(show), [
        "11.0.0.1:7000",
        "11.0.0.1:7000",
        "11.0.0.100:3478",
        "11.0.0.100:3478"
      ])
      assert.deepInclude(rest, { transport: "tcp", roundTrip: 20, roundTripAtLeast: 20, transmissions: 1 })
      assert.strictEqual(world.now, 40)
    })
  )

  it.effect("waits 39.5 seconds from the SYN on (RFC 8489 section 6.2.2), or as long as it is told", () =>
    Effect.gen(function* () {
      const silent = Responder.tcpResponder(() => [])
      const long = yield* against(silent, failed(ask))
      assert.deepStrictEqual(long.value, { what: "binding NoAnswer TimedOut", detail: undefined, took: 39_500 })
      const short = yield* against(silent, failed(query({ transport: "tcp", timeout: 100 })))
      assert.deepStrictEqual(short.value, { what: "binding NoAnswer TimedOut", detail: undefined, took: 100 })
      const dead = yield* against(
        nobody,
        failed(query({ transport: "tcp", server: at("11.0.0.200:3478"), timeout: 100 }))
      )
      assert.deepStrictEqual(dead.value, { what: "open NoAnswer TimedOut", detail: undefined, took: 100 })
    })
  )

  it.effect("is refused at once where nothing listens", () =>
    Effect.gen(function* () {
      const { value } = yield* against(nobody, failed(ask))
      assert.deepStrictEqual(value, { what: "open Network Refused", detail: undefined, took: 20 })
    })
  )

  it.effect("works over IPv6", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        Responder.tcpResponder(undefined, { address: "::" }),
        query({ transport: "tcp", server: at("[2a10::2]:3478"), local: { port: 7000 } }),
        { world: { ipv6: true, hosts: { alice: {}, server: {} } } }
      )
      assert.strictEqual(show(value.mapped), "[2a10::1]:7000")
    })
  )

  const bad: ReadonlyArray<readonly [string, Responder.Responder, string, RegExp | undefined, number]> = [
    [
      "garbage",
      Responder.tcpResponder(() => [bytes("HTTP/1.1 400 Bad Request\r\n\r\n")]),
      "BadAnswer Unknown",
      /^STUN stream, byte 0: no STUN message$/,
      40
    ],
    [
      "a frame that is cut off",
      Responder.tcpResponder((asked) => [Responder.answer(asked).subarray(0, 30)], { end: true }),
      "BadAnswer Unknown",
      /^STUN stream, byte 30: the stream ended within a frame$/,
      40
    ],
    [
      "nothing, and the end",
      Responder.tcpResponder(() => [], { end: true }),
      "Network Closed",
      /^the server closed the connection$/,
      40
    ],
    [
      "half a frame, and then silence",
      Responder.tcpResponder((asked) => [Responder.answer(asked).subarray(0, 30)]),
      "NoAnswer TimedOut",
      undefined,
      39_500
    ],
    [
      "an answer with another transaction id",
      Responder.tcpResponder(({ from, request }) => [
        Responder.answer({ from, request: { ...request, transactionId: new Uint8Array(12) } })
      ]),
      "BadAnswer Unknown",
      /^11\.0\.0\.100:3478 sent an answer with another transaction id$/,
      39_500
    ],
    [
      "a damaged answer",
      Responder.tcpResponder((asked) => {
        const bytes = Responder.answer(asked)
        bytes[bytes.length - 1]! ^= 1
        return [bytes]
      }),
      "BadAnswer Unknown",
      /FINGERPRINT, byte \d+: does not match$/,
      39_500
    ],
    [
      "an error",
      Responder.tcpResponder((asked) => [Responder.refusal(asked, 500)]),
      "Rejected Unknown 500",
      /error 500 \(Server Error\)$/,
      40
    ]
  ]
  for (const [name, server, what, detail, took] of bad) {
    it.effect(`instead of an answer: ${name}`, () =>
      Effect.gen(function* () {
        const { value } = yield* against(server, failed(ask))
        assert.deepStrictEqual([value.what, value.took], [`binding ${what}`, took])
        if (detail === undefined) assert.isUndefined(value.detail)
        else assert.match(value.detail ?? "", detail)
      })
    )
  }
})

describe("a connection that is kept", () => {
  it.effect("answers as often as it is asked, from one port", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        Responder.tcpResponder(),
        Effect.gen(function* () {
          const { binding, connection } = yield* connect
          const all = [yield* binding(), ...(yield* Effect.all([binding(), binding()], { concurrency: 2 }))]
          yield* Effect.sleep(1000)
          all.push(yield* binding())
          return { ports: all.map(({ mapped }) => mapped.port), local: connection.local.port }
        })
      )
      assert.deepStrictEqual(new Set(value.ports), new Set([value.local]))
      assert.strictEqual(value.ports.length, 4)
    })
  )

  it.effect("tells answers apart that come in another order, in pieces, with something else between", () =>
    Effect.gen(function* () {
      let first: Responder.Asked | undefined = undefined
      const { value } = yield* against(
        Responder.tcpResponder((asked) => {
          if (first === undefined) {
            first = asked
            return []
          }
          const software = (value: string) => ({ _tag: "Software", value }) as const
          const all = Buffer.concat([
            Responder.answer(asked, software("second")),
            Responder.bytesOf({ ...asked.request, class: "indication", attributes: [] }),
            Responder.answer(first, software("first"))
          ])
          return Array.from(all, (_, at) => all.subarray(at, at + 1))
        }),
        Effect.flatMap(connect, ({ binding }) => Effect.all([binding(), binding()], { concurrency: 2 }))
      )
      assert.deepStrictEqual(
        value.map(({ software }) => software),
        ["first", "second"]
      )
    })
  )

  it.effect("carries other requests too", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        Responder.tcpResponder((asked) => [
          asked.request.method === Method.Binding ? Responder.answer(asked) : Responder.refusal(asked, 400)
        ]),
        Effect.gen(function* () {
          const { request } = yield* connect
          const message = yield* request(Method.Binding, [{ _tag: "Software", value: "us" }])
          return { mapped: show(get(message, "XorMappedAddress")!), other: yield* failed(request(Method.Allocate, [])) }
        })
      )
      assert.match(value.mapped, /^11\.0\.0\.1:\d+$/)
      assert.deepInclude(value.other, { what: "request Rejected Unknown 400", took: 20 })
    })
  )

  it.effect("is refused further questions once it is broken", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        Responder.tcpResponder(({ before }) => (before === 0 ? [bytes("not STUN!")] : [])),
        Effect.gen(function* () {
          const { binding } = yield* connect
          return [yield* failed(binding()), yield* failed(binding())]
        })
      )
      assert.deepStrictEqual(
        value.map(({ took, what }) => [what, took]),
        [
          ["binding BadAnswer Unknown", 20],
          ["binding BadAnswer Unknown", 0]
        ]
      )
    })
  )

  it.effect("can be one of a reservation, whose port then dials others too", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        Responder.tcpResponder(),
        Effect.gen(function* () {
          const tcp = yield* Tcp
          const stun = yield* StunClient
          const reservation = yield* tcp.reserve({ address: ip("192.168.1.2") })
          const mapped: Array<string> = []
          for (const remote of [SERVER, at("11.0.0.101:3478")]) {
            const { binding } = yield* stun.connect({ connection: yield* reservation.dial({ remote }) })
            const answer = yield* binding()
            assert.strictEqual(answer.local.port, reservation.local.port)
            mapped.push(show(answer.mapped))
          }
          return mapped
        }),
        { world: { ...near, hosts: { ...near.hosts, alice: { behind: "full-cone-equal" } } } }
      )
      const [one, other] = value.map(NetAddress.inetAddressFromStringUnsafe)
      assert.strictEqual(NetAddress.formatIp(one!.address), "11.0.0.1")
      // An endpoint-independent NAT: one external port for both.
      assert.strictEqual(show(one!), show(other!))
    })
  )
})
