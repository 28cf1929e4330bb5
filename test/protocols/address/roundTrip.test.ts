/** What is written is read back, in one order whatever order it came in; and an address is as short as people need it. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { decode, decodeText, encodeText, toSign } from "../../../src/protocols/address/PeerAddress.ts"
import type { AddressInterface, Candidate, PeerAddress } from "../../../src/schemas/PeerAddress.ts"
import { type Luck, luck } from "../../lab/support/random.ts"
import { realistic, worstUsual } from "./examples.ts"
import * as Kit from "./kit.ts"

/** What the encoding does to an address, written apart from it. */
const key = ({ endpoint, kind, transport }: Candidate): ReadonlyArray<number> => {
  const { address, port } = endpoint
  const octets = NetAddress.isIpv4Address(address) ? NetAddress.ipv4ToOctets(address) : NetAddress.ipv6ToOctets(address)
  return [octets.length, ...octets, ["host", "reflexive", "mapped"].indexOf(kind), transport === "udp" ? 0 : 1, port]
}
const compare = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const at = a.findIndex((value, index) => value !== b[index])
  return at < 0 ? 0 : a[at]! - b[at]!
}
const sortedInterface = ({ candidates, nats, network }: AddressInterface): AddressInterface => {
  const sorted = candidates.toSorted((a, b) => compare(key(a), key(b)))
  return {
    candidates: sorted.filter((one, at) => at === 0 || compare(key(one), key(sorted[at - 1]!)) !== 0),
    nats: nats
      .filter((brief) => Object.keys(brief).length > 2)
      .toSorted((a, b) =>
        compare([+(a.family === "IPv6"), +(a.transport === "tcp")], [+(b.family === "IPv6"), +(b.transport === "tcp")])
      ),
    ...(network && { network })
  }
}
const says = ({ candidates, nats, network }: AddressInterface): boolean =>
  candidates.length > 0 || nats.length > 0 || network !== undefined
const once = <A>(all: ReadonlyArray<A>): ReadonlyArray<A> => {
  const texts = all.map((one) => JSON.stringify(one))
  return all.filter((_, at) => texts.indexOf(texts[at]!) === at)
}
const normal = (given: PeerAddress): PeerAddress => ({
  ...given,
  interfaces: once(given.interfaces.map(sortedInterface).filter(says)),
  brokers: once(given.brokers)
})

const disturbed = (random: Luck, given: PeerAddress): PeerAddress => ({
  ...given,
  interfaces: given.interfaces.map((entry) => ({
    ...entry,
    candidates: Kit.shuffled(random, entry.candidates.concat(entry.candidates.slice(0, 3))),
    nats: Kit.shuffled(random, entry.nats)
  })),
  brokers: given.brokers.concat(given.brokers.slice(0, 1))
})

describe("an address", () => {
  it("is read as it was written, as bytes and as text", () => {
    const random = luck(501)
    const { options, sign } = Kit.ideal()
    const sizes = new Set<number>()
    for (let i = 0; i < 1500; i++) {
      const given = Kit.randomAddress(random)
      const signed = sign(given, random)
      assert.deepStrictEqual(signed.address, normal(given))
      assert.deepStrictEqual(Result.getOrThrow(decode(signed.bytes, options)), signed)
      const text = encodeText(signed)
      const read = random.chance(0.5) ? text : text.toUpperCase()
      assert.deepStrictEqual(Result.getOrThrow(decodeText(read, options)), signed)
      sizes.add(signed.bytes.length)
    }
    assert.isAbove(sizes.size, 250)
  })

  it("has the same bytes in whatever order its parts come, and however often", () => {
    const random = luck(502)
    for (let i = 0; i < 1000; i++) {
      const given = Kit.randomAddress(random)
      const bytes = Result.getOrThrow(toSign(given))
      assert.deepStrictEqual(Result.getOrThrow(toSign(disturbed(random, given))), bytes)
      assert.deepStrictEqual(Result.getOrThrow(toSign(normal(given))), bytes)
    }
  })

  it("keeps the order of interfaces and brokers", () => {
    const [first, second] = ["host tcp 192.0.2.1:1", "host tcp 192.0.2.2:1"].map((text) => ({
      candidates: [Kit.candidate(text)],
      nats: []
    }))
    const brokers = ["wss://b.example", "mqtt://a.example"]
    for (const interfaces of [
      [first!, second!],
      [second!, first!]
    ]) {
      const signed = Kit.signWith(Kit.ALICE, Kit.address({ interfaces, brokers }))
      const { address } = Result.getOrThrow(decode(signed.bytes, Kit.options))
      assert.deepStrictEqual(address.interfaces, interfaces)
      assert.deepStrictEqual(address.brokers, brokers)
    }
  })

  it("does not share memory with the bytes it came from", () => {
    const { bytes } = Kit.signWith(Kit.ALICE, worstUsual)
    const arena = Buffer.from(bytes)
    const read = Result.getOrThrow(decode(arena, Kit.options))
    const before = structuredClone([read.bytes, read.address.locality, read.address.interfaces[0]!.network])
    arena.fill(0xff)
    assert.deepStrictEqual([read.bytes, read.address.locality, read.address.interfaces[0]!.network], before)
  })

  it("of one interface with IPv4 and IPv6 has at most 400 letters", () => {
    const udp = realistic.interfaces[0]!.candidates.map(({ endpoint, kind }) => ({
      kind,
      transport: "udp" as const,
      endpoint
    }))
    const candidates = [...realistic.interfaces[0]!.candidates, ...udp]
    const both = { ...realistic, interfaces: [{ ...realistic.interfaces[0]!, candidates }] }
    const lengths = [realistic, both, worstUsual].map((given) => {
      const signed = Kit.signWith(Kit.ALICE, given)
      const text = encodeText(signed)
      assert.deepStrictEqual(Result.getOrThrow(decodeText(text, Kit.options)), signed)
      // QR codes hold these at 5.5 bits each (ISO/IEC 18004, alphanumeric mode).
      assert.match(text.toUpperCase(), /^[0-9A-Z $%*+\-./:]+$/)
      assert.isAtMost(text.length, 400)
      return text.length
    })
    assert.deepStrictEqual(lengths, [346, 352, 397])
  })
})
