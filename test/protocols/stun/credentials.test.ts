/** Keys, names and nonces; and that integrity is found valid only where it is. */
import { assert, describe, it } from "@effect/vitest"
import { longTermKey, opaqueString, shortTermKey, userhash } from "../../../src/protocols/stun/credentials.ts"
import { verifySha1, verifySha256 } from "../../../src/protocols/stun/integrity.ts"
import * as Message from "../../../src/protocols/stun/Message.ts"
import { nonceCookie, securityFeatures } from "../../../src/protocols/stun/nonceCookie.ts"
import { bytesOf, hex, hmacSha1, hmacSha256, id, md5, read, sha256, utf8 } from "./kit.ts"

describe("keys", () => {
  it("are those of the RFC's example (RFC 8489 section 9.2.2)", () => {
    assert.deepStrictEqual(longTermKey(md5, "user", "realm", "pass"), hex("8493fbc53ba582fb4c044c456bdc40eb"))
    assert.strictEqual(longTermKey(sha256, "user", "realm", "pass").length, 32)
    assert.deepStrictEqual(longTermKey(sha256, "user", "realm", "pass"), sha256(utf8("user:realm:pass")))
    assert.deepStrictEqual(userhash(sha256, "user", "realm"), sha256(utf8("user:realm")))
    assert.deepStrictEqual(shortTermKey("pass"), utf8("pass"))
  })

  it("are the same with quotes and nulls that some count into a value", () => {
    const expected = longTermKey(md5, "user", "realm", "pass")
    assert.deepStrictEqual(longTermKey(md5, '"user"\0\0', '"realm"', "pass\0"), expected)
    // A quote within a name is part of it.
    assert.notDeepEqual(longTermKey(md5, 'us"er', "realm", "pass"), expected)
  })

  it("are of text prepared as OpaqueString (RFC 8265)", () => {
    assert.strictEqual(opaqueString("a\u00a0b\u3000c d"), "a b c d")
    assert.strictEqual(opaqueString("e\u0301"), "\u00e9")
    // Composed, but not replaced by a compatible character, as SASLprep did.
    assert.strictEqual(opaqueString("\u2168"), "\u2168")
    assert.deepStrictEqual(shortTermKey("e\u0301"), utf8("\u00e9"))
  })
})

describe("the nonce cookie", () => {
  it("says what it was told", () => {
    for (const passwordAlgorithms of [true, false]) {
      for (const usernameAnonymity of [true, false]) {
        const features = { passwordAlgorithms, usernameAnonymity }
        const cookie = nonceCookie(features)
        assert.strictEqual(cookie.length, 13)
        assert.deepStrictEqual(securityFeatures(`${cookie}0123`), features)
      }
    }
    assert.strictEqual(nonceCookie({ passwordAlgorithms: true, usernameAnonymity: false }), "obMatJos2AAAB")
    assert.strictEqual(nonceCookie({ passwordAlgorithms: false, usernameAnonymity: true }), "obMatJos2AAAC")
  })

  it("is not there in other nonces", () => {
    for (const nonce of [
      "",
      "f//499k954d6OL34oL9FSTvy64sA",
      "obMatJos2",
      "obMatJos2AAA",
      "obMatJos2AA=A",
      "obMatJos3AAAA"
    ]) {
      assert.isUndefined(securityFeatures(nonce), nonce)
    }
    // Features to come are not ours.
    assert.deepStrictEqual(securityFeatures("obMatJos2//////"), { passwordAlgorithms: true, usernameAnonymity: true })
    assert.deepStrictEqual(securityFeatures("obMatJos2gAAA"), { passwordAlgorithms: false, usernameAnonymity: false })
  })
})

describe("integrity", () => {
  const key = utf8("key")
  const request = Message.request(Message.Method.Allocate, id, [{ _tag: "Software", value: "x" }])
  const sha1 = { key, hmac: hmacSha1 }

  it("of both kinds at once is valid, with and without a fingerprint", () => {
    for (const fingerprint of [true, false]) {
      const bytes = bytesOf(request, { sha1, sha256: { key, hmac: hmacSha256 }, fingerprint })
      assert.strictEqual(verifySha1(bytes, key, hmacSha1), "valid")
      assert.strictEqual(verifySha256(bytes, key, hmacSha256), "valid")
      assert.strictEqual(verifySha1(bytes, utf8("kez"), hmacSha1), "invalid")
      assert.strictEqual(verifySha256(bytes, utf8("kez"), hmacSha256), "invalid")
    }
  })

  it("is invalid with any bit changed that it covers", () => {
    const bytes = bytesOf(request, { sha1, sha256: { key, hmac: hmacSha256 } })
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const place = bit >> 3
      // The length is the one field that may change: what follows the attribute is not covered.
      if (place === 2 || place === 3) continue
      const changed = bytes.slice()
      changed[place]! ^= 1 << (bit & 7)
      assert.notStrictEqual(verifySha256(changed, key, hmacSha256), "valid", `bit ${bit}`)
      const covered = place < bytes.length - 36
      if (covered) assert.notStrictEqual(verifySha1(changed, key, hmacSha1), "valid", `bit ${bit}`)
    }
  })

  it("leaves the bytes as they were", () => {
    const bytes = bytesOf(request, { sha1, fingerprint: true })
    const before = bytes.slice()
    verifySha1(bytes, key, hmacSha1)
    assert.deepStrictEqual(bytes, before)
  })

  it("may be truncated only where that is allowed (RFC 8489 section 14.6)", () => {
    for (const length of [16, 20, 24, 28]) {
      const bytes = bytesOf(request, { sha256: { key, hmac: hmacSha256, length } })
      assert.strictEqual(Message.get(read(bytes), "MessageIntegritySha256")!.length, length)
      assert.strictEqual(verifySha256(bytes, key, hmacSha256), "invalid")
      assert.strictEqual(verifySha256(bytes, key, hmacSha256, length), "valid")
      assert.strictEqual(verifySha256(bytes, key, hmacSha256, length + 4), "invalid")
    }
  })

  it("is absent where there is none, or where it stands behind the other", () => {
    assert.strictEqual(verifySha1(bytesOf(request), key, hmacSha1), "absent")
    const sealed = bytesOf(request, { sha256: { key, hmac: hmacSha256 } })
    assert.strictEqual(verifySha1(sealed, key, hmacSha1), "absent")
    const sha1Behind = new Uint8Array([...sealed, ...hex(`00080014 ${"00".repeat(20)}`)])
    sha1Behind[3]! += 24
    assert.isUndefined(Message.get(read(sha1Behind), "MessageIntegrity"))
    assert.strictEqual(verifySha1(sha1Behind, key, hmacSha1), "absent")
  })

  it("is not valid by an HMAC that is too short", () => {
    const bytes = bytesOf(request, { sha1 })
    assert.strictEqual(
      verifySha1(bytes, key, (key, data) => hmacSha1(key, data).subarray(0, 4)),
      "invalid"
    )
    // Nothing to compare with is not the same as zeros.
    const zeros = bytesOf(Message.request(1, id, [{ _tag: "MessageIntegrity", value: new Uint8Array(20) }]))
    assert.strictEqual(
      verifySha1(zeros, key, () => new Uint8Array(0)),
      "invalid"
    )
  })
})
