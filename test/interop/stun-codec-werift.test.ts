/** The codec against werift's: each reads what the other writes, and they agree about damaged messages. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as werift from "werift"
import type { Attribute, Tag, Values } from "../../src/protocols/stun/Attribute.ts"
import { definitions } from "../../src/protocols/stun/Attribute.ts"
import { decode } from "../../src/protocols/stun/decode.ts"
import { methodOf, typeOf } from "../../src/protocols/stun/header.ts"
import type { Message } from "../../src/protocols/stun/Message.ts"
import { type Luck, luck } from "../lab/support/random.ts"
import { randomBytes, values } from "../protocols/stun/generate.ts"
import { bytesOf, hmacSha1, read } from "../protocols/stun/kit.ts"

type Endpoint = readonly [string, number]
const endpoint = (value: NetAddress.InetAddress): Endpoint => [NetAddress.formatIp(value.address), value.port]
const first = (byte: number): number => byte * 2 ** 24
const algorithm = ({ algorithm, parameters }: Values["PasswordAlgorithm"]): ReadonlyArray<number> => [
  algorithm >> 8,
  algorithm & 0xff,
  parameters.length >> 8,
  parameters.length & 0xff,
  ...parameters,
  ...Array.from({ length: -parameters.length & 3 }, () => 0)
]

/** What werift knows too, and how it shows the values. */
const shown: { readonly [T in Tag]?: (value: Values[T]) => unknown } = {
  MappedAddress: endpoint,
  ChangeRequest: ({ address, port }) => (address ? 4 : 0) + (port ? 2 : 0),
  SourceAddress: endpoint,
  ChangedAddress: endpoint,
  Username: (text) => text,
  MessageIntegrity: Buffer.from,
  ErrorCode: ({ code, reason }) => [code, reason],
  UnknownAttributes: (types) => [...types],
  ChannelNumber: (number) => number,
  Lifetime: (seconds) => seconds,
  XorPeerAddress: endpoint,
  Data: Buffer.from,
  Realm: (text) => text,
  Nonce: (text) => Buffer.from(text),
  XorRelayedAddress: endpoint,
  RequestedAddressFamily: (family) => first(family === 4 ? 1 : 2),
  EvenPort: (reserve) => Buffer.of(reserve ? 0x80 : 0),
  RequestedTransport: first,
  PasswordAlgorithm: (value) => Buffer.from(algorithm(value)),
  Userhash: Buffer.from,
  XorMappedAddress: endpoint,
  ReservationToken: Buffer.from,
  PasswordAlgorithms: (list) => Buffer.from(list.flatMap(algorithm)),
  AlternateDomain: (text) => text,
  Software: (text) => text,
  AlternateServer: endpoint,
  Fingerprint: (value) => value,
  ResponseOrigin: endpoint,
  OtherAddress: endpoint
}

const common = Object.keys(values).filter((tag) => tag in shown) as ReadonlyArray<keyof typeof values>

const show = (attribute: Attribute): readonly [string, unknown] | undefined => {
  const to =
    attribute._tag === "Unknown" ? undefined : (shown[attribute._tag] as undefined | ((value: unknown) => unknown))
  return to === undefined ? undefined : [definitions[attribute._tag as Tag].name, to(attribute.value)]
}

/** The same value where the two show it differently: IPv6 addresses, and nulls at the end of a text for people. */
const comparable = ([name, value]: readonly [string, unknown]): readonly [string, unknown] => {
  if (/ADDRESS$|SERVER$|ORIGIN$/.test(name)) {
    return [name, String(NetAddress.inetAddressFromIpStringUnsafe(...(value as [string, number])))]
  }
  return [name, name === "SOFTWARE" ? (value as string).replace(/\0+$/, "") : value]
}

/** Values with reserved bits, which werift shows and we do not, and attributes of ICE. */
const different = new Set([
  "CHANGE-REQUEST",
  "ERROR-CODE",
  "EVEN-PORT",
  "PASSWORD-ALGORITHM",
  "PASSWORD-ALGORITHMS",
  "REQUESTED-ADDRESS-FAMILY",
  "REQUESTED-TRANSPORT",
  "PRIORITY",
  "USE-CANDIDATE",
  "ICE-CONTROLLED",
  "ICE-CONTROLLING"
])

