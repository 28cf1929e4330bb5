/**
 * What is written is read back, for every attribute and seal; and any bytes that are read are read again when written.
 */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { crc32 as nodeCrc32 } from "node:zlib"
import { definitions, entryOfTag, isRequired, nameOf } from "../../../src/protocols/stun/Attribute.ts"
import { mappedEndpoint, originEndpoint, otherEndpoint } from "../../../src/protocols/stun/binding.ts"
import { crc32 } from "../../../src/protocols/stun/crc32.ts"
import { encode } from "../../../src/protocols/stun/encode.ts"
import * as Header from "../../../src/protocols/stun/header.ts"
import { verifySha1, verifySha256 } from "../../../src/protocols/stun/integrity.ts"
import * as Message from "../../../src/protocols/stun/Message.ts"
import { luck } from "../../lab/support/random.ts"
import { randomBytes, randomMessage, randomSeal, values } from "./generate.ts"
import { at, bytesOf, hex, hmacSha1, hmacSha256, id, read } from "./kit.ts"

describe("encode and decode", () => {
  it("give back every message, and the integrity it was sealed with", () => {
    const random = luck(1)
    const seen = new Set<string>()
    for (let i = 0; i < 5000; i++) {
      const message = randomMessage(random)
      const seal = randomSeal(random)
      const bytes = bytesOf(message, seal)
      const found = read(bytes, { classic: true, fingerprint: seal.fingerprint ? "required" : "checked" })
      const sealing = [seal.sha1 && "MessageIntegrity", seal.sha256 && "MessageIntegritySha256"]
      const tags = [...sealing, seal.fingerprint && "Fingerprint"].filter((tag) => tag)
      const { attributes } = found
      assert.deepStrictEqual(
        attributes.slice(attributes.length - tags.length).map((attribute) => attribute._tag),
        tags
      )
      assert.deepStrictEqual({ ...found, attributes: attributes.slice(0, attributes.length - tags.length) }, message)
      assert.deepStrictEqual(bytesOf(found), bytes)
      const { sha1, sha256 } = seal
      assert.strictEqual(sha1 && verifySha1(bytes, sha1.key, hmacSha1), sha1 && "valid")
      assert.strictEqual(sha256 && verifySha256(bytes, sha256.key, hmacSha256, sha256.length), sha256 && "valid")
      for (const attribute of message.attributes) seen.add(attribute._tag)
    }
    assert.deepStrictEqual([...seen].toSorted(), [...Object.keys(values), "Unknown"].toSorted())
  })

  it("know each number and name once", () => {
    const all = Object.values(definitions)
    assert.strictEqual(new Set(all.map(({ type }) => type)).size, all.length)
    assert.strictEqual(new Set(all.map(({ name }) => name)).size, all.length)
    assert.strictEqual(entryOfTag.size, all.length)
    assert.strictEqual(nameOf(0x0020), "XOR-MAPPED-ADDRESS")
    assert.strictEqual(nameOf(0x0024), "attribute 0x0024")
    assert.deepStrictEqual([0x7fff, 0x8000].map(isRequired), [true, false])
  })

  it("number the attributes as IANA does", () => {
    const registry = `
      0001 MAPPED-ADDRESS        0003 CHANGE-REQUEST       0004 SOURCE-ADDRESS     0005 CHANGED-ADDRESS
      0006 USERNAME              0008 MESSAGE-INTEGRITY    0009 ERROR-CODE         000a UNKNOWN-ATTRIBUTES
      000b REFLECTED-FROM        000c CHANNEL-NUMBER       000d LIFETIME           0012 XOR-PEER-ADDRESS
      0013 DATA                  0014 REALM                0015 NONCE              0016 XOR-RELAYED-ADDRESS
      0017 REQUESTED-ADDRESS-FAMILY  0018 EVEN-PORT        0019 REQUESTED-TRANSPORT  001a DONT-FRAGMENT
      001c MESSAGE-INTEGRITY-SHA256  001d PASSWORD-ALGORITHM  001e USERHASH        0020 XOR-MAPPED-ADDRESS
      0022 RESERVATION-TOKEN     0026 PADDING              0027 RESPONSE-PORT      002a CONNECTION-ID
      8000 ADDITIONAL-ADDRESS-FAMILY  8001 ADDRESS-ERROR-CODE  8002 PASSWORD-ALGORITHMS  8003 ALTERNATE-DOMAIN
      8004 ICMP                  8022 SOFTWARE             8023 ALTERNATE-SERVER   8027 CACHE-TIMEOUT
      8028 FINGERPRINT           802b RESPONSE-ORIGIN      802c OTHER-ADDRESS`
    const unregistered = [0x8020, 0x5042, 0xd042]
    const ours = Object.values(definitions)
      .filter(({ type }) => !unregistered.includes(type))
      .map(({ name, type }) => `${type.toString(16).padStart(4, "0")} ${name}`)
    assert.deepStrictEqual(
      ours.toSorted(),
      registry
        .trim()
        .split(/\s{2,}/)
        .toSorted()
    )
    const { LegacyXorMappedAddress, ProbeBack, ProbeBackReport } = definitions
    assert.deepStrictEqual(
      [LegacyXorMappedAddress, ProbeBack, ProbeBackReport].map(({ type }) => type),
      unregistered
    )
  })

  it("write an endpoint's XOR forms with the cookie and the transaction ID", () => {
    // Worked out by hand: 0x3039 ^ 0x2112, 203.0.113.5 ^ 0x2112a442, 2001:db8::1 ^ cookie and ID.
    const request = Message.request(1, id)
    const body = (address: string) => {
      const message = Message.success(request, [{ _tag: "XorMappedAddress", value: at(address) }])
      return bytesOf(message).subarray(20)
    }
    assert.deepStrictEqual(body("203.0.113.5:12345"), hex("0020 0008 0001 112b ea12d547"))
    assert.deepStrictEqual(body("[2001:db8::1]:12345"), hex("0020 0014 0002 112b 0113a9fa a0a1a2a3 a4a5a6a7 a8a9aaaa"))
  })

  it("mask with the long transaction ID of a classic message", () => {
    const bytes = hex("0101 000c 11223344 00000000 00000000 00000000 8020 0008 0001 2123 1b223345")
    const message = read(bytes)
    assert.deepStrictEqual(mappedEndpoint(message), at("10.0.0.1:12289"))
    assert.deepStrictEqual(bytesOf(message), bytes)
  })

  it("leave an IPv6 scope at home", () => {
    const value = NetAddress.inetAddressFromStringUnsafe("[fe80::1%3]:7")
    const bytes = bytesOf(Message.success(Message.request(1, id), [{ _tag: "OtherAddress", value }]))
    assert.deepStrictEqual(Message.get(read(bytes), "OtherAddress"), at("[fe80::1]:7"))
  })

  it("give views, and need no byte outside the message", () => {
    const padded = new Uint8Array(120).fill(9)
    const bytes = bytesOf(Message.request(1, id, [{ _tag: "Data", value: hex("0102") }]))
    padded.set(bytes, 50)
    const message = read(padded.subarray(50, 50 + bytes.length))
    assert.deepStrictEqual(Message.get(message, "Data"), hex("0102"))
    assert.strictEqual(message.transactionId.buffer, padded.buffer)
  })

  it("keep messages apart whatever the size", () => {
    const encoded = Array.from({ length: 300 }, (_, n) =>
      bytesOf(Message.request(1, id, [{ _tag: "Data", value: new Uint8Array(n * 9).fill(n) }]), { fingerprint: true })
    )
    encoded.forEach((bytes, n) => {
      assert.deepStrictEqual(Message.get(read(bytes), "Data"), new Uint8Array(n * 9).fill(n))
    })
  })
})

