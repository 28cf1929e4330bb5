/** What cannot be an address is not written, and why is said in the words of who made it. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { assemble, toSign } from "../../../src/protocols/address/PeerAddress.ts"
import type { AddressInterface, NatBrief, PeerAddress } from "../../../src/schemas/PeerAddress.ts"
import { limits } from "../../../src/schemas/PeerAddress.ts"
import * as Kit from "./kit.ts"

const withInterface = (parts: Partial<AddressInterface>): Partial<PeerAddress> => ({
  interfaces: [
    { candidates: [], nats: [] },
    { candidates: [], nats: [], ...parts }
  ]
})
const withCandidate = (text: string): Partial<PeerAddress> => withInterface({ candidates: [Kit.candidate(text)] })
const withBrief = (parts: Partial<NatBrief>): Partial<PeerAddress> =>
  withInterface({ nats: [{ family: "IPv6", transport: "udp", ...parts }] })
const many = <A>(count: number, make: (n: number) => A): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, n) => make(n))

const numbered = (n: number) => Kit.candidate(`host tcp 192.0.2.${n + 1}:${n + 1}`)
const wrong: ReadonlyArray<readonly [string, Partial<PeerAddress>]> = [
  ["sequence: -1 is no whole number from 0 to 2^53 - 1", { sequence: -1 }],
  ["sequence: 1.5 is no whole number from 0 to 2^53 - 1", { sequence: 1.5 }],
  ["sequence: 9007199254740992 is no whole number from 0 to 2^53 - 1", { sequence: 2 ** 53 }],
  ["expiry: 1500 is not milliseconds since 1970, in whole seconds and before 2106", { expires: 1500 }],
  ["expiry: NaN is not milliseconds since 1970, in whole seconds and before 2106", { expires: Number.NaN }],
  [
    "expiry: 4294967296000 is not milliseconds since 1970, in whole seconds and before 2106",
    { expires: 4_294_967_296_000 }
  ],
  ["interfaces: 9: at most 8", { interfaces: many(9, () => ({ candidates: [], nats: [] })) }],
  ["interface 2: 17 candidates: at most 16", withInterface({ candidates: many(17, numbered) })],
  ["interface 2, candidate 192.0.2.1:0: port 0", withCandidate("host tcp 192.0.2.1:0")],
  [
    "interface 2, candidate [fe80::1%3]:80: a scope id means nothing to others",
    withCandidate("host tcp [fe80::1%3]:80")
  ],
  ["interface 2, candidate [ff02::1]:80: a multicast address", withCandidate("host udp [ff02::1]:80")],
  [
    "interface 2: two NAT briefs of IPv6 udp",
    withInterface({ nats: many(2, () => ({ family: "IPv6", transport: "udp", hairpin: true })) })
  ],
  [
    "interface 2, NAT of IPv6 udp: a delta that is random has no step, this one has 3",
    withBrief({ delta: { kind: "random", step: 3 } })
  ],
  [
    "interface 2, NAT of IPv6 udp: a step of 1.5 between ports",
    withBrief({ delta: { kind: "independent", step: 1.5 } })
  ],
  ["interface 2, NAT of IPv6 udp: no port range: 5 to 65536", withBrief({ range: [5, 65_536] })],
  ["interface 2, NAT of IPv6 udp: no port range: -1 to 5", withBrief({ range: [-1, 5] })],
  ["interface 2: a network tag of 8 bytes: it has 6", withInterface({ network: new Uint8Array(8) })],
  ["locality: a salt of 4 bytes: it has 8", { locality: { salt: new Uint8Array(4) } }],
  [
    "locality: a machine tag of 32 bytes: it has 6",
    { locality: { salt: new Uint8Array(8), machine: new Uint8Array(32) } }
  ],
  ["brokers: 9: at most 8", { brokers: many(9, (n) => `mqtt://b${n}.example`) }],
  ["broker 1: 201 letters: at most 200", { brokers: [`mqtt://${"b".repeat(194)}`] }],
  ["broker 1: a broker begins with mqtt://, mqtts://, ws:// or wss://", { brokers: ["broker.example"] }],
  ["broker 1: to be written as mqtt://broker.example", { brokers: ["mqtt://broker.example:1883"] }],
  [
    "broker 1: a user name, password or query would be public: leave it out",
    { brokers: ["wss://me@broker.example/mqtt"] }
  ]
]

describe("toSign refuses", () => {
  it.each(wrong)("%s", (message, parts) => {
    assert.strictEqual(Kit.messageOf(toSign(Kit.address(parts))), `peer address, ${message}`)
    assert.isTrue(Result.isFailure(assemble(Kit.address(parts), new Uint8Array(64))))
  })

  it("more than fits, and says what would help", () => {
    const large = many(8, (i) => ({
      candidates: many(16, (n) => Kit.candidate(`host tcp [2001:db8:${i}:${n}::1]:${n + 1}`)),
      nats: []
    }))
    assert.strictEqual(
      Kit.messageOf(toSign(Kit.address({ interfaces: large }))),
      "peer address: 2568 bytes, 2048 are the most: leave out interfaces, candidates or brokers"
    )
    const fits = Result.getOrThrow(toSign(Kit.address({ interfaces: large.slice(0, 6) })))
    assert.isAtMost(fits.length + 64, limits.bytes)
  })

  it("and assemble a signature of another size", () => {
    assert.strictEqual(
      Kit.messageOf(assemble(Kit.address(), new Uint8Array(63))),
      "peer address, signature: 63 bytes: it has 64"
    )
  })
})
