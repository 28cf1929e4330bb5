/** The codec against that of the package `stun`: each reads what the other writes. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import { createRequire } from "node:module"
import { mappedEndpoint } from "../../src/protocols/stun/binding.ts"
import { verifySha1 } from "../../src/protocols/stun/integrity.ts"
import { get, request, success } from "../../src/protocols/stun/Message.ts"
import { luck } from "../lab/support/random.ts"
import { randomBytes, randomEndpoint } from "../protocols/stun/generate.ts"
import { bytesOf, hmacSha1, read } from "../protocols/stun/kit.ts"

interface StunMessage {
  readonly type: number
  readonly transactionId: Buffer
  addXorAddress(address: string, port: number): void
  addAddress(address: string, port: number): void
  addSoftware(text: string): void
  addUsername(text: string): void
  addMessageIntegrity(key: string): void
  addFingerprint(): void
  getXorAddress(): { readonly address: string; readonly port: number }
  getSoftware(): string
}

/** The part of the package used here; it has no types of its own. */
interface StunPackage {
  readonly createMessage: (type: number, transactionId: Buffer) => StunMessage
  readonly encode: (message: StunMessage) => Buffer
  readonly decode: (bytes: Buffer) => StunMessage
  readonly validateFingerprint: (message: StunMessage) => boolean
  readonly validateMessageIntegrity: (message: StunMessage, key: string) => boolean
}

const stun = createRequire(import.meta.url)("stun") as StunPackage

const sha1 = { key: new TextEncoder().encode("secret"), hmac: hmacSha1 }

describe("stun", () => {
  it("reads what we write", () => {
    const random = luck(1)
    for (let i = 0; i < 500; i++) {
      const endpoint = randomEndpoint(random)
      const asked = request(1, randomBytes(random, 12))
      const attributes = [
        { _tag: "XorMappedAddress", value: endpoint },
        { _tag: "Software", value: "a test" }
      ] as const
      const found = stun.decode(Buffer.from(bytesOf(success(asked, attributes), { sha1, fingerprint: true })))
      assert.strictEqual(found.type, 0x0101)
      assert.deepStrictEqual(found.transactionId, Buffer.from(asked.transactionId))
      const { address, port } = found.getXorAddress()
      assert.deepStrictEqual(NetAddress.inetAddressFromIpStringUnsafe(address, port), endpoint)
      assert.strictEqual(found.getSoftware(), "a test")
      assert.isTrue(stun.validateFingerprint(found))
      assert.isTrue(stun.validateMessageIntegrity(found, "secret"))
      assert.isFalse(stun.validateMessageIntegrity(found, "another"))
    }
  })

  it("writes what we read", () => {
    const random = luck(2)
    for (let i = 0; i < 500; i++) {
      const endpoint = randomEndpoint(random)
      const address = NetAddress.formatIp(endpoint.address)
      const message = stun.createMessage(0x0101, Buffer.from(randomBytes(random, 12)))
      message.addXorAddress(address, endpoint.port)
      message.addAddress(address, endpoint.port)
      message.addSoftware("an example")
      message.addMessageIntegrity("secret")
      message.addFingerprint()
      const bytes = new Uint8Array(stun.encode(message))
      const found = read(bytes, { fingerprint: "required" })
      assert.deepStrictEqual([found.method, found.class], [1, "success"])
      assert.deepStrictEqual(mappedEndpoint(found), endpoint)
      assert.deepStrictEqual(get(found, "MappedAddress"), endpoint)
      assert.strictEqual(get(found, "Software"), "an example")
      assert.strictEqual(verifySha1(bytes, sha1.key, hmacSha1), "valid")
    }
  })
})