describe("the header", () => {
  it("takes every method and class apart and together", () => {
    const types = new Set<number>()
    for (let method = 0; method < 4096; method++) {
      for (const kind of Header.CLASSES) {
        const type = Header.typeOf(method, kind)
        types.add(type)
        assert.isBelow(type, 0x4000)
        assert.deepStrictEqual([Header.methodOf(type), Header.classOf(type)], [method, kind])
      }
    }
    assert.strictEqual(types.size, 4 * 4096)
    assert.deepStrictEqual(
      [
        Header.typeOf(1, "request"),
        Header.typeOf(1, "success"),
        Header.typeOf(1, "error"),
        Header.typeOf(6, "indication")
      ],
      [0x0001, 0x0101, 0x0111, 0x0016]
    )
  })

  it("tells STUN from what else a port may carry", () => {
    const bytes = bytesOf(Message.request(1, id))
    assert.isTrue(Header.isStun(bytes))
    const changed = (place: number, value: number) => Object.assign(bytes.slice(), { [place]: value })
    for (const [place, value] of [
      [0, 0x40],
      [0, 0x80],
      [2, 1],
      [3, 2],
      [3, 4],
      [4, 0x20]
    ] as const) {
      assert.isFalse(Header.isStun(changed(place, value)), `byte ${place}`)
    }
    assert.isFalse(Header.isStun(bytes.subarray(0, 19)))
    const odd = new Uint8Array(22)
    odd.set(bytes)
    odd[3] = 2
    assert.isFalse(Header.isStun(odd), "a length that is no multiple of 4")
    assert.isFalse(Header.isStun(bytesOf(Message.request(1, randomBytes(luck(3), 16)))))
  })
})

