/** What comes instead of an answer over UDP: each ends in a failure that says what came, and from where. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Responder from "../../support/stunResponder.ts"
import { at, bytes } from "../simulated/kit.ts"
import { against, asking, failed, query, SERVER, show } from "./kit.ts"

interface Case {
  readonly name: string
  readonly server: Responder.Responder
  readonly what: string
  readonly detail?: RegExp
  readonly took: number
}

const replying = (reply: Responder.Reply) => Responder.udpResponder(reply)

// A transaction that could still be answered goes on to its end; one that has been answered ends there.
const WAITED = 39_500
const AT_ONCE = 20

const cases: ReadonlyArray<Case> = [
  {
    name: "an answer from another port",
    server: Responder.udpResponder(undefined, { via: { address: "11.0.0.100", port: 3479 } }),
    what: "binding BadAnswer Unknown",
    detail: /^an answer came from 11\.0\.0\.100:3479, not from 11\.0\.0\.100:3478 where it was asked for$/,
    took: WAITED
  },
  {
    name: "an answer from another address",
    server: Responder.udpResponder(undefined, { via: { address: "11.0.0.101", port: 3478 }, address: "11.0.0.100" }),
    what: "binding BadAnswer Unknown",
    detail: /^an answer came from 11\.0\.0\.101:3478, not from/,
    took: WAITED
  },
  {
    name: "an answer with another transaction id",
    server: replying(({ from, request }) => [
      Responder.answer({ from, request: { ...request, transactionId: new Uint8Array(12) } })
    ]),
    what: "binding NoAnswer TimedOut",
    took: WAITED
  },
  {
    name: "garbage",
    server: replying(() => [bytes("nonsense"), new Uint8Array(0), new Uint8Array(1400).fill(0xff)]),
    what: "binding NoAnswer TimedOut",
    took: WAITED
  },
  {
    name: "an answer damaged on its way",
    server: replying((asked) => {
      const bytes = Responder.answer(asked)
      bytes[bytes.length - 1]! ^= 1
      return [bytes]
    }),
    what: "binding BadAnswer Unknown",
    detail: /^11\.0\.0\.100:3478 sent a bad answer: STUN FINGERPRINT, byte \d+: does not match$/,
    took: WAITED
  },
  {
    name: "an answer cut short",
    server: replying((asked) => [Responder.answer(asked).subarray(0, 24)]),
    what: "binding BadAnswer Unknown",
    detail: /^11\.0\.0\.100:3478 sent a bad answer: STUN header, byte 2: says \d+ bytes, 24 are here$/,
    took: WAITED
  },
  {
    name: "an answer to another method",
    server: replying((asked) => [Responder.answer({ ...asked, request: { ...asked.request, method: 3 } })]),
    what: "binding BadAnswer Unknown",
    detail: /answered to method 3, asked was 1$/,
    took: WAITED
  },
  {
    name: "an answer without a mapped address",
    server: replying(({ request }) => [Responder.bytesOf({ ...request, class: "success", attributes: [] })]),
    what: "binding BadAnswer Unknown",
    detail: /^the answer of 11\.0\.0\.100:3478 has no mapped address$/,
    took: AT_ONCE
  },
  {
    name: "a mapped address that is nobody's",
    server: replying((asked) => [Responder.lie(asked, "0.0.0.0:7000")]),
    what: "binding BadAnswer Unknown",
    detail: /says 0\.0\.0\.0:7000, which is nobody's endpoint$/,
    took: AT_ONCE
  },
  {
    name: "an answer that demands to be understood (RFC 8489 section 6.3.3)",
    server: replying((asked) => [Responder.answer(asked, { _tag: "Unknown", type: 0x7abc, value: new Uint8Array(4) })]),
    what: "binding BadAnswer Unknown",
    detail: /^the answer of 11\.0\.0\.100:3478 demands attribute 0x7abc$/,
    took: AT_ONCE
  },
  {
    name: "an error",
    server: replying((asked) => [
      Responder.refusal(asked, 420, { _tag: "UnknownAttributes", value: [0x8028, 0x7001] })
    ]),
    what: "binding Rejected Unknown 420",
    detail: /error 420 \(Unknown Attribute\): it does not know FINGERPRINT, attribute 0x7001$/,
    took: AT_ONCE
  },
  {
    name: "an error in words that would write to the terminal",
    server: replying(({ request }) => [
      Responder.bytesOf({
        ...request,
        class: "error",
        attributes: [{ _tag: "ErrorCode", value: { code: 599, reason: `\u001b[2J\r\nnow ${"x".repeat(110)}` } }]
      })
    ]),
    what: "binding Rejected Unknown 599",
    detail: /^11\.0\.0\.100:3478 answered with error 599 \(\[2J now x{92}\)$/,
    took: AT_ONCE
  },
  {
    name: "a redirection",
    server: replying((asked) => [
      Responder.refusal(asked, 300, { _tag: "AlternateServer", value: at("192.0.2.1:3479") })
    ]),
    what: "binding Rejected Unknown 300",
    detail: /error 300 \(Try Alternate\): it names 192\.0\.2\.1:3479 instead$/,
    took: AT_ONCE
  },
  {
    name: "an error without a code",
    server: replying(({ request }) => [Responder.bytesOf({ ...request, class: "error", attributes: [] })]),
    what: "binding BadAnswer Unknown",
    detail: /an error and no ERROR-CODE$/,
    took: AT_ONCE
  }
]

describe("instead of an answer over UDP", () => {
  for (const { detail, name, server, took, what } of cases) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const { value } = yield* against(server, failed(asking()))
        assert.deepStrictEqual([value.what, value.took], [what, took])
        if (detail === undefined) assert.isUndefined(value.detail)
        else assert.match(value.detail ?? "", detail)
      })
    )
  }

  it.effect("does not keep the right one from being taken", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        replying((asked) => {
          const damaged = Responder.answer(asked)
          damaged[25] = 9
          return [bytes("nonsense"), damaged, Responder.answer(asked)]
        }),
        Effect.all([asking(), query()])
      )
      assert.deepStrictEqual(
        value.map(({ transmissions }) => transmissions),
        [1, 1]
      )
    })
  )

  it.effect("is told of where the socket expects nothing else", () =>
    Effect.gen(function* () {
      const replies: ReadonlyArray<readonly [Responder.Reply, RegExp]> = [
        [
          () => [bytes("nonsense")],
          /^11\.0\.0\.100:3478 sent 8 bytes that are no STUN: STUN header, byte 8: cut short/
        ],
        [
          ({ from, request }) => [
            Responder.answer({ from, request: { ...request, transactionId: new Uint8Array(12) } })
          ],
          /^11\.0\.0\.100:3478 sent an answer with another transaction id$/
        ],
        [({ bytes }) => [bytes], /^11\.0\.0\.100:3478 sent a STUN request$/]
      ]
      for (const [reply, detail] of replies) {
        const { value } = yield* against(replying(reply), failed(query({ timeout: 400 })))
        assert.deepStrictEqual([value.what, value.took], ["binding BadAnswer Unknown", 400])
        assert.match(value.detail ?? "", detail)
      }
    })
  )
})

describe("an answer from elsewhere (RFC 5780)", () => {
  const addresses = ["11.0.0.100", "11.0.0.101"] as const
  const both = { address: true, port: true }
  const other = at("11.0.0.101:3479")

  for (const [name, change, from] of [
    ["none", { address: false, port: false }, "11.0.0.100:3478"],
    ["port", { address: false, port: true }, "11.0.0.100:3479"],
    ["address", { address: true, port: false }, "11.0.0.101:3478"],
    ["both", both, "11.0.0.101:3479"]
  ] as const) {
    it.effect(`is taken from where it was asked to come: ${name}`, () =>
      Effect.gen(function* () {
        const { value } = yield* against(
          Responder.twoByTwo(addresses),
          Effect.all([asking({ change }), query({ change }), query({ change, other })])
        )
        assert.deepStrictEqual(
          value.map((binding) => show(binding.from)),
          [from, from, from]
        )
        assert.deepStrictEqual(
          value.map(({ other }) => other && show(other)),
          ["11.0.0.101:3479", "11.0.0.101:3479", "11.0.0.101:3479"]
        )
      })
    )
  }

  it.effect("is not taken from a server that lied about its other address", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        Responder.twoByTwo(addresses, { other: "11.0.0.102:3500" }),
        Effect.gen(function* () {
          const { other } = yield* asking()
          return { other: show(other!), answer: yield* failed(query({ change: both, other, timeout: 1000 })) }
        })
      )
      assert.strictEqual(value.other, "11.0.0.102:3500")
      assert.deepStrictEqual(value.answer, {
        what: "binding BadAnswer Unknown",
        detail: "an answer came from 11.0.0.101:3479, not from 11.0.0.102, port 3500 as was asked for",
        took: 1000
      })
    })
  )

  it.effect("is not taken from where only half of the change was made", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        Responder.udpResponder(undefined, { via: { address: "11.0.0.100", port: 3479 } }),
        failed(query({ change: both, timeout: 1000 }))
      )
      assert.deepStrictEqual(value, {
        what: "binding BadAnswer Unknown",
        detail: "an answer came from 11.0.0.100:3479, not from another address, another port as was asked for",
        took: 1000
      })
    })
  )

  it.effect("is not claimed by a server that does not do it", () =>
    Effect.gen(function* () {
      const ignores = yield* against(Responder.udpResponder(), failed(query({ change: both })))
      assert.deepStrictEqual(ignores.value, {
        what: "binding BadAnswer Unknown",
        detail: "11.0.0.100:3478 answered itself though another was asked for: it does no CHANGE-REQUEST",
        took: AT_ONCE
      })
      const refuses = yield* against(
        replying((asked) => [Responder.refusal(asked, 420, { _tag: "UnknownAttributes", value: [3] })]),
        failed(query({ change: both }))
      )
      assert.deepStrictEqual(
        [refuses.value.what, refuses.value.detail],
        [
          "binding Rejected Unknown 420",
          "11.0.0.100:3478 answered with error 420 (Unknown Attribute): it does not know CHANGE-REQUEST"
        ]
      )
    })
  )

  it.effect("goes to another port where that was asked for, and is known there too", () =>
    Effect.gen(function* () {
      const { value } = yield* against(
        // Says where the answer was to go.
        replying((asked) => {
          const wish = asked.request.attributes.find(({ _tag }) => _tag === "ResponsePort")
          return wish === undefined ? [] : [Responder.answer(asked, { _tag: "Software", value: JSON.stringify(wish) })]
        }),
        asking({ responsePort: 7000 })
      )
      assert.strictEqual(value.software, `{"_tag":"ResponsePort","value":7000}`)
      assert.strictEqual(show(value.server), show(SERVER))
    })
  )
})
