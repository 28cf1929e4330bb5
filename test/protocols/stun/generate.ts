/** Random messages: every attribute, every shape of value, valid and whole. */
import * as NetAddress from "effect/net/NetAddress"
import type { Attribute, Known, Tag, Values } from "../../../src/protocols/stun/Attribute.ts"
import { entryOfType } from "../../../src/protocols/stun/Attribute.ts"
import type { Seal } from "../../../src/protocols/stun/encode.ts"
import { CLASSES } from "../../../src/protocols/stun/header.ts"
import type { Message } from "../../../src/protocols/stun/Message.ts"
import { results } from "../../../src/protocols/stun/values/probeBack.ts"
import type { Luck } from "../../lab/support/random.ts"
import { hmacSha1, hmacSha256 } from "./kit.ts"

export const randomBytes = (random: Luck, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, () => random.below(256))

export const randomEndpoint = (random: Luck): NetAddress.InetAddress =>
  NetAddress.inetAddressUnsafe(
    random.chance(0.5)
      ? NetAddress.ipv4FromBytesUnsafe(randomBytes(random, 4))
      : NetAddress.ipv6FromBytesUnsafe(randomBytes(random, 16).map((byte) => (random.chance(0.3) ? 0 : byte))),
    random.below(65536)
  )

// One, two, three and four bytes in UTF-8, and what decoders like to drop.
const letters = ["a", "Z", ":", " ", "é", "ツ", "\u{1f310}", "\ufeff", '"', "\\"]

const randomText = (random: Luck, limit: number): string => {
  const length = random.chance(0.1) ? limit : random.below(24)
  return Array.from({ length }, () => (random.chance(0.5) ? "x" : random.pick(letters))).join("")
}

const uint = (random: Luck, bits: number): number => Math.floor(random.next() * 2 ** bits)
const family = (random: Luck): 4 | 6 => (random.chance(0.5) ? 4 : 6)
const error = (random: Luck) => ({ code: 300 + random.below(400), reason: randomText(random, 127) })
const algorithm = (random: Luck) => ({
  algorithm: random.below(65536),
  parameters: randomBytes(random, random.below(10))
})
const list = <A>(random: Luck, one: (random: Luck) => A): ReadonlyArray<A> =>
  Array.from({ length: random.below(5) }, () => one(random))

// Sealing attributes are made by sealing.
type Free = Exclude<Tag, "MessageIntegrity" | "MessageIntegritySha256" | "Fingerprint">

export const values: { readonly [T in Free]: (random: Luck) => Values[T] } = {
  MappedAddress: randomEndpoint,
  Username: (random) => randomText(random, 127),
  ErrorCode: error,
  UnknownAttributes: (random) => list(random, () => random.below(65536)),
  Realm: (random) => randomText(random, 127),
  Nonce: (random) => randomText(random, 127),
  PasswordAlgorithm: algorithm,
  Userhash: (random) => randomBytes(random, 32),
  XorMappedAddress: randomEndpoint,
  PasswordAlgorithms: (random) => list(random, algorithm),
  AlternateDomain: (random) => randomText(random, 60),
  Software: (random) => randomText(random, 127),
  AlternateServer: randomEndpoint,
  SourceAddress: randomEndpoint,
  ChangedAddress: randomEndpoint,
  ReflectedFrom: randomEndpoint,
  LegacyXorMappedAddress: randomEndpoint,
  ChangeRequest: (random) => ({ address: random.chance(0.5), port: random.chance(0.5) }),
  Padding: (random) => random.below(1500),
  ResponsePort: (random) => random.below(65536),
  CacheTimeout: (random) => uint(random, 32),
  ResponseOrigin: randomEndpoint,
  OtherAddress: randomEndpoint,
  ChannelNumber: (random) => random.below(65536),
  Lifetime: (random) => uint(random, 32),
  XorPeerAddress: randomEndpoint,
  Data: (random) => randomBytes(random, random.chance(0.1) ? 1200 : random.below(30)),
  XorRelayedAddress: randomEndpoint,
  RequestedAddressFamily: family,
  EvenPort: (random) => random.chance(0.5),
  RequestedTransport: (random) => random.below(256),
  DontFragment: () => true,
  ReservationToken: (random) => randomBytes(random, 8),
  AdditionalAddressFamily: family,
  AddressErrorCode: (random) => ({ ...error(random), family: family(random) }),
  Icmp: (random) => ({ type: random.below(128), code: random.below(512), data: uint(random, 32) }),
  ConnectionId: (random) => uint(random, 32),
  ProbeBack: (random) => ({
    change: { address: random.chance(0.5), port: random.chance(0.5) },
    nonce: randomBytes(random, 8)
  }),
  ProbeBackReport: (random) => random.pick(results)
}

const freeTags = Object.keys(values) as ReadonlyArray<Free>

export const randomAttribute = (random: Luck): Attribute => {
  if (random.chance(0.1)) {
    let type = random.below(65536)
    while (entryOfType.has(type)) type = random.below(65536)
    return { _tag: "Unknown", type, value: randomBytes(random, random.below(20)) }
  }
  const tag = random.pick(freeTags)
  return { _tag: tag, value: values[tag](random) } as Known
}

export const randomMessage = (random: Luck): Message => ({
  method: random.chance(0.7) ? 1 : random.below(4096),
  class: random.pick(CLASSES),
  transactionId: randomBytes(random, random.chance(0.1) ? 16 : 12),
  attributes: Array.from({ length: random.below(7) }, () => randomAttribute(random))
})

export const randomSeal = (random: Luck): Seal => {
  const key = randomBytes(random, 16)
  return {
    sha1: random.chance(0.3) ? { key, hmac: hmacSha1 } : undefined,
    sha256: random.chance(0.3) ? { key, hmac: hmacSha256, length: 16 + 4 * random.below(5) } : undefined,
    fingerprint: random.chance(0.5)
  }
}