describe("CRC-32", () => {
  it("is zlib's", () => {
    const random = luck(4)
    for (let length = 0; length < 200; length++) {
      const bytes = randomBytes(random, length + 5)
      assert.strictEqual(crc32(bytes, length), nodeCrc32(bytes.subarray(0, length)))
    }
    assert.strictEqual(crc32(new TextEncoder().encode("123456789"), 9), 0xcbf43926)
  })
})

describe("answers", () => {
  const request = Message.request(Message.Method.Allocate, id, [
    { _tag: "Unknown", type: 0x7f01, value: hex("") },
    { _tag: "Unknown", type: 0x8f01, value: hex("") },
    { _tag: "Unknown", type: 0x7f02, value: hex("") },
    { _tag: "Unknown", type: 0x7f01, value: hex("") },
    { _tag: "Unknown", type: 0x0024, value: hex("") }
  ])

  it("refuse attributes that must be understood and are not", () => {
    assert.deepStrictEqual(Message.refuseUnknown(request), {
      method: Message.Method.Allocate,
      class: "error",
      transactionId: id,
      attributes: [
        { _tag: "ErrorCode", value: { code: 420, reason: "Unknown Attribute" } },
        { _tag: "UnknownAttributes", value: [0x7f01, 0x7f02, 0x0024] }
      ]
    })
    assert.isUndefined(Message.refuseUnknown(Message.request(1, id, request.attributes.slice(1, 2))))
    // A datagram full of them takes no longer than it must.
    const many = Array.from({ length: 16_000 }, (_, type) => ({ _tag: "Unknown", type, value: id }) as const)
    assert.strictEqual(Message.unknownRequired(Message.request(1, id, many)).length, 16_000)
  })

  it("fill what old clients want filled", () => {
    const answer = Message.refuseUnknown({ ...request, transactionId: new Uint8Array(16) })!
    assert.deepStrictEqual(answer.attributes, [
      { _tag: "ErrorCode", value: { code: 420, reason: "Unknown Attribute   " } },
      { _tag: "UnknownAttributes", value: [0x7f01, 0x7f02, 0x0024, 0x7f01] }
    ])
    assert.strictEqual(bytesOf(answer).length, 20 + 4 + 24 + 4 + 8)
    const reason = (words: string) =>
      Message.get(Message.failure({ ...request, transactionId: new Uint8Array(16) }, 500, [], words), "ErrorCode")!
        .reason
    assert.deepStrictEqual(["", "é", "abcd", "né!"].map(reason), ["", "é  ", "abcd", "né!"])
  })

  it("carry the request's transaction, and words for their code", () => {
    assert.deepStrictEqual(Message.failure(request, 438, [{ _tag: "Nonce", value: "n" }]).attributes, [
      { _tag: "ErrorCode", value: { code: 438, reason: "Stale Nonce" } },
      { _tag: "Nonce", value: "n" }
    ])
    assert.deepStrictEqual(Message.success(request).transactionId, id)
    assert.strictEqual(Message.transactionKey(hex("00ff41")), "\u0000\u00ffA")
  })

  it("are looked into, first attribute first", () => {
    const answer = Message.success(request, [
      { _tag: "AlternateServer", value: at("192.0.2.1:1") },
      { _tag: "MappedAddress", value: at("192.0.2.2:2") },
      { _tag: "AlternateServer", value: at("192.0.2.3:3") },
      { _tag: "LegacyXorMappedAddress", value: at("192.0.2.4:4") }
    ])
    assert.deepStrictEqual(Message.get(answer, "AlternateServer"), at("192.0.2.1:1"))
    assert.deepStrictEqual(Message.getAll(answer, "AlternateServer"), [at("192.0.2.1:1"), at("192.0.2.3:3")])
    assert.deepStrictEqual(mappedEndpoint(answer), at("192.0.2.4:4"))
    assert.deepStrictEqual(mappedEndpoint({ ...answer, attributes: answer.attributes.slice(0, 2) }), at("192.0.2.2:2"))
    // The XOR form counts, whatever the others say and wherever they stand.
    const all = [...answer.attributes, { _tag: "XorMappedAddress", value: at("192.0.2.5:5") } as const]
    assert.deepStrictEqual(mappedEndpoint({ ...answer, attributes: all }), at("192.0.2.5:5"))
    assert.isUndefined(originEndpoint(answer))
    assert.isUndefined(otherEndpoint(answer))
  })
})

