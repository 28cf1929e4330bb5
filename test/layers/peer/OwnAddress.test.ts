/** The sequence and the life of a peer's own address, whatever its clock does. */
import { assert, describe, it } from "@effect/vitest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as TestClock from "effect/testing/TestClock"
import * as IdentityLayer from "../../../src/layers/Identity.ts"
import * as CryptographyLayer from "../../../src/layers/node/Cryptography.ts"
import { OwnAddress } from "../../../src/layers/peer/OwnAddress.ts"
import type { Own } from "../../../src/protocols/connect/own.ts"
import { interfaceAddress } from "../../../src/protocols/interfaces/scope.ts"
import { Cryptography } from "../../../src/services/Cryptography.ts"
import { Identity } from "../../../src/services/Identity.ts"

const layer = IdentityLayer.layerMemory.pipe(
  Layer.provideMerge(Layer.merge(CryptographyLayer.layer, SecureRandom.layerWebCrypto))
)

/** A machine whose only card has this address. */
const at = (text: string): Own => {
  const address = NetAddress.ipFromStringUnsafe(text)
  const flags = { up: true, running: true, loopback: false, pointToPoint: false, multicast: true, broadcast: true }
  const eth0 = {
    name: "eth0",
    kind: "ethernet",
    flags,
    addresses: [interfaceAddress(address, 24, undefined)],
    gateways: [],
    isDefault: { IPv4: true, IPv6: false }
  } as const
  const listening = [{ interface: "eth0", endpoint: NetAddress.inetAddressUnsafe(address, 4000) }]
  return { interfaces: [eth0], addresses: [address], listening, profiles: [] }
}

const made = (lifetime: number, own: Own) =>
  Effect.gen(function* () {
    const options = {
      identity: yield* Identity,
      cryptography: yield* Cryptography,
      random: yield* SecureRandom.SecureRandom,
      brokers: [],
      privacy: {},
      machine: undefined,
      lifetime
    }
    return yield* OwnAddress.make(options, own)
  })

const DAY = 86_400_000
const NOW = Date.UTC(2026, 0, 1)

describe("a peer's own address", () => {
  it.effect("has a higher sequence with each change, also two in one millisecond", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(NOW)
      const address = yield* made(3_600_000, at("11.0.0.1"))
      assert.strictEqual(address.both.shown.address.sequence, NOW)
      yield* address.update(at("11.0.0.2"))
      yield* address.update(at("11.0.0.2"))
      yield* address.update(at("11.0.0.3"))
      assert.strictEqual(address.both.shown.address.sequence, NOW + 2)
      yield* TestClock.setTime(NOW + 10)
      yield* address.update(at("11.0.0.4"))
      assert.strictEqual(address.both.whole.address.sequence, NOW + 10)
    }).pipe(Effect.provide(layer))
  )

  it.effect("does not go on from a clock that was wrong by years, and does from one that was set a little", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2090, 0, 1))
      const address = yield* made(3_600_000, at("11.0.0.1"))
      yield* TestClock.setTime(NOW)
      yield* address.update(at("11.0.0.2"))
      assert.strictEqual(address.both.shown.address.sequence, NOW)
      yield* TestClock.setTime(NOW - DAY)
      yield* address.update(at("11.0.0.3"))
      assert.strictEqual(address.both.shown.address.sequence, NOW + 1)
    }).pipe(Effect.provide(layer))
  )

  it.effect("is good for 31 days at most, and signed anew before", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(NOW)
      const address = yield* made(400 * DAY, at("11.0.0.1"))
      assert.strictEqual(address.both.shown.address.expires, NOW + 31 * DAY)
      yield* Effect.forkChild(
        address.keep(() => at("11.0.0.1")),
        { startImmediately: true }
      )
      yield* TestClock.adjust("16 days")
      assert.strictEqual(address.both.shown.address.sequence, NOW + 15.5 * DAY)
    }).pipe(Effect.provide(layer))
  )
})
