/** What the server decides: every kind of request, at each of its sockets. */
import { assert, describe, it } from "@effect/vitest"
import type { Attribute } from "../../../src/protocols/stun/Attribute.ts"
import { mappedEndpoint, originEndpoint, otherEndpoint } from "../../../src/protocols/stun/binding.ts"
import type { Seal } from "../../../src/protocols/stun/encode.ts"
import { get, indication, isClassic, Method, request, success } from "../../../src/protocols/stun/Message.ts"
import {
  type Answer,
  decide,
  type Dial,
  type Question,
  type Settings
} from "../../../src/protocols/stun/server/decide.ts"
import { mayDial } from "../../../src/protocols/stun/server/dialling.ts"
import { changed, type Corner, corners, endpointOf, type Layout } from "../../../src/protocols/stun/server/layout.ts"
import { at, bytesOf, hex, id, read } from "./kit.ts"

const ip = (text: string) => at(text.includes(":") ? `[${text}]:1` : `${text}:1`).address

const layout: Layout = {
  address: ip("198.51.100.1"),
  port: 3478,
  alternate: { address: ip("198.51.100.2"), port: 3479 }
}
const layout6: Layout = {
  address: ip("2001:db8::1"),
  port: 3478,
  alternate: { address: ip("2001:db8::2"), port: 3479 }
}
const alone: Layout = { ...layout, alternate: undefined }
const [primary, otherPort, otherAddress, other] = corners(layout) as [Corner, Corner, Corner, Corner]
const client = at("192.0.2.7:40000")
const client6 = at("[2001:db8:7::1]:40000")

const settings = (of: Partial<Settings> = {}): Settings => ({ layout, software: "test", probeBack: false, ...of })

const ask = (attributes: ReadonlyArray<Attribute>, seal?: Seal, transactionId = id): Uint8Array =>
  bytesOf(request(Method.Binding, transactionId, attributes), seal)

const answerOf = (bytes: Uint8Array, of: Partial<Settings> = {}, question: Partial<Question> = {}): Answer => {
  const from = of.layout === layout6 ? client6 : client
  const decision = decide(settings(of), { bytes, transport: "udp", at: primary, from, ...question })
  if (decision?._tag !== "Answer") return assert.fail(`no answer: ${decision?._tag}`)
  return decision
}

const tags = ({ bytes }: Answer) => read(bytes).attributes.map(({ _tag }) => _tag)
const codeOf = ({ bytes }: Answer) => get(read(bytes), "ErrorCode")?.code

const change = (address: boolean, port: boolean): Attribute => ({ _tag: "ChangeRequest", value: { address, port } })
const responsePort = (value: number): Attribute => ({ _tag: "ResponsePort", value })
const padding = (value: number): Attribute => ({ _tag: "Padding", value })
const roomy = padding(200)
const probe = (address: boolean, port: boolean): Attribute => ({
  _tag: "ProbeBack",
  value: { change: { address, port }, nonce: new Uint8Array(8) }
})