// werift keeps one value of each name.
const randomMessage = (random: Luck): Message => {
  const tags = new Set(Array.from({ length: random.below(8) }, () => random.pick(common)))
  return {
    method: random.below(16),
    class: random.pick(["request", "indication", "success", "error"]),
    transactionId: randomBytes(random, 12),
    attributes: [...tags].map((tag) => ({ _tag: tag, value: values[tag](random) }) as Attribute)
  }
}

const theirs = ({ attributes, class: kind, method, transactionId }: Message): werift.Message =>
  new werift.Message(
    method,
    typeOf(0, kind),
    Buffer.from(transactionId),
    attributes.map((attribute) => {
      const [name, value] = show(attribute)!
      return [name, value] as never
    })
  )

const assertAgree = (ours: Message, found: werift.Message, without: ReadonlySet<string> = new Set()): void => {
  assert.strictEqual(methodOf(found.messageMethod), ours.method)
  assert.strictEqual(found.messageClass as number, typeOf(0, ours.class))
  assert.deepStrictEqual(found.transactionId, Buffer.from(ours.transactionId))
  const table = (pairs: ReadonlyArray<readonly [string, unknown]>) =>
    new Map(pairs.filter(([name]) => !without.has(name)).map(comparable))
  // Of several with one name werift keeps the last, as a Map does.
  const shown = ours.attributes.map(show).filter((pair) => pair !== undefined)
  assert.deepStrictEqual(table(found.getAttributes() as unknown as typeof shown), table(shown))
}

const tags = (message: Message): string => message.attributes.map((attribute) => attribute._tag).join(" ")

const key = Buffer.from("a key for both")
const sha1 = { key, hmac: hmacSha1 }

describe("werift", () => {
  it("reads what we write", () => {
    const random = luck(1)
    for (let i = 0; i < 3000; i++) {
      const message = randomMessage(random)
      const bytes = bytesOf(message, { sha1, fingerprint: true })
      const found = werift.parseMessage(Buffer.from(bytes), key)
      assert.isDefined(found)
      assertAgree(read(bytes), found!)
      assert.isUndefined(werift.parseMessage(Buffer.from(bytes), Buffer.from("another")))
    }
  })

  it("writes what we read, byte for byte what we write", () => {
    const random = luck(2)
    for (let i = 0; i < 3000; i++) {
      const message = randomMessage(random)
      const bytes = theirs(message).addMessageIntegrity(key).addFingerprint().bytes
      assert.deepStrictEqual(Buffer.from(bytesOf(message, { sha1, fingerprint: true })), bytes)
      const found = read(new Uint8Array(bytes), { fingerprint: "required" })
      assert.deepStrictEqual({ ...found, attributes: found.attributes.slice(0, -2) }, message)
    }
  })

  it("agrees about damaged messages, but for what we know and check and it does not", () => {
    const random = luck(3)
    const counts = { agree: 0, weRefuse: 0, theyRefuse: 0 }
    for (let i = 0; i < 30_000; i++) {
      const bytes = bytesOf(randomMessage(random), { fingerprint: random.chance(0.3) })
      for (let change = 1 + random.below(2); change > 0; change--) {
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
      }
      const ours = decode(bytes)
      const found = werift.parseMessage(Buffer.from(bytes))
      if (Result.isFailure(ours)) {
        counts[found === undefined ? "agree" : "weRefuse"] += 1
        // What is inside a value werift takes more or less as it comes; about the structure there is no second opinion.
        const structural = /STUN header|^(?!STUN PASSWORD-ALG).*says \d+ bytes|does not match/
        if (found !== undefined) assert.notMatch(ours.failure.message, structural)
      } else if (found === undefined) {
        counts.theyRefuse += 1
        // Attributes of ICE, unknown to us, with values that are too short; and known ones behind integrity.
        assert.match(tags(ours.success), /Unknown|MessageIntegrity/)
      } else {
        // An attribute damaged into integrity hides from us what stands behind it.
        if (!/MessageIntegrity/.test(tags(ours.success))) assertAgree(ours.success, found, different)
        counts.agree += 1
      }
    }
    assert.isAbove(counts.agree, 20_000)
  })
})
