/** The vectors of docs/protocol-identity.md: what this code makes, and what node:crypto says of them without it. */
import { assert, describe, it } from "@effect/vitest"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import * as Hpke from "../../../src/protocols/crypto/hpke.ts"
import * as Signature from "../../../src/protocols/crypto/signature.ts"
import * as X25519Of from "../../../src/protocols/crypto/x25519Of.ts"
import * as PeerId from "../../../src/schemas/PeerId.ts"
import { vectors } from "../../fixtures/protocol/identity.ts"
import { hex, toHex } from "./kit.ts"

const path = Path.join(import.meta.dirname, "../../fixtures/protocol/identity.json")
const { notPeerIds, peers, sealed, signatures, unusableKeys } = JSON.parse(
  Fs.readFileSync(path, "utf8")
) as typeof vectors

const byId = new Map(peers.map((peer) => [peer.peerId, peer]))

describe("the vectors of identities", () => {
  it("are what the script writes", () => {
    assert.deepStrictEqual({ peers, signatures, sealed, notPeerIds, unusableKeys }, vectors)
  })

  it("have keys and signatures that OpenSSL takes", () => {
    for (const { keyFile, publicKey } of peers) {
      const jwk = Crypto.createPublicKey(Crypto.createPrivateKey(keyFile)).export({ format: "jwk" })
      assert.strictEqual(Buffer.from(jwk.x!, "base64url").toString("hex"), publicKey)
    }
    for (const { signature, signedBytes, signer } of signatures) {
      const { keyFile } = byId.get(signer)!
      assert.isTrue(Crypto.verify(null, hex(signedBytes), Crypto.createPublicKey(keyFile), hex(signature)))
    }
  })

  it("are read", () => {
    for (const { peerId, publicKey, x25519PublicKey } of peers) {
      assert.strictEqual(toHex(PeerId.toKey(peerId)), publicKey)
      assert.strictEqual(toHex(X25519Of.publicOf(hex(publicKey))!), x25519PublicKey)
    }
    for (const { context, message, signature, signer } of signatures) {
      assert.isTrue(Signature.verify(primitives, PeerId.toKey(signer), context, hex(message), hex(signature)))
    }
    for (const { aad, info, plaintext, sealed: bytes, to } of sealed) {
      const { x25519PublicKey, x25519Secret } = byId.get(to)!
      const pair = { secret: hex(x25519Secret), publicKey: hex(x25519PublicKey) }
      const opened = Hpke.open(primitives, pair, { info: hex(info), aad: hex(aad), sealed: hex(bytes) })
      assert.strictEqual(toHex(opened!), plaintext)
    }
  })

  it("are refused where they are wrong", () => {
    for (const { peerId, why } of notPeerIds) assert.isFalse(PeerId.isPeerId(peerId), why)
    for (const key of unusableKeys) {
      assert.isUndefined(X25519Of.publicOf(hex(key)))
      for (const { context, message, signature } of signatures) {
        assert.isFalse(Signature.verify(primitives, hex(key), context, hex(message), hex(signature)))
      }
    }
  })
})
