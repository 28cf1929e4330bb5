/** What coturn and its programs sent (test/fixtures/stun/capture.ts): that we read it, and write it as it was. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { mappedEndpoint, originEndpoint, otherEndpoint } from "../../../src/protocols/stun/binding.ts"
import * as ChannelData from "../../../src/protocols/stun/ChannelData.ts"
import { longTermKey } from "../../../src/protocols/stun/credentials.ts"
import { verifySha1 } from "../../../src/protocols/stun/integrity.ts"
import type { Message } from "../../../src/protocols/stun/Message.ts"
import { get, isClassic, Method, unknownRequired } from "../../../src/protocols/stun/Message.ts"
import golden from "../../fixtures/stun/coturn.json" with { type: "json" }
import { at, bytesOf, hex, hmacSha1, md5, read } from "./kit.ts"

const key = longTermKey(md5, golden.username, golden.realm, golden.password)

const bytes = (name: string): Uint8Array => {
  const packet = golden.packets.find((packet) => packet.name === name)
  assert.isDefined(packet, name)
  return hex(packet!.hex)
}
const message = (name: string): Message => read(bytes(name))
const tags = (message: Message): ReadonlyArray<string> => message.attributes.map((attribute) => attribute._tag)
const error = (name: string): readonly [number, number, string] => {
  const { class: kind, method } = message(name)
  assert.strictEqual(kind, "error")
  const { code, reason } = get(message(name), "ErrorCode")!
  return [method, code, reason]
}

const messages = golden.packets.filter((packet) => packet.name !== "channel data")

describe("every message", () => {
  it.each(messages)("$name: is read, and written as it was read", ({ hex: packet }) => {
    const data = hex(packet)
    const message = read(data)
    const written = bytesOf(message)
    // Reasons, and texts to old clients, come with nulls counted into them, which we leave out.
    if (message.class !== "error" && !isClassic(message)) assert.deepStrictEqual(written, data)
    assert.deepStrictEqual(read(written), message)
  })

  it.each(messages)("$name: has the integrity it claims", ({ by, hex: packet, name }) => {
    const data = hex(packet)
    const claims = get(read(data), "MessageIntegrity") !== undefined
    assert.strictEqual(verifySha1(data, key, hmacSha1), claims ? "valid" : "absent", `${name} by ${by}`)
  })

  it("knows no attribute that we do not", () => {
    for (const { hex: packet } of messages) assert.deepStrictEqual(unknownRequired(read(hex(packet))), [])
  })

  it("has integrity where credentials were given, more than ten times", () => {
    const sealed = messages.filter(({ hex: packet }) => get(read(hex(packet)), "MessageIntegrity") !== undefined)
    assert.isAbove(sealed.length, 10)
    assert.strictEqual(verifySha1(hex(sealed[0]!.hex), hex("00"), hmacSha1), "invalid")
  })
})

describe("binding", () => {
  const main = "127.0.0.1:34780"
  const other = "127.0.0.2:34781"

  it("answers with every kind of endpoint", () => {
    const answer = message("binding")
    assert.strictEqual(answer.class, "success")
    assert.deepStrictEqual(tags(answer), [
      "XorMappedAddress",
      "MappedAddress",
      "ResponseOrigin",
      "OtherAddress",
      "Software"
    ])
    // The XOR form and the plain one were written by someone else, and agree.
    assert.deepStrictEqual(get(answer, "XorMappedAddress"), get(answer, "MappedAddress"))
    assert.deepStrictEqual(originEndpoint(answer), at(main))
    assert.deepStrictEqual(otherEndpoint(answer), at(other))
    assert.strictEqual(get(answer, "Software"), "Coturn-4.6.1 'Gorst'")
  })

  it("has a fingerprint where the request had one", () => {
    assert.doesNotThrow(() => read(bytes("binding with fingerprint"), { fingerprint: "required" }))
    assert.throws(() => read(bytes("binding"), { fingerprint: "required" }), /no FINGERPRINT/)
  })

  it("names where the answer comes from when that is changed", () => {
    assert.deepStrictEqual(originEndpoint(message("change port")), at("127.0.0.1:34781"))
    assert.deepStrictEqual(originEndpoint(message("change address and port")), at(other))
  })

  it("answers to the port asked for, and with padding", () => {
    assert.deepStrictEqual(originEndpoint(message("response port")), at(main))
    assert.strictEqual(get(message("padding"), "Padding"), 1500)
  })

  it("refuses what it does not know", () => {
    assert.deepStrictEqual(error("unknown attributes"), [Method.Binding, 420, "Unknown Attribute"])
    assert.deepStrictEqual(get(message("unknown attributes"), "UnknownAttributes"), [0x7001, 0x7002])
  })

  it("speaks to clients of RFC 3489", () => {
    const answer = message("classic binding")
    assert.isTrue(isClassic(answer))
    assert.strictEqual(answer.transactionId.length, 16)
    assert.deepStrictEqual(tags(answer), ["MappedAddress", "SourceAddress", "ChangedAddress", "Software"])
    assert.deepStrictEqual(NetAddress.formatIp(mappedEndpoint(answer)!.address), "127.0.0.1")
    assert.deepStrictEqual(originEndpoint(answer), at(main))
    assert.deepStrictEqual(otherEndpoint(answer), at(other))
    assert.throws(() => read(bytes("classic binding"), {}), /byte 4: no magic cookie/)
  })

  it("speaks IPv6", () => {
    const answer = message("binding over IPv6")
    assert.strictEqual(NetAddress.formatIp(mappedEndpoint(answer)!.address), "::1")
    assert.deepStrictEqual(get(answer, "MappedAddress"), get(answer, "XorMappedAddress"))
    assert.deepStrictEqual(originEndpoint(answer), at("[::1]:34780"))
  })
})

describe("TURN", () => {
  it("challenges", () => {
    assert.deepStrictEqual(error("allocate without credentials"), [Method.Allocate, 401, "Unauthorized"])
    assert.strictEqual(get(message("allocate without credentials"), "Realm"), golden.realm)
    assert.match(get(message("allocate without credentials"), "Nonce")!, /^[0-9a-f]{16}$/)
    assert.strictEqual(error("allocate with a wrong password")[1], 401)
  })

  it("allocates", () => {
    const answer = message("allocate with even port")
    assert.deepStrictEqual([answer.method, answer.class], [Method.Allocate, "success"])
    const relayed = get(answer, "XorRelayedAddress")!
    assert.strictEqual(NetAddress.formatIp(relayed.address), "127.0.0.1")
    assert.strictEqual(relayed.port % 2, 0)
    assert.strictEqual(get(answer, "ReservationToken")!.length, 8)
    assert.strictEqual(get(answer, "Lifetime"), 600)
    assert.strictEqual(error("allocate twice")[1], 437)
    assert.strictEqual(error("allocate over SCTP")[1], 400)
    assert.strictEqual(get(message("refresh"), "Lifetime"), 0)
  })

  it("relays", () => {
    const data = message("data indication")
    assert.deepStrictEqual([data.method, data.class], [Method.Data, "indication"])
    assert.strictEqual(Buffer.from(get(data, "Data")!).toString(), "pong!")
    assert.strictEqual(NetAddress.formatIp(get(data, "XorPeerAddress")!.address), "127.0.0.1")
    for (const [name, method] of [
      ["create permission", Method.CreatePermission],
      ["channel bind", Method.ChannelBind]
    ] as const) {
      assert.deepStrictEqual([message(name).method, message(name).class], [method, "success"])
    }
    const frame = Result.getOrThrow(ChannelData.decode(bytes("channel data")))
    assert.strictEqual(frame.channel, 0x4001)
    assert.strictEqual(Buffer.from(frame.data).toString(), "pong!")
  })

  it("connects over TCP (RFC 6062)", () => {
    assert.deepStrictEqual(get(message("TCP allocate"), "Lifetime"), 600)
    const connected = message("connect")
    assert.deepStrictEqual([connected.method, connected.class], [Method.Connect, "success"])
    assert.isAbove(get(connected, "ConnectionId")!, 0)
    assert.deepStrictEqual(message("connection bind").method, Method.ConnectionBind)
  })

  it("sends elsewhere", () => {
    const redirection = messages.find(({ hex: packet }) => get(read(hex(packet)), "ErrorCode")?.code === 300)
    assert.isDefined(redirection)
    assert.deepStrictEqual(get(read(hex(redirection!.hex)), "AlternateServer"), at("192.0.2.7:3479"))
  })
})

describe("coturn's programs", () => {
  const sent = (by: string) => messages.filter((packet) => packet.by === by).map((packet) => message(packet.name))

  it("turnutils_stunclient changes the way of the answer", () => {
    const [plain, port, padding] = sent("turnutils_stunclient")
    assert.deepStrictEqual(plain!.attributes, [])
    assert.isAbove(get(port!, "ResponsePort")!, 0)
    assert.deepStrictEqual(get(port!, "ChangeRequest"), { address: true, port: true })
    assert.strictEqual(get(padding!, "Padding"), 1500)
  })

  it("turnutils_natdiscovery changes port and address", () => {
    const changes = sent("turnutils_natdiscovery").map((request) => get(request, "ChangeRequest"))
    assert.deepInclude(changes, { address: true, port: true })
  })

  it("turnutils_uclient allocates and refreshes", () => {
    const requests = sent("turnutils_uclient")
    const allocate = requests.find((request) => get(request, "EvenPort") !== undefined)
    assert.strictEqual(get(allocate!, "RequestedTransport"), 17)
    assert.isDefined(get(allocate!, "Lifetime"))
    assert.include(
      requests.map((request) => get(request, "Username")),
      golden.username
    )
  })
})