describe("encode refuses", () => {
  const refusal = (attributes: Message.Message["attributes"], seal = {}, method = 1, transactionId = id): string => {
    const result = encode({ method, class: "request", transactionId, attributes }, seal)
    return Result.isFailure(result) ? result.failure.message : "encoded"
  }
  const sha1 = { key: id, hmac: hmacSha1 }
  const sha256 = { key: id, hmac: hmacSha256 }
  const integrity = { _tag: "MessageIntegrity", value: new Uint8Array(20) } as const
  const flag = { _tag: "DontFragment", value: true } as const
  const cases: ReadonlyArray<readonly [string, string]> = [
    [
      "STUN header, byte 8: a transaction ID of 11 bytes: 12, or 16 in a classic message",
      refusal([], {}, 1, new Uint8Array(11))
    ],
    ["STUN header, byte 0: method 4096 has more than 12 bits", refusal([], {}, 4096)],
    ["STUN USERNAME, byte 22: 509 bytes: at most 508", refusal([{ _tag: "Username", value: "x".repeat(509) }])],
    ["STUN REALM, byte 22: 128 characters: at most 127", refusal([{ _tag: "Realm", value: "\u{1f310}".repeat(128) }])],
    [
      "STUN SOFTWARE, byte 26: 200 characters: at most 127",
      refusal([flag, { _tag: "Software", value: "x".repeat(200) }])
    ],
    [
      "STUN ERROR-CODE, byte 26: 700 is no code from 300 to 699",
      refusal([{ _tag: "ErrorCode", value: { code: 700, reason: "" } }])
    ],
    ["STUN LIFETIME, byte 24: -1 is no whole number from 0 to 4294967295", refusal([{ _tag: "Lifetime", value: -1 }])],
    [
      "STUN RESPONSE-PORT, byte 24: 65536 is no whole number from 0 to 65535",
      refusal([{ _tag: "ResponsePort", value: 65536 }])
    ],
    [
      "STUN RESERVATION-TOKEN, byte 22: 7 bytes: exactly 8",
      refusal([{ _tag: "ReservationToken", value: new Uint8Array(7) }])
    ],
    ["STUN header, byte 2: 65556 bytes: at most 65552", refusal([{ _tag: "Data", value: new Uint8Array(65532) }])],
    [
      "STUN attribute 0x10000, byte 20: type 65536: at most 65535",
      refusal([{ _tag: "Unknown", type: 65536, value: id }])
    ],
    ["STUN DONT-FRAGMENT, byte 44: behind MESSAGE-INTEGRITY", refusal([integrity, flag])],
    ["STUN MESSAGE-INTEGRITY, byte 44: behind MESSAGE-INTEGRITY", refusal([integrity], { sha1 })],
    [
      "STUN MESSAGE-INTEGRITY-SHA256, byte 28: behind FINGERPRINT",
      refusal([{ _tag: "Fingerprint", value: 1 }], { sha256 })
    ],
    [
      "STUN MESSAGE-INTEGRITY-SHA256, byte 22: 12 bytes: 16 to 32, a multiple of 4",
      refusal([], { sha256: { ...sha256, length: 12 } })
    ]
  ]
  it.each(cases)("%s", (message, found) => assert.strictEqual(found, message))

  it("nothing that fits", () => {
    assert.strictEqual(refusal([{ _tag: "Data", value: new Uint8Array(65528) }]), "encoded")
    assert.strictEqual(refusal([{ _tag: "Username", value: "x".repeat(508) }]), "encoded")
    assert.strictEqual(refusal([{ _tag: "Realm", value: "\u{1f310}".repeat(127) }]), "encoded")
    assert.strictEqual(refusal([integrity], { sha256, fingerprint: true }), "encoded")
  })
})
