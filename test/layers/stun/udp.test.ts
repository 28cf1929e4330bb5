/** Binding requests over UDP on a simulated internet: to the millisecond. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import { decode } from "../../../src/protocols/stun/decode.ts"
import { StunClient } from "../../../src/services/StunClient.ts"
import * as Responder from "../../support/stunResponder.ts"
import { at, bytes } from "../simulated/kit.ts"
import { against, failed, near, nobody, onSocket, query, SERVER, show } from "./kit.ts"

const silent = Responder.udpResponder(() => [])

describe("a binding over UDP", () => {
  it.effect("says what the server saw, and how long it took", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        Responder.udpResponder((asked) => [
          Responder.answer(
            asked,
            { _tag: "Software", value: "test" },
            { _tag: "OtherAddress", value: at("11.0.0.101:3479") }
          )
        ]),
        query({ local: { port: 7000 } })
      )
      const { from, local, mapped, other, server, ...rest } = value
      assert.deepStrictEqual([local, mapped, server, from, other!].map(show), [
        "11.0.0.1:7000",
        "11.0.0.1:7000",
        "11.0.0.100:3478",
        "11.0.0.100:3478",
        "11.0.0.101:3479"
      ])
      assert.deepStrictEqual(rest, {
        transport: "udp",
        software: "test",
        roundTrip: 20,
        roundTripAtLeast: 20,
        transmissions: 1
      })
    })
  )

  it.effect(
    "is sent at 0, 500, 1500, 3500, 7500, 15500 and 31500 ms and given up at 39500 (RFC 8489 section 6.2.1)",
    () =>
      Effect.gen(function* () {
        const { value, world } = yield* against(silent, failed(query()), { trace: true })
        assert.deepStrictEqual(value, { what: "binding NoAnswer TimedOut", detail: undefined, took: 39_500 })
        const sent = world.trace.filter(({ from }) => from === "alice")
        assert.deepStrictEqual(
          sent.map(({ time }) => time),
          [0, 500, 1500, 3500, 7500, 15_500, 31_500]
        )
        // The same bytes each time: one transaction.
        const payloads = sent.map(({ packet }) =>
          "payload" in packet ? Buffer.from(packet.payload).toString("hex") : ""
        )
        assert.strictEqual(new Set(payloads).size, 1)
        const message = Result.getOrThrow(decode(Buffer.from(payloads[0]!, "hex"), { fingerprint: "required" }))
        assert.deepStrictEqual([message.method, message.class], [1, "request"])
      })
  )

  for (const [timeout, took, times] of [
    [0, 0, [0]],
    [300, 300, [0]],
    [500, 500, [0]],
    [1600, 1600, [0, 500, 1500]],
    ["2 minutes", 39_500, [0, 500, 1500, 3500, 7500, 15_500, 31_500]]
  ] as const) {
    it.effect(`is cut by a timeout of ${timeout}`, () =>
      Effect.gen(function* () {
        const { value, world } = yield* against(silent, failed(query({ timeout })), { trace: true })
        assert.strictEqual(value.took, took)
        assert.deepStrictEqual(
          world.trace.filter(({ from }) => from === "alice").map(({ time }) => time),
          [...times]
        )
      })
    )
  }

  it.effect("takes the answer to an earlier transmission, and claims no more of its round trip than can be known", () =>
    Effect.gen(function* () {
      // The second transmission is under way when the answer to the first comes.
      const server = { ...near.hosts.server, link: { latency: 295 } }
      const slow = yield* against(Responder.udpResponder(), query(), {
        world: { ...near, hosts: { ...near.hosts, server } }
      })
      assert.deepInclude(slow.value, { transmissions: 2, roundTrip: 600, roundTripAtLeast: 100 })
      // The first was lost: from outside it looks the same.
      const lost = yield* against(
        Responder.udpResponder((asked) => (asked.before === 0 ? [] : [Responder.answer(asked)])),
        query()
      )
      assert.deepInclude(lost.value, { transmissions: 2, roundTrip: 520, roundTripAtLeast: 20 })
    })
  )

  it.effect("passes over late and doubled answers of a transaction that is over", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        Responder.udpResponder((asked) => [Responder.answer(asked), Responder.answer(asked)]),
        Effect.gen(function* () {
          const { others, shared } = yield* onSocket
          const transmissions = [
            (yield* shared.binding(SERVER)).transmissions,
            (yield* shared.binding(SERVER)).transmissions
          ]
          yield* Effect.sleep(100)
          return { others, transmissions }
        })
      )
      assert.deepStrictEqual(value, { others: [], transmissions: [1, 1] })
    })
  )

  it.effect("leaves to the others on the socket what is theirs", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        // A request with the id of ours is somebody's request, be it our own on its way back.
        Responder.udpResponder((asked) => [bytes("chat"), asked.bytes, Responder.answer(asked)]),
        Effect.gen(function* () {
          const { others, shared } = yield* onSocket
          const { local } = yield* shared.binding(SERVER)
          return { others, local: show(local) }
        })
      )
      assert.deepStrictEqual(value, { others: ["11.0.0.100:3478", "11.0.0.100:3478"], local: "0.0.0.0:7000" })
    })
  )

  it.effect("goes on beside a hundred others on one socket", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        Responder.udpResponder(),
        Effect.flatMap(onSocket, ({ shared }) =>
          Effect.all(
            Array.from({ length: 100 }, () => shared.binding(SERVER)),
            { concurrency: "unbounded" }
          )
        )
      )
      assert.strictEqual(value.filter(({ roundTrip }) => roundTrip === 20).length, 100)
    })
  )

  it.effect("works where there is only IPv6, and says so of IPv4", () =>
    Effect.gen(function* () {
      const world = {
        ipv6: true,
        link: { latency: 5 },
        hosts: { alice: { addresses: ["2a10::1"] }, server: { addresses: ["2a10::2"] } }
      } as const
      const { value } = yield* against(
        Responder.udpResponder(undefined, { address: "::" }),
        Effect.gen(function* () {
          const six = yield* query({ server: at("[2a10::2]:3478"), local: { port: 7000 } })
          return { mapped: show(six.mapped), four: yield* failed(query()) }
        }),
        { world }
      )
      assert.strictEqual(value.mapped, "[2a10::1]:7000")
      assert.deepStrictEqual([value.four.what, value.four.took], ["open Network Unreachable", 0])
    })
  )

  it.effect("ends at once where the port is closed, on a socket of its own and on a shared one", () =>
    Effect.gen(function* () {
      for (const program of [query(), Effect.flatMap(onSocket, ({ shared }) => shared.binding(SERVER))]) {
        const { value } = yield* against(nobody, failed(program))
        assert.deepStrictEqual(value, { what: "binding Network Refused", detail: undefined, took: 20 })
      }
    })
  )

  it.effect(
    "is not ended by what may pass: ICMP unreachable is told only if no answer comes, and only of that server",
    () =>
      Effect.gen(function* () {
        const unreachable = (remote: typeof SERVER) =>
          ({ _tag: "Icmp", kind: "Unreachable", remote, cause: new Error("EHOSTUNREACH") }) as const
        const asked = (server: Responder.Responder, remote: typeof SERVER) =>
          against(
            server,
            Effect.gen(function* () {
              const { shared } = yield* onSocket
              const asking = yield* Effect.forkChild(shared.binding(SERVER), { startImmediately: true })
              yield* Effect.sleep(5)
              shared.report(unreachable(remote))
              return yield* Effect.result(Fiber.join(asking))
            })
          )
        const came = yield* asked(Responder.udpResponder(), SERVER)
        assert.isTrue(Result.isSuccess(came.value))
        const none = yield* asked(silent, SERVER)
        const error = Result.getOrThrow(Result.flip(none.value))
        assert.deepStrictEqual([error.reason, error.kind, none.world.now], ["Network", "Unreachable", 39_500])
        const another = yield* asked(silent, at("11.0.0.101:3478"))
        assert.strictEqual(Result.getOrThrow(Result.flip(another.value)).reason, "NoAnswer")
      })
  )

  it.effect("asks several at once: a dead one is a failure in its place, and holds up nobody", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        Responder.twoByTwo(["11.0.0.100", "11.0.0.101"]),
        StunClient.use((stun) =>
          stun.queryAll(
            ["11.0.0.200:3478", "11.0.0.100:3478", "11.0.0.101:9", "11.0.0.101:3478"].map((server) => ({
              server: at(server),
              transport: "udp",
              timeout: 1000
            }))
          )
        )
      )
      assert.deepStrictEqual(
        value.map(({ query, result }) => [
          show(query.server),
          Result.match(result, { onSuccess: ({ from }) => show(from), onFailure: ({ kind }) => kind })
        ]),
        [
          ["11.0.0.200:3478", "TimedOut"],
          ["11.0.0.100:3478", "11.0.0.100:3478"],
          ["11.0.0.101:9", "Refused"],
          ["11.0.0.101:3478", "11.0.0.101:3478"]
        ]
      )
    })
  )

  it.effect("says what cannot be asked", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        Responder.udpResponder(),
        Effect.all([
          failed(query({ responsePort: 70_000 })),
          failed(query({ padding: -1 })),
          failed(query({ local: { interface: "eth9" } })),
          failed(query({ transport: "tcp", padding: 8 }))
        ])
      )
      assert.deepStrictEqual(
        value.map(({ took, what }) => [what, took]),
        [
          ["binding Network InvalidInput", 0],
          ["binding Network InvalidInput", 0],
          ["open Network UnknownInterface", 0],
          ["binding Network InvalidInput", 0]
        ]
      )
    })
  )
})
