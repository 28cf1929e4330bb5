/** The published test vectors: what they say, that they verify, and that we write them byte for byte. */
import { assert, describe, it } from "@effect/vitest"
import { mappedEndpoint } from "../../../src/protocols/stun/binding.ts"
import { longTermKey, SHA256, shortTermKey, userhash } from "../../../src/protocols/stun/credentials.ts"
import { verifySha1, verifySha256 } from "../../../src/protocols/stun/integrity.ts"
import type { Message } from "../../../src/protocols/stun/Message.ts"
import { get, request, success, unknownRequired } from "../../../src/protocols/stun/Message.ts"
import { securityFeatures } from "../../../src/protocols/stun/nonceCookie.ts"
import { at, bytesOf, hex, hmacSha1, hmacSha256, md5, read, sha256 } from "./kit.ts"
import * as Vectors from "./vectors.ts"

const key = shortTermKey(Vectors.password)
const sha1 = { key, hmac: hmacSha1 }
const shortId = hex("b7e7a701bc34d686fa87dfae")
const longId = hex("78ad3433c6ad72c029da412e")
const { password, realm, username } = Vectors.user

/** The vectors pad with spaces, where RFC 8489 has zeros: what a receiver ignores is made the same. */
const zeroPadded = (bytes: Uint8Array, ...places: ReadonlyArray<number>): Uint8Array => {
  const copy = bytes.slice()
  for (const place of places) copy[place] = 0
  return copy
}

const tags = (message: Message): ReadonlyArray<string> => message.attributes.map((attribute) => attribute._tag)

describe("RFC 5769", () => {
  it("2.1: a request, with two attributes of ICE that are not spoken here", () => {
    const message = read(Vectors.request, { fingerprint: "required" })
    assert.deepStrictEqual([message.method, message.class], [1, "request"])
    assert.deepStrictEqual(message.transactionId, shortId)
    assert.strictEqual(get(message, "Software"), "STUN test client")
    assert.strictEqual(get(message, "Username"), "evtj:h6vY")
    assert.deepStrictEqual(tags(message), [
      "Software",
      "Unknown",
      "Unknown",
      "Username",
      "MessageIntegrity",
      "Fingerprint"
    ])
    assert.deepStrictEqual(unknownRequired(message), [0x0024])
    assert.strictEqual(verifySha1(Vectors.request, key, hmacSha1), "valid")
    assert.strictEqual(verifySha256(Vectors.request, key, hmacSha256), "absent")
  })

  const responses = [
    ["2.2: an IPv4 response", Vectors.responseIpv4, "192.0.2.1:32853"],
    ["2.3: an IPv6 response", Vectors.responseIpv6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"]
  ] as const
  it.each(responses)("%s", (_, bytes, endpoint) => {
    const message = read(bytes, { fingerprint: "required" })
    assert.deepStrictEqual([message.method, message.class], [1, "success"])
    assert.deepStrictEqual(message.transactionId, shortId)
    assert.strictEqual(get(message, "Software"), "test vector")
    assert.deepStrictEqual(mappedEndpoint(message), at(endpoint))
    assert.strictEqual(verifySha1(bytes, key, hmacSha1), "valid")
  })

  it("2.4: a request with long-term credentials", () => {
    const message = read(Vectors.longTerm)
    assert.deepStrictEqual(message.transactionId, longId)
    assert.strictEqual(get(message, "Username"), username)
    assert.strictEqual(get(message, "Nonce"), "f//499k954d6OL34oL9FSTvy64sA")
    assert.strictEqual(get(message, "Realm"), realm)
    assert.isUndefined(securityFeatures(get(message, "Nonce")!))
    const key = longTermKey(md5, username, realm, password)
    assert.strictEqual(verifySha1(Vectors.longTerm, key, hmacSha1), "valid")
    const wrong = longTermKey(md5, username, realm, `${password}.`)
    assert.strictEqual(verifySha1(Vectors.longTerm, wrong, hmacSha1), "invalid")
  })

  it("is what we write", () => {
    const asked = request(1, shortId)
    const software = { _tag: "Software", value: "test vector" } as const
    const mapped = (endpoint: string) => ({ _tag: "XorMappedAddress", value: at(endpoint) }) as const
    // With zero padding the integrity differs: compared is what stands before it.
    const ipv4 = bytesOf(success(asked, [software, mapped("192.0.2.1:32853")]), { sha1, fingerprint: true })
    assert.deepStrictEqual(ipv4.subarray(0, 52), zeroPadded(Vectors.responseIpv4, 35).subarray(0, 52))
    assert.strictEqual(ipv4.length, Vectors.responseIpv4.length)
    assert.strictEqual(verifySha1(ipv4, key, hmacSha1), "valid")
    const ipv6 = bytesOf(success(asked, [software, mapped(responses[1][2])]), { sha1, fingerprint: true })
    assert.deepStrictEqual(ipv6.subarray(0, 64), zeroPadded(Vectors.responseIpv6, 35).subarray(0, 64))

    const attributes = [
      { _tag: "Username", value: username },
      { _tag: "Nonce", value: "f//499k954d6OL34oL9FSTvy64sA" },
      { _tag: "Realm", value: realm }
    ] as const
    const login = { key: longTermKey(md5, username, realm, password), hmac: hmacSha1 }
    assert.deepStrictEqual(bytesOf(request(1, longId, attributes), { sha1: login }), Vectors.longTerm)
  })

  it("is what we write when we write on what was read", () => {
    assert.deepStrictEqual(bytesOf(read(Vectors.longTerm)), Vectors.longTerm)
    // 2.1 has spaces as padding; its integrity and fingerprint are written as they were read.
    assert.deepStrictEqual(bytesOf(read(Vectors.request)), zeroPadded(Vectors.request, 73, 74, 75))
  })
})

describe("RFC 8489 appendix B.1", () => {
  const nonce = "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA"
  const key = longTermKey(sha256, username, realm, password)

  it("says and verifies", () => {
    const message = read(Vectors.userhash)
    assert.deepStrictEqual(get(message, "Userhash"), userhash(sha256, username, realm))
    assert.strictEqual(get(message, "Nonce"), nonce)
    assert.deepStrictEqual(securityFeatures(nonce), { passwordAlgorithms: false, usernameAnonymity: true })
    assert.deepStrictEqual(get(message, "PasswordAlgorithm"), { algorithm: SHA256, parameters: new Uint8Array(0) })
    assert.strictEqual(verifySha256(Vectors.userhash, key, hmacSha256), "valid")
    assert.strictEqual(verifySha1(Vectors.userhash, key, hmacSha1), "absent")
  })

  it("is what we write", () => {
    const message = request(1, longId, [
      { _tag: "Userhash", value: userhash(sha256, username, realm) },
      { _tag: "Nonce", value: nonce },
      { _tag: "Realm", value: realm },
      { _tag: "PasswordAlgorithm", value: { algorithm: SHA256, parameters: new Uint8Array(0) } }
    ])
    assert.deepStrictEqual(bytesOf(message, { sha256: { key, hmac: hmacSha256 } }), Vectors.userhash)
  })
})
