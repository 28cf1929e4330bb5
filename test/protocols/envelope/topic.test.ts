/** The topic of a peer. */
import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import { isTopic, topicOf } from "../../../src/protocols/envelope/topic.ts"
import * as PeerId from "../../../src/schemas/PeerId.ts"
import { luck } from "../../lab/support/random.ts"
import { bytesOf } from "./kit.ts"

// RFC 4648 by way of a number in base 32, written apart.
const base32 = (bytes: Uint8Array): string => {
  let value = BigInt(`0x${Buffer.from(bytes).toString("hex")}`) << BigInt(4)
  let text = ""
  for (let digit = 0; digit < 52; digit++) {
    text = "abcdefghijklmnopqrstuvwxyz234567"[Number(value % BigInt(32))]! + text
    value /= BigInt(32)
  }
  return text
}

describe("the topic of a peer", () => {
  it("is a hash of the key", () => {
    const random = luck(41)
    for (let round = 0; round < 200; round++) {
      const key = bytesOf(random, 32)
      const hash = createHash("sha256").update("effect-p2p topic v1").update(key).digest()
      const topic = topicOf(PeerId.fromKey(key), primitives)
      assert.strictEqual(topic, `p2p1/${base32(hash)}`)
      assert.isTrue(isTopic(topic))
    }
  })

  it("is no wildcard, no system topic, and nothing else", () => {
    const letters = "a".repeat(52)
    assert.isTrue(isTopic(`p2p1/${letters}`))
    for (const other of [
      "#",
      "+",
      "p2p1/#",
      "p2p1/+",
      "$SYS/x",
      `p2p1/${letters}a`,
      `p2p1/${letters.slice(1)}`,
      `p2p2/${letters}`,
      `p2p1/${letters}\n`,
      `P2P1/${letters}`,
      `p2p1/${"1".repeat(52)}`
    ]) {
      assert.isFalse(isTopic(other), other)
    }
  })
})