describe("a Binding request", () => {
  it("of 20 bytes gets what RFC 5780 needs", () => {
    for (const [of, from, size] of [
      [layout, client, 56],
      [layout6, client6, 92]
    ] as const) {
      const answer = answerOf(ask([]), { layout: of })
      const message = read(answer.bytes)
      assert.deepStrictEqual(tags(answer), ["XorMappedAddress", "ResponseOrigin", "OtherAddress"])
      assert.deepStrictEqual(
        [mappedEndpoint(message), originEndpoint(message), otherEndpoint(message)],
        [from, endpointOf(of, primary), endpointOf(of, other)]
      )
      assert.deepStrictEqual([answer.by, answer.to, answer.bytes.length], [primary, from, size])
    }
  })

  it("gets its mapped endpoint alone from a server with one address, unless it is longer", () => {
    assert.deepStrictEqual(tags(answerOf(ask([]), { layout: alone })), ["XorMappedAddress"])
    assert.deepStrictEqual(tags(answerOf(ask([roomy]), { layout: alone })), [
      "XorMappedAddress",
      "ResponseOrigin",
      "MappedAddress",
      "Software",
      "Padding"
    ])
  })

  it("gets everything where it is as long as that, and no byte more than it has", () => {
    const all = ["XorMappedAddress", "ResponseOrigin", "OtherAddress", "MappedAddress", "Software", "Padding"]
    for (const of of [layout, layout6]) {
      const bytes = ask([padding(92)])
      assert.strictEqual(bytes.length, 116)
      const answer = answerOf(bytes, { layout: of })
      assert.include(tags(answer), "MappedAddress")
      assert.isAtMost(answer.bytes.length, bytes.length)
      assert.deepStrictEqual(tags(answerOf(ask([roomy]), { layout: of })), all)
    }
  })

  it("gets FINGERPRINT if it has it", () => {
    assert.include(tags(answerOf(ask([], { fingerprint: true }))), "Fingerprint")
    assert.include(
      tags(answerOf(ask([{ _tag: "Unknown", type: 0x7001, value: id }], { fingerprint: true }))),
      "Fingerprint"
    )
    assert.notInclude(tags(answerOf(ask([roomy]))), "Fingerprint")
  })

  it("gets everything over TCP", () => {
    const answer = answerOf(ask([]), {}, { transport: "tcp", at: otherAddress })
    assert.deepStrictEqual(tags(answer), [
      "XorMappedAddress",
      "ResponseOrigin",
      "OtherAddress",
      "MappedAddress",
      "Software"
    ])
    assert.deepStrictEqual(answer.by, otherAddress)
    assert.deepStrictEqual(otherEndpoint(read(answer.bytes)), endpointOf(layout, otherPort))
  })

  it("has an IPv4 client of an IPv6 socket named as what it is", () => {
    const wild = { ...alone, address: ip("::") }
    const answer = answerOf(ask([roomy]), { layout: wild }, { from: at("[::ffff:192.0.2.7]:40000") })
    assert.deepStrictEqual(mappedEndpoint(read(answer.bytes)), client)
    assert.deepStrictEqual(tags(answer), ["XorMappedAddress", "MappedAddress", "Software", "Padding"])
  })
})

describe("a request of RFC 3489", () => {
  const classic = (attributes: ReadonlyArray<Attribute>) =>
    ask(attributes, undefined, hex("00112233445566778899aabbccddeeff"))

  it("gets an answer of RFC 3489", () => {
    const answer = answerOf(classic([]))
    const message = read(answer.bytes)
    assert.isTrue(isClassic(message))
    assert.deepStrictEqual(tags(answer), ["MappedAddress", "SourceAddress", "ChangedAddress"])
    assert.deepStrictEqual(
      [mappedEndpoint(message), originEndpoint(message), otherEndpoint(message)],
      [client, endpointOf(layout, primary), endpointOf(layout, other)]
    )
  })

  it("is obeyed, and may say that it asks for no change", () => {
    assert.deepStrictEqual(answerOf(classic([change(true, true)])).by, other)
    assert.deepStrictEqual(answerOf(classic([change(false, false)])).by, primary)
    assert.strictEqual(codeOf(answerOf(classic([change(false, false)]), { layout: alone })), undefined)
    assert.strictEqual(codeOf(answerOf(classic([change(true, false)]), { layout: alone })), 420)
  })

  it("that has the answer sent to another address is refused", () => {
    const elsewhere: Attribute = { _tag: "Unknown", type: 0x0002, value: hex("0001270fc0000201") }
    const answer = answerOf(classic([elsewhere]))
    assert.strictEqual(codeOf(answer), 420)
    assert.deepStrictEqual(get(read(answer.bytes), "UnknownAttributes"), [2, 2])
    assert.deepStrictEqual(answer.to, client)
  })

  it("is nothing over TCP", () => {
    assert.isUndefined(decide(settings(), { bytes: classic([]), transport: "tcp", at: primary, from: client }))
  })
})

