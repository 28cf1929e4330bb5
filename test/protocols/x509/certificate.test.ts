/**
 * DER as written, and the certificate of a peer byte for byte, as docs/protocol-links.md shows it.
 */
import { assert, describe, it } from "@effect/vitest"
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import * as Certificate from "../../../src/protocols/x509/certificate.ts"
import * as Der from "../../../src/protocols/x509/der.ts"
import * as Ed25519 from "../../../src/protocols/x509/ed25519.ts"
import * as Pem from "../../../src/protocols/x509/pem.ts"
import * as PeerId from "../../../src/schemas/PeerId.ts"

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

/** The first key of RFC 8032 section 7.1. */
const seed = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex")
const publicKey = Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex")
const sign = (message: Uint8Array) => primitives.ed25519Sign(seed, message)
const certificate = Certificate.selfSigned(publicKey, PeerId.fromKey(publicKey), sign)

describe("DER", () => {
  it("writes lengths in as few bytes as can be", () => {
    for (const [size, head] of [
      [0, "0400"],
      [1, "0401"],
      [127, "047f"],
      [128, "048180"],
      [255, "0481ff"],
      [256, "04820100"],
      [65_535, "0482ffff"],
      [65_536, "0483010000"]
    ] as const) {
      const written = Der.octetString(new Uint8Array(size))
      assert.strictEqual(hex(written.subarray(0, head.length / 2)), head)
      assert.strictEqual(written.length, head.length / 2 + size)
    }
  })

  it("writes integers as short as can be, and never negative", () => {
    for (const [magnitude, written] of [
      ["", "020100"],
      ["00", "020100"],
      ["0000", "020100"],
      ["7f", "02017f"],
      ["80", "02020080"],
      ["0080", "02020080"],
      ["00007f", "02017f"],
      ["ff00", "020300ff00"]
    ] as const) {
      assert.strictEqual(hex(Der.integer(Buffer.from(magnitude, "hex"))), written)
    }
  })

  it("writes object identifiers", () => {
    assert.strictEqual(hex(Der.objectIdentifier(1, 3, 101, 112)), "06032b6570")
    assert.strictEqual(hex(Der.objectIdentifier(2, 5, 4, 3)), "0603550403")
    assert.strictEqual(hex(Der.objectIdentifier(1, 2, 840, 113_549, 1, 1, 11)), "06092a864886f70d01010b")
    assert.strictEqual(hex(Der.objectIdentifier(2, 999, 3)), "0603883703")
  })
})

describe("the certificate of a peer", () => {
  it("is the one in the documentation", () => {
    const text = readFileSync(new URL("../../../docs/protocol-links.md", import.meta.url), "utf8")
    const shown = /```text\n(30820150[^`]*)```/.exec(text)?.[1] ?? ""
    assert.strictEqual(hex(certificate), shown.replace(/#.*$/gm, "").replace(/\s/g, ""))
  })

  it("is read by OpenSSL as what it is", () => {
    const read = new X509Certificate(Pem.encode("CERTIFICATE", certificate))
    const name = `CN=${PeerId.fromKey(publicKey)}`
    assert.deepStrictEqual([read.subject, read.issuer], [name, name])
    assert.deepStrictEqual([read.validFrom, read.validTo], ["Jan  1 00:00:00 1970 GMT", "Dec 31 23:59:59 9999 GMT"])
    assert.strictEqual(read.serialNumber, "575A980182B10AB7D54BFED3C964073A")
    assert.strictEqual(
      hex(read.publicKey.export({ format: "der", type: "spki" })),
      hex(Ed25519.publicKeyInfo(publicKey))
    )
    assert.isTrue(read.verify(read.publicKey))
    assert.isTrue(read.checkIssued(read))
    assert.strictEqual(hex(read.raw), hex(certificate))
  })

  it("is good for any key, and its size and form never change", () => {
    for (let index = 0; index < 300; index++) {
      const seed = Uint8Array.from({ length: 32 }, (_, at) => (index * 7 + at * index * 31) & 255)
      const key = primitives.ed25519PublicKey(seed)
      const made = Certificate.selfSigned(key, PeerId.fromKey(key), (message) => primitives.ed25519Sign(seed, message))
      assert.strictEqual(made.length, certificate.length)
      const read = new X509Certificate(made)
      assert.isTrue(read.verify(read.publicKey))
      assert.match(read.serialNumber, /^[4-7]/)
    }
  })
})

describe("keys", () => {
  it("a private key is read by OpenSSL, and has the public key it is to have", () => {
    const key = createPrivateKey(Pem.encode("PRIVATE KEY", Ed25519.privateKeyInfo(seed)))
    const info = createPublicKey(key).export({ format: "der", type: "spki" })
    assert.strictEqual(hex(info), hex(Ed25519.publicKeyInfo(publicKey)))
  })

  it("text of DER has lines of 64 letters", () => {
    const lines = Pem.encode("CERTIFICATE", certificate).split("\n")
    assert.strictEqual(lines[0], "-----BEGIN CERTIFICATE-----")
    assert.deepStrictEqual(lines.slice(-2), ["-----END CERTIFICATE-----", ""])
    assert.isTrue(lines.slice(1, -3).every((line) => line.length === 64))
  })
})
