/** The key as text: that it comes back, that OpenSSL's is understood, and what is said of others. */
import { assert, describe, it } from "@effect/vitest"
import * as Crypto from "node:crypto"
import * as Result from "effect/Result"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import * as KeyFile from "../../../src/protocols/crypto/keyFile.ts"
import * as PeerId from "../../../src/schemas/PeerId.ts"
import { luck } from "../../lab/support/random.ts"
import { seeds } from "./kit.ts"

const [seed] = seeds(1) as [Uint8Array]
const peer = PeerId.fromKey(primitives.ed25519PublicKey(seed))
const text = KeyFile.encode(seed, peer)

const problemOf = (text: string): string => {
  const read = KeyFile.decode(text)
  assert(Result.isFailure(read), text)
  return read.failure
}

describe("a key file", () => {
  it("comes back as it was written", () => {
    for (const seed of seeds(100)) {
      const peer = PeerId.fromKey(primitives.ed25519PublicKey(seed))
      assert.deepStrictEqual(Result.getOrThrow(KeyFile.decode(KeyFile.encode(seed, peer))), { seed, peer })
    }
  })

  it("is a key to everybody who reads PEM", () => {
    const key = Crypto.createPublicKey(Crypto.createPrivateKey(text))
    assert.strictEqual(key.asymmetricKeyType, "ed25519")
    const spki = key.export({ format: "der", type: "spki" })
    assert.strictEqual(PeerId.fromKey(spki.subarray(12)), peer)
  })

  it("may come from elsewhere, without a peer id and with other line ends", () => {
    const { privateKey } = Crypto.generateKeyPairSync("ed25519")
    const pem = privateKey.export({ format: "pem", type: "pkcs8" }) as string
    const { peer, seed } = Result.getOrThrow(KeyFile.decode(pem.replaceAll("\n", "\r\n")))
    assert.isUndefined(peer)
    assert.strictEqual(Buffer.from(seed).toString("base64url"), privateKey.export({ format: "jwk" }).d)
  })

  it("says what it is instead", () => {
    const pkcs8 = { format: "pem", type: "pkcs8" } as const
    const x25519 = Crypto.generateKeyPairSync("x25519").privateKey.export(pkcs8) as string
    const p256 = Crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
    const locked = Crypto.createPrivateKey(text).export({ ...pkcs8, cipher: "aes-256-cbc", passphrase: "x" }) as string
    assert.match(problemOf(x25519), /another kind of key/)
    assert.match(problemOf(p256.export(pkcs8) as string), /another kind of key/)
    assert.match(problemOf(p256.export({ format: "pem", type: "sec1" }) as string), /holds an EC PRIVATE KEY/)
    assert.match(problemOf(locked), /holds an ENCRYPTED PRIVATE KEY/)
    assert.match(problemOf("-----BEGIN CERTIFICATE-----"), /holds a CERTIFICATE/)
    assert.match(problemOf(" \n"), /is empty/)
    assert.match(problemOf("hello"), /has no -----BEGIN PRIVATE KEY----- line/)
    assert.match(problemOf(text.replace("MC4C", "MC4?")), /no base64/)
    assert.match(problemOf(text.replace(peer, peer.slice(0, -1))), /names no peer: .* too short/)
    assert.match(problemOf(text + " ".repeat(5000)), /longer than 4096/)
  })

  it("shows every place it can be cut off at, and shows no key", () => {
    const whole = text.trimEnd()
    const secret = Buffer.from(seed).toString("base64").slice(4, 20)
    for (let size = 0; size < whole.length; size++) assert.notInclude(problemOf(whole.slice(0, size)), secret)
  })

  it("is read without throwing whatever happened to it, in 5,000 tries", () => {
    const random = luck(7)
    for (let count = 0; count < 5000; count++) {
      const letters = [...text]
      for (let wrong = random.below(4); wrong >= 0; wrong--) {
        letters[random.below(letters.length)] = String.fromCharCode(random.below(random.pick([128, 65_536])))
      }
      const read = KeyFile.decode(letters.join(""))
      if (Result.isSuccess(read)) assert.lengthOf(read.success.seed, 32)
    }
  })
})