describe("CHANGE-REQUEST", () => {
  it("is obeyed from each socket (RFC 5780 section 6.1, table 1)", () => {
    for (const asked of corners(layout)) {
      for (const wanted of corners(layout)) {
        const answer = answerOf(ask([change(wanted.address, wanted.port), roomy]), {}, { at: asked })
        const message = read(answer.bytes)
        assert.deepStrictEqual(answer.by, changed(asked, wanted))
        assert.deepStrictEqual(originEndpoint(message), endpointOf(layout, answer.by))
        assert.deepStrictEqual(
          otherEndpoint(message),
          endpointOf(layout, changed(asked, { address: true, port: true }))
        )
        assert.deepStrictEqual(answer.to, client)
      }
    }
  })

  it("is refused by a server with one address, even where nothing is to change", () => {
    for (const flags of [change(true, false), change(false, true), change(false, false)]) {
      const answer = answerOf(ask([flags]), { layout: alone })
      assert.strictEqual(codeOf(answer), 420)
      assert.deepStrictEqual(get(read(answer.bytes), "UnknownAttributes"), [0x0003])
      assert.deepStrictEqual(answer.by, primary)
    }
  })
})

describe("RESPONSE-PORT and PADDING", () => {
  it("have the answer sent to another port of the same address", () => {
    const answer = answerOf(ask([responsePort(5000)]))
    assert.deepStrictEqual([answer.by, answer.to], [primary, at("192.0.2.7:5000")])
    assert.deepStrictEqual(mappedEndpoint(read(answer.bytes)), client)
    const both = answerOf(ask([responsePort(5000), change(true, true)]))
    assert.deepStrictEqual([both.by, both.to], [other, at("192.0.2.7:5000")])
    assert.deepStrictEqual(tags(both), ["XorMappedAddress"])
  })

  it("keep the scope of a link-local address", () => {
    const from = at("[fe80::7%3]:40000")
    assert.deepStrictEqual(
      answerOf(ask([responsePort(5000)]), { layout: layout6 }, { from }).to,
      at("[fe80::7%3]:5000")
    )
  })

  it("make the answer as long as the request", () => {
    for (const length of [200, 1452, 1900]) {
      const bytes = ask([padding(length)], { fingerprint: true })
      assert.strictEqual(answerOf(bytes).bytes.length, bytes.length)
    }
    assert.strictEqual(answerOf(ask([padding(60_000)])).bytes.length, 2048, "but for what no path needs")
    assert.strictEqual(answerOf(ask([padding(0)])).bytes.length, 56, "nothing for nothing")
    const changing = answerOf(ask([change(true, true), padding(1452)]))
    assert.deepStrictEqual([changing.by, changing.bytes.length], [other, 20 + 8 + 4 + 1452])
  })

  it("exclude each other (RFC 5780 section 6.1), and port 0", () => {
    assert.strictEqual(codeOf(answerOf(ask([responsePort(5000), padding(8)]))), 400)
    assert.strictEqual(codeOf(answerOf(ask([responsePort(0)]))), 400)
  })

  it("are for UDP, as CHANGE-REQUEST is", () => {
    for (const attribute of [responsePort(5000), padding(8), change(true, false), change(false, true)]) {
      const { bytes } = answerOf(ask([attribute]), {}, { transport: "tcp" })
      assert.deepStrictEqual(get(read(bytes), "ErrorCode"), { code: 400, reason: "for UDP only" })
    }
    assert.isUndefined(codeOf(answerOf(ask([change(false, false)]), {}, { transport: "tcp" })))
  })
})

describe("an attribute that must be understood", () => {
  const unknown = (count: number): ReadonlyArray<Attribute> =>
    Array.from({ length: count }, (_, index) => ({ _tag: "Unknown", type: 0x7000 + index, value: new Uint8Array(0) }))

  it("and is not gets 420 with its type, in words where there is room", () => {
    for (const count of [1, 2, 5, 40]) {
      const { bytes } = answerOf(ask(unknown(count)))
      assert.deepStrictEqual(get(read(bytes), "ErrorCode"), {
        code: 420,
        reason: count < 40 ? "" : "Unknown Attribute"
      })
      assert.strictEqual(get(read(bytes), "UnknownAttributes")!.length, count)
    }
  })

  it("is passed over from 0x8000 on", () => {
    assert.isUndefined(codeOf(answerOf(ask([{ _tag: "Unknown", type: 0x8777, value: id }]))))
  })
})

describe("PROBE-BACK", () => {
  const dialOf = (bytes: Uint8Array, of: Partial<Settings> = {}, from = at("93.184.216.34:40000")): Answer | Dial => {
    const decision = decide(settings({ probeBack: true, ...of }), { bytes, transport: "tcp", at: primary, from })
    return decision ?? assert.fail("nothing")
  }

  it("has the endpoint the connection came from dialled, from the address asked for", () => {
    for (const [attribute, by] of [
      [probe(true, true), "198.51.100.2"],
      [probe(true, false), "198.51.100.2"],
      [probe(false, true), "198.51.100.1"]
    ] as const) {
      const dial = dialOf(ask([attribute]))
      if (dial._tag !== "Dial") return assert.fail(dial._tag)
      assert.deepStrictEqual([dial.by, dial.to], [ip(by), at("93.184.216.34:40000")])
    }
  })

  it("is unknown where it is off, over UDP, and from an address the server lacks", () => {
    const refused = (answer: Answer | Dial) => {
      if (answer._tag !== "Answer") return assert.fail(answer._tag)
      assert.strictEqual(codeOf(answer), 420)
      assert.deepStrictEqual(get(read(answer.bytes), "UnknownAttributes"), [0x5042])
    }
    refused(dialOf(ask([probe(true, true)]), { probeBack: false }))
    refused(answerOf(ask([probe(true, true)]), { probeBack: true }))
    refused(dialOf(ask([probe(true, true)]), { layout: alone }))
    assert.strictEqual(dialOf(ask([probe(false, true)]), { layout: alone })._tag, "Dial")
  })

  it("without a flag is a mistake, and to a reserved address forbidden", () => {
    assert.strictEqual(codeOf(dialOf(ask([probe(false, false)])) as Answer), 400)
    assert.strictEqual(codeOf(dialOf(ask([probe(true, true)]), {}, at("10.0.0.7:40000")) as Answer), 403)
  })

  it("reaches public addresses, and special ones only from their own range", () => {
    const may = (target: string, from: string) => mayDial(ip(target), ip(from))
    for (const from of ["93.184.216.34", "10.0.0.1", "127.0.0.1"]) assert.isTrue(may("8.8.8.8", from), from)
    for (const target of [
      "10.0.0.7",
      "127.0.0.1",
      "100.64.0.1",
      "169.254.1.1",
      "192.0.2.1",
      "fd00::1",
      "fe80::1",
      "::1"
    ]) {
      assert.isFalse(may(target, "93.184.216.34"), target)
      assert.isTrue(may(target, target), target)
    }
    assert.isTrue(may("192.168.1.7", "10.0.0.1"))
    assert.isFalse(may("127.0.0.1", "10.0.0.1"))
    for (const nobody of [
      "0.0.0.0",
      "0.0.0.7",
      "240.0.0.1",
      "255.255.255.255",
      "224.0.0.1",
      "ff02::1",
      "::",
      "100::1"
    ]) {
      assert.isFalse(may(nobody, nobody), nobody)
    }
    for (const hidden of ["::ffff:127.0.0.1", "64:ff9b::7f00:1"]) {
      assert.isFalse(may(hidden, "2a10::1"), hidden)
    }
  })
})

describe("nothing comes of", () => {
  const none = (bytes: Uint8Array, question: Partial<Question> = {}) =>
    assert.isUndefined(decide(settings(), { bytes, transport: "udp", at: primary, from: client, ...question }))

  it("anything but a Binding request", () => {
    none(bytesOf(indication(Method.Binding, id)))
    none(bytesOf(success(request(Method.Binding, id))))
    none(bytesOf(request(Method.Allocate, id)))
    none(hex("00"))
    none(new Uint8Array(0))
  })

  it("its own answers, so that no two servers can be set on each other", () => {
    none(answerOf(ask([])).bytes)
    none(answerOf(ask([padding(8), responsePort(9)])).bytes)
  })

  it("a source that is nobody", () => {
    for (const from of ["192.0.2.7:0", "224.0.0.1:9", "255.255.255.255:9", "[ff02::1]:9"])
      none(ask([]), { from: at(from) })
  })
})
